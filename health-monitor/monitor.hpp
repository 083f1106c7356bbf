#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "health-monitor/budget/budget.hpp"
#include "health-monitor/detect/disks.hpp"
#include "health-monitor/detect/liveness.hpp"
#include "health-monitor/plugins/plugin.hpp"

namespace slipway::health {

struct MonitorSettings {
  LivenessSettings liveness;
  DiskSettings disks;
  Duration failing_for{};  // so long jobs may not be running before their VM is to blame; zero: for ever
  LadderSettings ladder;
  BudgetSettings budget;
  bool repairs = true;  // false: only watch and tell
};

// One request to the director: these instances of one deployment.
struct RepairOrder {
  std::string id;  // the same request sent twice is one
  std::string deployment;
  Rung rung = Rung::replace;
  bool failing_jobs = false;  // it is for those whose agents answer and whose jobs do not run
  std::map<std::string, std::vector<std::string>> jobs;  // group → ids
};

// How a request ended.
struct RepairOutcome {
  enum class End {
    done,
    failed,
    not_begun,  // the deployment was locked, or the director could not be asked
    paused,     // the director wants no repairs now
  };
  std::string deployment;
  End end = End::done;
  std::string task, error;
};

// What the monitor acts through. None of these may block.
class Hands {
 public:
  virtual ~Hands() = default;
  virtual void probe(const std::string& agent) = 0;
  virtual void repair(const RepairOrder& order) = 0;  // one at a time for a deployment
  virtual std::vector<RepairOutcome> outcomes() = 0;  // those that ended since the last call
  virtual void tell(Notice notice) = 0;
};

// All that is known and decided. No thread, no I/O and no clock of its own: step() is called again and
// again, and everything else is told to it from any thread.
class Monitor {
 public:
  Monitor(MonitorSettings settings, Hands& hands, Random& random);

  Liveness& liveness() { return liveness_; }

  void learn(Fleet fleet, Instant now);                         // the whole truth of the director
  void learn(Deployment deployment, Instant now);               // of one deployment
  void set_locked(const std::string& deployment, bool locked);  // told at once; learn() follows
  void set_leading(bool leading, Instant now);
  void set_paused(bool paused);  // by the director, for all
  void step(Instant now, Timestamp wall);

  // What an agent sent besides heartbeats.
  void alert_of(const std::string& agent, const Json& alert, Timestamp now);
  void shutdown_of(const std::string& agent, Timestamp now);
  // Fills in what the fleet knows of the agent; false when it knows nothing.
  bool complete(HeartbeatSample& sample) const;
  void note_job_state(const std::string& agent, const std::string& state, Timestamp now);
  void note_disks(const std::string& agent, const Json& vitals, Instant now, Timestamp wall);

  struct Figures {
    Liveness::Counts agents;
    bool leading = false, deaf = false;
    std::map<std::string, int> troubled;  // by kind
    std::map<std::string, int> held;      // by reason
    std::map<std::string, std::uint64_t> repairs_begun, repairs_ended;
    std::map<std::string, int> failing;  // instances by deployment whose jobs are not running
  };
  Figures figures() const;

 private:
  struct Troubled {
    Trouble trouble = Trouble::silent;
    Instant since{};
    bool under_repair = false;
    std::string agent;         // all but missing: whose silence, whose disk, whose jobs it is
    std::optional<Hold> told;  // the decision that was told last
  };
  using Key = std::pair<std::string, std::string>;  // deployment, instance id

  void rebuild(Instant now);
  void note_silent(const std::string& agent, Instant now, Timestamp wall);
  void note_back(Instant now, Timestamp wall);
  void note_missing(Instant now, Timestamp wall);
  void note_failing(Instant now, Timestamp wall);
  void watch_failing(Instant now);
  void note_full(const Instance& instance, const std::optional<std::string>& disk, Instant now, Timestamp wall);
  void note_outcomes(Instant now, Timestamp wall);
  void note_outcome(const RepairOutcome& outcome, Instant now, Timestamp wall);
  void drop_healed(Instant now);
  std::vector<Patient> patients() const;
  Situation situation(Instant now) const;
  void act(const std::vector<Decision>& decisions, Timestamp wall);
  // What one request can ask for: a rung, and whether it is for failing jobs.
  using Remedy = std::pair<Rung, bool>;
  void order(std::map<std::string, std::map<Remedy, std::vector<const Decision*>>> chosen, Timestamp wall);
  void tell_held(const Decision& decision, Timestamp wall);
  void tell_meltdown(const std::string& deployment, const std::vector<const Decision*>& held, Timestamp wall);
  void tell(Notice notice, const Instance* instance, Timestamp wall);

  const MonitorSettings settings_;
  Hands& hands_;
  Random& random_;
  Liveness liveness_;
  DiskWatch disks_;
  mutable std::mutex mutex_;
  Fleet fleet_;
  std::map<std::string, const Instance*> by_agent_;
  std::map<Key, const Instance*> by_key_;
  std::vector<Key> lacking_;  // those that shall have a VM and have none
  std::map<Key, Troubled> troubled_;
  std::map<Key, Lineage> lineages_;
  std::map<std::string, std::vector<Key>> in_repair_;  // by deployment
  std::map<std::string, std::string> job_states_;      // by agent, those that are not running
  struct Failing {
    Instant since{}, last_seen{};
  };
  std::map<std::string, Failing> failing_;  // by agent, while nobody works on it
  bool leading_ = false, paused_ = false, deaf_ = false, knows_fleet_ = false;
  std::map<std::string, std::uint64_t> begun_, ended_;
};

}  // namespace slipway::health
