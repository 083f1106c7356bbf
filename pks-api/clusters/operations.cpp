#include "pks-api/clusters/operations.hpp"

#include "base/yaml.hpp"
#include "pks-api/clusters/failure.hpp"
#include "pks-api/plans/versions.hpp"

namespace slipway::pks {

namespace {

constexpr int watch_seconds = 5;  // also how long a stop of the daemon may take
constexpr std::chrono::milliseconds retry_pause{1000};

std::string completed(const std::string& action) {
  if (action == "CREATE") return "Instance provisioning completed";
  if (action == "UPGRADE") return "Instance upgrade completed";
  return action == "DELETE" ? "Instance deletion completed" : "Instance update completed";
}

std::string under_way(const std::string& action) {
  if (action == "CREATE") return "Instance provisioning in progress";
  if (action == "UPGRADE") return "Instance upgrade in progress";
  return action == "DELETE" ? "Instance deletion in progress" : "Instance update in progress";
}

}  // namespace

Operations::Operations(Context context, std::size_t threads)
    : store_(context.store),
      director_(context.director),
      intents_(context.intents),
      board_(context.board),
      clock_(context.clock),
      log_(std::move(context.log)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Operations::~Operations() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
}

void Operations::take_up_all() {
  for (const auto& cluster : store_.all()) {
    if (cluster.state != in_progress) continue;
    log_.info("operation.taken_up", {{"cluster", cluster.name}, {"action", cluster.last_action}});
    wake(cluster.uuid);
  }
}

void Operations::wake(const std::string& cluster) {
  board_.touch(cluster);
  const std::lock_guard lock(mutex_);
  if (running_.contains(cluster)) {
    again_.insert(cluster);
  } else if (queued_.insert(cluster).second) {
    waiting_.push_back(cluster);
  }
  changed_.notify_all();
}

std::size_t Operations::running() {
  const std::lock_guard lock(mutex_);
  return running_.size() + waiting_.size();
}

void Operations::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (!stopping_ && waiting_.empty()) clock_.wait_until(lock, changed_, Instant::max());
    if (stopping_) return;
    const auto cluster = waiting_.front();
    waiting_.pop_front();
    queued_.erase(cluster);
    running_.insert(cluster);
    lock.unlock();
    carry(cluster);
    lock.lock();
    running_.erase(cluster);
    if (again_.erase(cluster) != 0 && queued_.insert(cluster).second) waiting_.push_back(cluster);
  }
}

void Operations::carry(const std::string& cluster) {
  while (!stopping()) {
    try {
      const auto record = store_.find_by_uuid(cluster);
      if (!record || record->state != in_progress) return;
      if (advance(*record) == Step::ended) return;
    } catch (const std::exception& error) {
      log_.error("operation.trouble", {{"cluster", cluster}, {"error", error.what()}});
      pause(retry_pause);
    }
  }
}

Operations::Step Operations::advance(ClusterRecord cluster) {
  try {
    if (!cluster.superseded.empty() && stop_superseded(cluster) == Step::again) return Step::again;
    if (cluster.task == 0) return submit(cluster);
    return follow(cluster);
  } catch (const Error& error) {
    if (error.fault() == Fault::retryable || error.fault() == Fault::outcome_unknown) {
      log_.warn("operation.waits", {{"cluster", cluster.name}, {"error", error.what()}});
      store_.describe(cluster, under_way(cluster.last_action) + "; waiting for the director");
      board_.touch(cluster.uuid);
      pause(retry_pause);
      return Step::again;
    }
    fail(cluster, failure_of(cluster.last_action, error.what()));
    return Step::ended;
  }
}

// What the older operation has at the director is cancelled and waited for: two tasks must
// not work on one deployment.
Operations::Step Operations::stop_superseded(const ClusterRecord& cluster) {
  if (cluster.task != 0) return Step::ended;
  const auto older = director_.find_task(cluster.superseded);
  if (!older || older->is_final()) return Step::ended;
  director_.cancel(older->id);
  pause(retry_pause);
  return Step::again;
}

// Versions are written down before anything is made with them: a repetition of the order means the same ones.
void Operations::pin_versions(ClusterRecord& cluster) {
  if (!cluster.versions.empty() || cluster.last_action == "DELETE") return;
  cluster.versions =
      resolve_versions(manifest_of(cluster, intents_), director_.releases(), director_.stemcells());
  store_.set_versions(cluster, cluster.versions);
}

Operations::Step Operations::submit(ClusterRecord cluster) {
  std::int64_t task = 0;
  if (const auto submitted = director_.find_task(cluster.operation)) {
    task = submitted->id;
  } else if (cluster.stop_wanted) {
    stop(cluster, failure_of(cluster.last_action, ""));
    return Step::ended;
  } else if (cluster.last_action == "DELETE") {
    const auto begun = director_.remove(deployment_of(cluster), cluster.operation);
    if (!begun) {
      vanish(cluster);
      return Step::ended;
    }
    task = *begun;
  } else {
    pin_versions(cluster);
    task = director_.deploy(to_yaml(manifest_of(cluster, intents_)), cluster.operation);
  }
  log_.info("operation.submitted", {{"cluster", cluster.name},
                                    {"action", cluster.last_action},
                                    {"operation", cluster.operation},
                                    {"task", std::to_string(task)}});
  store_.set_task(cluster, task);
  store_.describe(cluster, under_way(cluster.last_action));
  board_.begin(cluster.uuid, cluster.operation);
  return Step::again;
}

Operations::Step Operations::follow(const ClusterRecord& cluster) {
  std::uint64_t version = 0, offset = 0;
  FailureReader failure;
  board_.begin(cluster.uuid, cluster.operation);
  store_.describe(cluster, under_way(cluster.last_action));
  while (!stopping()) {
    const auto now = store_.find_by_uuid(cluster.uuid);
    if (!now || now->operation != cluster.operation || now->state != in_progress) break;
    if (now->stop_wanted) director_.stop_between_instances(cluster.task);
    const auto task = director_.watch(cluster.task, version, watch_seconds);
    if (!task) {  // the director has forgotten it: submit again
      store_.set_task(cluster, 0);
      return Step::again;
    }
    const auto lines = director_.events_since(cluster.task, offset);
    board_.apply(cluster.uuid, lines);
    failure.apply(lines);
    if (task->is_final()) {
      const auto otherwise =
          "director task " + std::to_string(task->id) + " ended as " + task->state + ", " + task->result;
      conclude(cluster, *task, failure.failure(cluster.last_action, otherwise));
      return Step::ended;
    }
    if (version == 0) pause(retry_pause);
  }
  return Step::again;
}

void Operations::conclude(ClusterRecord cluster, const DirectorTask& task, const Json& failure) {
  if (task.is_cancelled() && store_.find_by_uuid(cluster.uuid).value_or(cluster).stop_wanted) {
    stop(cluster, failure);
    return;
  }
  if (!task.is_done()) {
    fail(cluster, failure);
    return;
  }
  if (cluster.last_action == "DELETE") {
    vanish(cluster);
    return;
  }
  cluster.ips = ips_of(cluster);
  cluster.last_good = good_state(cluster);
  store_.finish(cluster, succeeded, completed(cluster.last_action));
  log_.info("operation.succeeded", {{"cluster", cluster.name}, {"action", cluster.last_action}});
  board_.touch(cluster.uuid);
}

void Operations::fail(ClusterRecord cluster, const Json& failure) {
  cluster.failure = failure;
  const auto text = told(failure);
  log_.warn("operation.failed",
            {{"cluster", cluster.name}, {"action", cluster.last_action}, {"error", text}});
  store_.finish(cluster, failed, text);
  board_.touch(cluster.uuid);
}

void Operations::stop(const ClusterRecord& cluster, Json failure) {
  failure["reason"] = "Stopped between two nodes, as was asked for";
  failure["stopped"] = true;
  fail(cluster, failure);
}

void Operations::vanish(const ClusterRecord& cluster) {
  store_.remove(cluster);
  log_.info("operation.deleted", {{"cluster", cluster.name}});
  board_.forget(cluster.uuid);
}

std::vector<std::string> Operations::ips_of(const ClusterRecord& cluster) const {
  const auto plan = plan_of(cluster, intents_.plans);
  std::vector<std::string> ips;
  for (const auto& instance : director_.instances(deployment_of(cluster))) {
    if (plan && instance.group != plan->address_group) continue;
    ips.insert(ips.end(), instance.ips.begin(), instance.ips.end());
  }
  return ips;
}

void Operations::pause(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  const auto until = clock_.monotonic() + duration;
  while (!stopping_ && clock_.monotonic() < until) clock_.wait_until(lock, changed_, until);
}

bool Operations::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace slipway::pks
