#include "stemcells/agent/agent.hpp"

#include <malloc.h>

#include <utility>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "stemcells/agent/connection_check.hpp"
#include "stemcells/agent/network.hpp"
#include "stemcells/agent/scripts.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

Agent::Agent(AgentOptions options, Json boot, NodeLog log)
    : options_(std::move(options)),
      boot_(std::move(boot)),
      log_(log),
      update_(load_update_settings(options_.paths)),
      settings_(effective_settings(boot_, update_)),
      agent_id_(settings_.agent_id),
      spec_(load_spec(options_.paths)),
      vitals_(options_.paths),
      disks_(options_.paths, options_.skip_disk_setup, log_),
      slow_(std::make_unique<ThreadPool>(1, 64)),
      tasks_(std::make_unique<Tasks>(random_, [this](const std::string& id) { task_ended(id); })) {
  bus_ = std::make_unique<Bus>(BusSettings{settings_.mbus_urls, settings_.identity, agent_id_},
                               [this](std::string_view payload) { on_message(payload); },
                               [this] { repeat_heartbeat(); }, log_);
  auto on_failure = [this](const ProcessFailure& failure) { send_alert(failure); };
  supervisor_ = with_checks(
      options_.systemd ? make_systemd_supervisor(on_failure, log_) : make_direct_supervisor(on_failure, log_), on_failure,
      log_, problem_of);
  add_actions();
  add_job_actions();
  add_blob_actions();
  add_disk_actions();
}

Agent::~Agent() {
  bus_->stop();  // no more requests; then the workers, which may still use everything else
  tasks_.reset();
  slow_.reset();
  supervisor_.reset();
}

void Agent::start() {
  const Settings now = settings();
  disks_missing_ = !disks_.mount_again(now.persistent_disk_fs, now.persistent_disk_mount_options).empty();
  if (!link_disks_again(now)) disks_missing_ = true;
  bring_jobs_back();
  bus_->on_connected([this] {
    const std::lock_guard lock(loop_mutex_);
    heartbeat_due_ = true;
    loop_changed_.notify_all();
  });
  bus_->start();
}

void Agent::bring_jobs_back() {
  const auto& paths = options_.paths;
  make_run_folders(paths, current_spec());
  try {
    supervisor_->define(load_processes(paths, log_));
    if (fs::exists(paths.stopped_mark())) return;
    if (disks_missing_) {
      // Jobs that find an empty store would make it their truth.
      log_.error("jobs.not_started", {{"reason", "a persistent disk is missing"}});
      return;
    }
    supervisor_->start();
  } catch (const Error& error) {
    log_.error("jobs.not_started", {{"reason", error.what()}});
  }
}

// Asking systemd and the kernel costs a process and some milliseconds. Agents that beat every second say in
// between what they said last: a process that dies makes them look at once.
constexpr std::chrono::seconds look_every{10};

void Agent::run() {
  std::unique_lock lock(loop_mutex_);
  auto next = std::chrono::steady_clock::now(), next_look = next;
  while (!stopping_) {
    loop_changed_.wait_until(lock, std::min(next, held_polls_.next().value_or(next)),
                             [this] { return stopping_ || heartbeat_due_ || poll_held_; });
    if (stopping_) break;
    const auto now = std::chrono::steady_clock::now();
    const bool look = std::exchange(heartbeat_due_, false) || now >= next_look || last_heartbeat_.empty();
    const bool beat = look || now >= next;
    poll_held_ = false;
    const auto impatient = held_polls_.take_expired(now);
    lock.unlock();
    for (const auto& request : impatient) answer_poll(request);
    if (beat && !look) repeat_heartbeat();
    if (look) {
      send_heartbeat();
      // What a handshake or a deploy needed goes back to the node.
      ::malloc_trim(0);
    }
    lock.lock();
    if (beat) next = std::chrono::steady_clock::now() + std::chrono::seconds(options_.heartbeat_seconds);
    if (look) next_look = std::max(next, std::chrono::steady_clock::now() + look_every);
  }
}

void Agent::stop() {
  const std::lock_guard lock(loop_mutex_);
  stopping_ = true;
  loop_changed_.notify_all();
}

Settings Agent::settings() const {
  const std::lock_guard lock(settings_mutex_);
  return settings_;
}

Blobs Agent::blobs() const { return Blobs(settings().blobstore, options_.paths); }

Json Agent::current_spec() const {
  const std::lock_guard lock(spec_mutex_);
  return spec_;
}

std::string Agent::current_job_state(const std::vector<ProcessStatus>& processes) const {
  if (disks_missing_) return "failing";
  return job_state(processes, fs::exists(options_.paths.stopped_mark()));
}

void Agent::send_heartbeat() {
  try {
    const Json spec = current_spec();
    const auto processes = supervisor_->status();
    const auto text = [&](const char* key) {
      const auto found = spec.find(key);
      return found != spec.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    Heartbeat heartbeat{.deployment = text("deployment"), .job = text("name"), .node_id = text("id")};
    const auto index = spec.find("index");
    if (index != spec.end() && index->is_number_integer()) heartbeat.index = index->get<int>();
    heartbeat.job_state = current_job_state(processes);
    heartbeat.number_of_processes = static_cast<int>(processes.size());
    heartbeat.vitals = vitals_.read();
    auto text_of_it = dump(to_json(heartbeat));
    bus_->publish(heartbeat_subject(agent_id_), text_of_it);
    const std::lock_guard lock(loop_mutex_);
    last_heartbeat_ = std::move(text_of_it);
  } catch (const std::exception& error) {
    log_.warn("heartbeat.failed", {{"error", error.what()}});
  }
}

// A probe asks whether we are there. What we said last costs nothing to say again; news come when they are due.
void Agent::repeat_heartbeat() {
  std::string last;
  {
    const std::lock_guard lock(loop_mutex_);
    last = last_heartbeat_;
    if (last.empty()) {
      heartbeat_due_ = true;
      loop_changed_.notify_all();
    }
  }
  if (!last.empty()) bus_->publish(heartbeat_subject(agent_id_), last);
}

void Agent::send_alert(const ProcessFailure& failure) {
  const Settings now = settings();
  const NetworkSettings* network = now.default_network();
  const SystemClock clock;
  // As BOSH's agent rates monit's events: 1 alert, 2 critical, 3 error, 4 warning.
  const bool silent = failure.event == ProcessFailure::Event::connection_failed;
  const Json message{{"id", random_.uuid()},
                     {"severity", silent ? 3 : 1},
                     {"title", failure.process + " (" + (network ? network->ip : "") + ") - " +
                                   (silent ? "connection failed" : "does not exist") + " - " +
                                   (failure.restarts ? "restart" : "alert")},
                     {"summary", failure.description},
                     {"created_at", to_epoch_seconds(clock.now())}};
  bus_->publish(alert_subject(agent_id_), dump(message));
  const std::lock_guard lock(loop_mutex_);
  heartbeat_due_ = true;
  loop_changed_.notify_all();
}

void Agent::on_message(std::string_view payload) {
  AgentRequest request;
  try {
    request = decode_request(payload);
  } catch (const Error& error) {
    log_.warn("request.rubbish", {{"bytes", std::to_string(payload.size())}, {"error", error.what()}});
    return;
  }
  if (!request.reply_to.empty() && !may_reply_to(request.reply_to)) {
    log_.warn("request.bad_reply_to", {{"method", request.method}});
    return;
  }
  const auto action = actions_.find(request.method);
  if (action == actions_.end()) {
    reply(request, AgentReply{.value = {}, .exception = "unknown message " + request.method});
    return;
  }
  dispatch(request, action->second);
}

void Agent::dispatch(const AgentRequest& request, const Action& action) {
  static const std::atomic<bool> never{false};
  switch (action.where) {
    case Where::quick:
      answer(request, [&] { return action.run(request.arguments, never); });
      return;
    case Where::slow: {
      const bool taken = slow_->try_submit([this, request, &action] {
        answer(request, [&] { return action.run(request.arguments, never); });
      });
      if (!taken) answer(request, []() -> Json { throw Error(Fault::exhausted, "too many requests are waiting"); });
      return;
    }
    case Where::poll:
      if (!hold_poll(request)) answer_poll(request);
      return;
    case Where::task:
    case Where::cancellable_task:
      answer(request, [&] {
        const auto& key = request.request_id.empty() ? request.reply_to : request.request_id;
        const auto id = tasks_->submit(
            request.method, action.where == Where::cancellable_task, key,
            [this, &action, method = request.method, arguments = request.arguments](const auto& cancelled) {
              log_.info("task.begin", {{"method", method}});
              Json value = action.run(arguments, cancelled);
              log_.info("task.end", {{"method", method}});
              return value;
            });
        return running_task(id);
      });
      return;
  }
}

// True when the answer comes later. A task that ended before its poll was held is found by
// looking again.
bool Agent::hold_poll(const AgentRequest& request) {
  const auto running = [&]() -> std::optional<std::string> {
    try {
      return running_task_id(actions_.at(request.method).run(request.arguments, false));
    } catch (const std::exception&) {
      return std::nullopt;  // the answer says why
    }
  };
  const auto task = running();
  if (!task) return false;
  {
    const std::lock_guard lock(loop_mutex_);
    if (!held_polls_.hold(*task, request, std::chrono::steady_clock::now())) return false;
    poll_held_ = true;
  }
  loop_changed_.notify_all();
  if (!running()) task_ended(*task);
  return true;
}

void Agent::answer_poll(const AgentRequest& request) {
  answer(request, [&] { return actions_.at(request.method).run(request.arguments, false); });
}

void Agent::task_ended(const std::string& id) {
  std::vector<AgentRequest> asked;
  {
    const std::lock_guard lock(loop_mutex_);
    asked = held_polls_.take_of(id);
  }
  for (const auto& request : asked) answer_poll(request);
}

void Agent::answer(const AgentRequest& request, const std::function<Json()>& work) {
  AgentReply answer;
  try {
    answer.value = work();
  } catch (const std::exception& error) {
    answer.exception = "Action Failed " + request.method + ": " + error.what();
    log_.warn("request.failed", {{"method", request.method}, {"error", error.what()}});
  }
  reply(request, answer);
}

void Agent::reply(const AgentRequest& request, const AgentReply& answer) {
  if (request.reply_to.empty()) return;
  if (!bus_->publish(request.reply_to, encode(answer))) log_.warn("reply.dropped", {{"method", request.method}});
}

}  // namespace slipway::agent
