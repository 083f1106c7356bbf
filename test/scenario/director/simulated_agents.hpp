#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "cpi/simulated/cloud.hpp"
#include "director/agents/agent_access.hpp"
#include "director/agents/agent_client.hpp"

namespace slipway::test {

using cpi::AgentId;

// The agents of a simulated cloud's VMs, one for each VM that exists. Stricter than the real
// one: what a director must not do (start before apply, unmount what is not mounted, apply
// without the packages' blobs) is refused and remembered.
class SimulatedAgents final : public director::AgentClient {
 public:
  explicit SimulatedAgents(cpi::SimulatedCloud& cloud);

  Json request(const AgentId& agent, const std::string& method, const Json& arguments,
               std::chrono::milliseconds timeout, const std::string& request_id = {}) override;
  void post(const AgentId& agent, const std::string& method, const Json& arguments) override;
  bool wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) override;

  // The next call of `method` on any agent answers with this exception.
  void fail_next(const std::string& method, const std::string& exception);
  // What a start makes of the jobs.
  std::string state_after_start = "running";
  // Called before every request; may throw to stand for the director's death.
  std::function<void(const AgentId&, const std::string& method)> before;
  // Called when somebody has waited in vain for an agent: time has passed.
  std::function<void(std::chrono::milliseconds)> waited;
  // Stores a compiled package as `blob`, or, when that is empty, under an id of its own: id and digest.
  std::function<std::pair<std::string, std::string>(const std::string& package, const std::string& blob)> compile;
  // The blob that this URL lets `method` be performed on; empty: it lets nothing be done.
  std::function<std::string(const std::string& method, const std::string& url)> blob_at;
  // Whether the blobstore has this blob with this digest: an agent that cannot fetch a package refuses.
  std::function<bool(const std::string& blob, const std::string& digest)> holds_blob;

  // What an errand's program comes to: {exit_code, stdout, stderr}, or nothing as long as it runs.
  // Asked at its start and at every look. As it is: it succeeds at once.
  std::function<std::optional<Json>(const AgentId&, const std::string& job)> errand;
  // False: as BOSH's agents, which begin a long action as often as they are asked to.
  bool knows_request_ids = true;
  // Stores logs of the types, as `compile` does its packages.
  std::function<std::pair<std::string, std::string>(const AgentId&, const std::string& types, const std::string& blob)>
      pack_logs;

  void silence(const AgentId& agent);
  void copy(const SimulatedAgents& others);  // with what they remember
  std::set<std::string> accounts(const AgentId& agent) const;  // made for ssh
  void revive(const AgentId& agent);
  bool is_silent(const AgentId& agent) const;  // or is there none
  void deafen(const AgentId& agent);                         // silent, and a reboot does not help
  // "percent" of a disk of its VM ("ephemeral"), which it calls its own or does not.
  void fill_disk(const AgentId& agent, const std::string& disk, int percent, bool own = true);
  void fail_jobs(const AgentId& agent);  // they do not run, and it cannot help it
  void drop_mount(const AgentId& agent, const std::string& disk);  // unmounted by hand
  std::vector<std::string> calls(const AgentId& agent) const;  // methods in order, scripts as run_script:NAME
  std::map<std::string, Json> last_scripts_environment(const AgentId& agent) const;
  std::optional<Json> spec(const AgentId& agent) const;
  std::string job_state(const AgentId& agent) const;
  std::set<std::string> mounted(const AgentId& agent) const;
  std::map<std::string, std::string> linked(const AgentId& agent) const;  // named disks: name → cid
  std::int64_t dns_version(const AgentId& agent) const;  // it was told last
  // Whose data is on a disk: the id of the instance whose jobs first ran with it.
  std::string data_on(const std::string& disk) const;
  // The disk on which these data were first written, wherever they were migrated since.
  std::string origin_of(const std::string& disk) const;
  std::vector<std::string> violations() const;
  int most_stopped_at_once() const { return most_stopped_; }
  int errands_begun() const;

 private:
  struct State {
    Json spec = Json::object();
    std::string job_state = "stopped";
    std::set<std::string> hinted;
    Json disks = Json::object();  // of the vitals
    std::string on_store, on_migration_target;  // disks, by where they are mounted
    std::map<std::string, std::string> links;   // named disks: name → cid
    std::vector<std::string> calls;
    std::map<std::string, Json> script_environment;
    std::int64_t dns_version = 0;
    bool silent = false, deaf = false;
    bool has_password = false;  // of the blobstore
    bool has_jobs = false;
    std::string errand_task, errand_job, errand_request;  // the last one begun
    bool errand_cancelled = false;
    std::optional<Json> errand_result;    // empty while it runs
    std::set<std::string> accounts;
  };
  Json answer(State& state, const AgentId& agent, const std::string& method, const Json& arguments);
  Json answer_about_jobs(State& state, const AgentId& agent, const std::string& method, const Json& arguments);
  void start_jobs(State& state, const AgentId& agent);
  void link_disks(State& state, const AgentId& agent, const Json& associations);
  Json begin_errand(State& state, const AgentId& agent, const Json& arguments, const std::string& request_id);
  Json look_at_errand(State& state, const AgentId& agent, const std::string& task);
  Json ssh(State& state, const AgentId& agent, const Json& arguments);
  std::string put_at(const AgentId& agent, const std::string& url);
  // A blob and its digest, as packages have them.
  void fetch(const State& state, const AgentId& agent, const Json& blob, const std::string& what);
  void fetch_all(const State& state, const AgentId& agent, const Json& spec);
  Json answer_with_signed_url(State& state, const AgentId& agent, const std::string& method, const Json& in);
  static std::set<std::string> mounted_of(const State& state);
  void violate(const AgentId& agent, const std::string& what);
  void count_stopped();

  mutable std::mutex mutex_;
  std::map<AgentId, State> agents_, gone_;
  std::map<std::string, std::string> data_, origins_;  // by disk
  std::map<std::string, std::string> scripted_failures_;
  std::vector<std::string> violations_;
  int most_stopped_ = 0;
  int errands_begun_ = 0;
};

// Remembers who may talk; hands out placeholders for certificates.
class SimulatedAccess final : public director::AgentAccess {
 public:
  void allow(const AgentId& agent) override;
  void forbid(const AgentId& agent) override;
  Json issue_bootstrap(const AgentId& agent) override;
  Json issue_permanent(const AgentId& agent) override;
  std::set<AgentId> allowed() const;
  bool is_allowed(const AgentId& agent) const;

 private:
  mutable std::mutex mutex_;
  std::set<AgentId> allowed_;
};

}  // namespace slipway::test
