#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace slipway::pks {

// What an operation is doing right now, read off the director's event lines.
struct Progress {
  std::string operation;
  std::string stage;  // e.g. "Updating instance"
  std::string step;   // e.g. "etcd/3f… (0) (canary)"
  int done = 0, total = 0;  // steps of the stage; of its groups as far as they have begun
  std::map<std::string, int> totals;  // by the tags of the stage, as Updating instance has one for each group
  std::vector<std::string> finished_stages;

  // One line of a task's event output; anything else is ignored.
  void apply(const std::string& line, std::set<std::string>& running);
};

// The stages that an action still has ahead, as far as is known.
std::vector<std::string> stages_ahead(const std::string& action, const Progress& progress);

// The progress of all operations under way. It lives in memory: after a restart it is
// read again from the director. Thread-safe.
class ProgressBoard {
 public:
  explicit ProgressBoard(Clock& clock) : clock_(clock) {}

  void begin(const std::string& cluster, const std::string& operation);
  void apply(const std::string& cluster, const std::vector<std::string>& lines);
  void touch(const std::string& cluster);  // its record has changed
  void forget(const std::string& cluster);

  struct Seen {
    std::uint64_t version = 0;
    Progress progress;
  };
  // Returns when something has changed since `version`, at the latest after `patience`.
  // Few may wait at once, so that request threads stay free: the rest is answered at once.
  Seen wait(const std::string& cluster, std::uint64_t version, std::chrono::seconds patience,
            std::size_t max_waiting);

 private:
  struct Entry {
    std::uint64_t version = 1;
    Progress progress;
    std::set<std::string> running;
  };
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Entry> entries_;
  std::uint64_t last_version_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace slipway::pks
