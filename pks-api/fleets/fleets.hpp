#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "pks-api/clusters/clusters.hpp"

namespace slipway::pks {

// What a step of an upgrade of many would begin next: pure, so that it can be tried without clusters.
// Canaries go one at a time and first; when one fails, nothing more is begun. Of the others so many run at
// once, and one that fails does not stop the rest.
struct FleetStep {
  std::vector<std::size_t> begin;  // members
  std::vector<std::size_t> drop;   // members that will never be begun
  std::string why;                 // they are dropped
  bool ended = false;              // nothing runs and nothing is left to begin
};
FleetStep next_step(const FleetTask& task);

// How a task stands: "running", "pausing" and "aborting" until what runs has stopped, "paused", "canceling" until
// what runs has ended, "ended".
std::string phase_of(const FleetTask& task);

// Upgrades of many clusters. The store is the only state: a task begun by a process that died is gone on
// with, and no cluster's upgrade is begun twice, because its operation's id is written down before.
// Thread-safe.
class Fleets {
 public:
  struct Context {  // what it refers to outlives it
    FleetStore& store;
    ClusterStore& clusters_store;
    Clusters& clusters;
    Clock& clock;
    Random& random;
    Log log;
  };
  explicit Fleets(Context context);
  ~Fleets();

  // `request`: {clusters, canaries, max_in_flight}. All clusters have to be the caller's to change.
  FleetTask create(const Caller& caller, const Json& request);
  std::vector<FleetTask> list(const Caller& caller, std::size_t limit);
  FleetTask get(const Caller& caller, const std::string& uuid);
  // What is queued is not begun any more; what runs goes on to its end. Fault::conflict when it has ended.
  FleetTask cancel(const Caller& caller, const std::string& uuid);
  // Nothing more is begun, and what runs stops between two nodes; all of that goes on with resume(), in the
  // versions it was begun with. Fault::conflict when it has ended or was canceled.
  FleetTask pause(const Caller& caller, const std::string& uuid);
  FleetTask resume(const Caller& caller, const std::string& uuid);  // Fault::conflict unless it is to pause
  // Nothing more is begun, and what runs fails between two nodes. Fault::conflict when it has ended.
  FleetTask abort(const Caller& caller, const std::string& uuid);
  // Begins anew with all members of an ended task that have not succeeded. Fault::conflict when it goes on, or
  // all have.
  FleetTask retry(const Caller& caller, const std::string& uuid);

 private:
  FleetTask steerable(const Caller& caller, const std::string& uuid);
  // The task as it is now, after `verb` was done to it.
  FleetTask steered(const Caller& caller, const std::string& uuid, const std::string& verb);
  void work();
  void advance(FleetTask task);
  void look_after(const FleetTask& task, FleetMember& member);
  void begin(const FleetTask& task, FleetMember& member);
  void stopped(const FleetTask& task, FleetMember& member);
  void end_member(const FleetTask& task, FleetMember& member, const std::string& state,
                  const std::string& description);

  FleetStore& store_;
  ClusterStore& clusters_store_;
  Clusters& clusters_;
  Clock& clock_;
  Random& random_;
  Log log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace slipway::pks
