#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/parallel.hpp"
#include "base/random.hpp"
#include "stemcells/agent/bus.hpp"
#include "stemcells/agent/disks.hpp"
#include "stemcells/agent/held_polls.hpp"
#include "stemcells/agent/jobs.hpp"
#include "stemcells/agent/protocol/protocol.hpp"
#include "stemcells/agent/supervisor.hpp"
#include "stemcells/agent/tasks.hpp"
#include "stemcells/agent/vitals.hpp"

namespace slipway::agent {

struct AgentOptions {
  Paths paths;
  bool systemd = true;          // false: --no-systemd
  bool skip_disk_setup = false;
  int heartbeat_seconds = 30;
};

// The node's daemon: answers the director, keeps the jobs alive, tells the health monitor.
// Quick actions are answered on the bus's thread, slower ones on a thread of their own, long
// ones by one serial worker; see actions.cpp for which is which.
class Agent {
 public:
  // `boot` as fetched from the cloud; disks, network and layout stand already (boot.hpp).
  Agent(AgentOptions options, Json boot, NodeLog log);
  ~Agent();

  // Mounts what was mounted, brings the jobs of an earlier life back, connects.
  void start();
  // Sends heartbeats until stop() was called; returns then.
  void run();
  void stop();  // from any thread

  // One request as it came from the bus. Public for tests.
  void on_message(std::string_view payload);

 private:
  enum class Where { quick, slow, poll, task, cancellable_task };
  struct Action {
    Where where;
    std::function<Json(const Json& arguments, const std::atomic<bool>& cancelled)> run;
  };

  void add_actions();
  void add_job_actions();
  void add_blob_actions();
  void add_disk_actions();
  void dispatch(const AgentRequest& request, const Action& action);
  void answer(const AgentRequest& request, const std::function<Json()>& work);
  void reply(const AgentRequest& request, const AgentReply& reply);
  bool hold_poll(const AgentRequest& request);
  void answer_poll(const AgentRequest& request);
  void task_ended(const std::string& id);

  Json get_state(bool full);
  Json apply(const Json& json);
  Json start_jobs();
  Json stop_jobs();
  Json drain(const Json& arguments, const std::atomic<bool>& cancelled);
  Json errand(const Json& arguments, const std::atomic<bool>& cancelled);
  Json run_script(const Json& arguments);
  Json update_settings(const Json& arguments);
  Json fetch_logs(const Json& arguments);
  Json fetch_logs_signed(const Json& arguments);
  Json bundle_logs(const Json& arguments);
  Json upload_blob(const Json& arguments);
  Json sync_dns_signed(const Json& arguments);

  Settings settings() const;
  Blobs blobs() const;
  Json current_spec() const;
  std::string current_job_state(const std::vector<ProcessStatus>& processes) const;
  void link_disk_associations(const Settings& settings);
  bool link_disks_again(const Settings& settings);  // at boot; false: one is missing
  void send_heartbeat();
  void repeat_heartbeat();
  void send_alert(const ProcessFailure& failure);
  void bring_jobs_back();

  AgentOptions options_;
  Json boot_;
  NodeLog log_;
  SystemRandom random_;
  mutable std::mutex settings_mutex_;
  Json update_;
  Settings settings_;
  std::string agent_id_;
  mutable std::mutex spec_mutex_;
  Json spec_;
  Vitals vitals_;
  Disks disks_;
  std::map<std::string, Action> actions_;
  std::mutex loop_mutex_;
  std::condition_variable loop_changed_;
  bool stopping_ = false;
  bool heartbeat_due_ = false;
  std::string last_heartbeat_;
  bool poll_held_ = false;  // lately: its time may be the next to be up
  HeldPolls held_polls_;
  bool disks_missing_ = false;
  std::unique_ptr<Bus> bus_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<ThreadPool> slow_;
  std::unique_ptr<Tasks> tasks_;
};

// trusted_certs of update_settings into the system's store. Does nothing when unchanged.
void install_trusted_certs(const std::string& pem, const NodeLog& log);

}  // namespace slipway::agent
