#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "pks-api/clusters/director.hpp"
#include "pks-api/clusters/intent.hpp"
#include "pks-api/clusters/progress.hpp"

namespace slipway::pks {

// Carries the operations in the store through the director to their end. The store is the
// only state: an operation begun by a process that died is found there, and the director is
// asked under the operation's id whether it was submitted, so nothing is done twice. While
// the director is away an operation waits and says so. A cluster has one operation at a
// time; a newer one stops the older one first.
class Operations {
 public:
  struct Context {  // what it refers to outlives it
    ClusterStore& store;
    const DirectorClient& director;
    Intents intents;
    ProgressBoard& board;
    Clock& clock;
    Log log;
  };
  Operations(Context context, std::size_t threads);
  ~Operations();  // what runs stays in progress, for the next start

  void take_up_all();                     // all that is in progress in the store
  void wake(const std::string& cluster);  // by uuid; a new operation is in the store
  std::size_t running();

 private:
  enum class Step { again, ended };
  void work();
  void carry(const std::string& cluster);
  Step advance(ClusterRecord cluster);
  Step stop_superseded(const ClusterRecord& cluster);
  Step submit(ClusterRecord cluster);
  void pin_versions(ClusterRecord& cluster);
  Step follow(const ClusterRecord& cluster);
  void conclude(ClusterRecord cluster, const DirectorTask& task, const Json& failure);
  void fail(ClusterRecord cluster, const Json& failure);
  void stop(const ClusterRecord& cluster, Json failure);
  void vanish(const ClusterRecord& cluster);
  std::vector<std::string> ips_of(const ClusterRecord& cluster) const;
  void pause(std::chrono::milliseconds duration);
  bool stopping();

  ClusterStore& store_;
  const DirectorClient& director_;
  Intents intents_;
  ProgressBoard& board_;
  Clock& clock_;
  Log log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  std::set<std::string> queued_, again_, running_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace slipway::pks
