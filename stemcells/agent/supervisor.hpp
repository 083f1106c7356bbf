#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/monit.hpp"
#include "stemcells/agent/paths.hpp"

namespace slipway::agent {

struct ProcessStatus {
  std::string name;
  std::string state;  // running, starting, failing, stopped
  int pid = 0;        // 0: none
  std::optional<long> uptime_seconds;
};

// What went wrong with a process that is meant to run, in monit's words, and what is done about it.
struct ProcessFailure {
  enum class Event { does_not_exist, connection_failed };

  std::string process;
  Event event = Event::does_not_exist;
  std::string description;
  bool restarts = true;
};

// Keeps the processes of the applied jobs alive. All methods may be called from any thread.
class Supervisor {
 public:
  using OnFailure = std::function<void(const ProcessFailure& failure)>;

  virtual ~Supervisor() = default;

  // Replaces the set of processes. Those that stay in the set keep running.
  virtual void define(const std::vector<MonitProcess>& processes) = 0;
  virtual void start() = 0;  // asks for it and returns; status() tells how far it is
  // Dependants first; returns when all are gone or `limit` is over (what is left is killed).
  virtual void stop(std::chrono::seconds limit) = 0;
  // Processes keep running but are not restarted any more, until start().
  virtual void unmonitor() = 0;
  // Asks for one process to end and to be started again, which is no failure to be told. Only between start() and stop().
  virtual void restart(const std::string& process) = 0;
  virtual std::vector<ProcessStatus> status() = 0;
};

std::unique_ptr<Supervisor> make_systemd_supervisor(Supervisor::OnFailure on_failure, const NodeLog& log);
// Spawns and watches by itself, for tests on a machine without systemd: no cgroups, so a
// process that leaves its pid file behind is all that it can find.
std::unique_ptr<Supervisor> make_direct_supervisor(Supervisor::OnFailure on_failure, const NodeLog& log);

// Says what is wrong, empty when nothing is (connection_check.hpp).
using Probe = std::function<std::string(const ConnectionCheck& check)>;
// Has the processes that their monit files' "if failed" rules find silent restarted by `inner`, or tells of them, and calls
// them failing until they answer. One that has not answered yet is called failing when it is late, but let go on.
std::unique_ptr<Supervisor> with_checks(std::unique_ptr<Supervisor> inner, Supervisor::OnFailure on_failure,
                                        const NodeLog& log, Probe probe,
                                        std::chrono::milliseconds cycle = std::chrono::seconds(monit_cycle_seconds));

// The unit systemd gets for one process. `restart` false: an unmonitored one. `agent_program`
// is what knows --start-program (start_program.hpp).
std::string unit_name(const std::string& process);
std::string render_unit(const MonitProcess& process, bool restart, const std::string& agent_program);

// One word for all: failing before starting before running; "stopped" when `stopped` says
// that the jobs are not meant to run; "running" for a node without processes.
std::string job_state(const std::vector<ProcessStatus>& processes, bool stopped);

// Dependencies first; a cycle or an unknown name is ignored, as monit's order would be moot.
std::vector<MonitProcess> in_start_order(const std::vector<MonitProcess>& processes);

}  // namespace slipway::agent
