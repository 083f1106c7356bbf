#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/sql/database.hpp"

namespace slipway::director {

// Keeps a second director from a store that is meant for one. On SQLite the proof is a
// locked file beside the database, which the kernel lets go the moment its holder dies: a
// restart after a crash waits for nothing. On a server only a heartbeat can tell.
class DirectorLease {
 public:
  struct Options {
    std::string id;           // unique for each process start
    std::string description;  // who that is, for the error another director prints
    std::string lock_file;    // beside an SQLite database; empty for PostgreSQL
    bool shared = false;      // several directors are wanted (PostgreSQL only)
    std::chrono::seconds silent_for{30};
    // Brings the schema up to date. With a lock file only its holder does so: a newer director
    // that is refused leaves the tables of the running one as they are.
    std::function<void()> migrate;
  };

  // Fault::conflict names the director that runs already. `on_lost` is called from a thread of
  // the lease when it could not be renewed in time or somebody took it: the process must end.
  DirectorLease(sql::Database& db, Clock& clock, Options options, std::function<void()> on_lost);
  ~DirectorLease();
  DirectorLease(const DirectorLease&) = delete;
  DirectorLease& operator=(const DirectorLease&) = delete;

  bool sole() const;  // nobody else runs on this store: for TaskQueue::Options

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::director
