#include "pks-api/fleets/fleets.hpp"

#include <algorithm>

namespace slipway::pks {

namespace {

constexpr std::chrono::milliseconds pace{500};
constexpr std::size_t max_members = 10'000;
constexpr const char* queued = "queued";
constexpr const char* wish_pause = "pause";

bool is_among(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

Fleets::Fleets(Context context)
    : store_(context.store),
      clusters_store_(context.clusters_store),
      clusters_(context.clusters),
      clock_(context.clock),
      random_(context.random),
      log_(std::move(context.log)),
      thread_([this] { work(); }) {}

Fleets::~Fleets() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

FleetTask Fleets::create(const Caller& caller, const Json& request) {
  if (!caller.changes())
    throw Error(Fault::forbidden, "upgrading needs scope pks.clusters.manage or pks.clusters.admin");
  Problems problems;
  JsonReader in(request, "", problems);
  auto names = in.strings_or_empty("canaries");
  const auto canaries = names;
  for (const auto& name : in.strings_or_empty("clusters")) {
    if (!is_among(canaries, name)) names.push_back(name);
  }
  FleetTask task;
  task.max_in_flight = static_cast<int>(in.integer_or("max_in_flight", 1, 1, 1000));
  in.refuse_unknown();
  if (names.empty()) problems.add("clusters", "names no cluster");
  if (names.size() > max_members)
    problems.add("clusters", "names more than " + std::to_string(max_members) + " clusters");
  problems.throw_if_any("upgrade of clusters");
  task.uuid = random_.uuid();
  task.owner = caller.name;
  task.status = in_progress;
  task.started_at = to_epoch_seconds(clock_.now());
  std::vector<ClusterRecord> clusters;
  for (const auto& name : names) {
    const auto cluster = clusters_.changeable(caller, name);
    FleetMember member;
    member.cluster = cluster.uuid;
    member.name = cluster.name;
    member.is_canary = is_among(canaries, name);
    member.operation = random_.uuid();
    member.state = queued;
    const bool twice = std::any_of(task.members.begin(), task.members.end(),
                                   [&](const auto& other) { return other.cluster == member.cluster; });
    if (twice) throw Error(Fault::invalid, "cluster " + name + " is named twice");
    task.members.push_back(std::move(member));
    clusters.push_back(cluster);
  }
  clusters_.check_upgrade_quota(caller, clusters);
  store_.insert(task);
  log_.info("fleet.begun",
            {{"task", task.uuid}, {"user", caller.name}, {"clusters", std::to_string(names.size())}});
  changed_.notify_all();
  return task;
}

std::vector<FleetTask> Fleets::list(const Caller& caller, std::size_t limit) {
  auto tasks = store_.recent(caller.reads_all() ? limit : 1000);
  if (!caller.reads_all()) std::erase_if(tasks, [&](const auto& task) { return task.owner != caller.name; });
  if (tasks.size() > limit) tasks.resize(limit);
  return tasks;
}

FleetTask Fleets::get(const Caller& caller, const std::string& uuid) {
  auto task = store_.find(uuid);
  if (!task || (!caller.reads_all() && task->owner != caller.name)) {
    throw Error(Fault::not_found, "Task " + uuid.substr(0, 80) + " not found");
  }
  return std::move(*task);
}

FleetTask Fleets::steerable(const Caller& caller, const std::string& uuid) {
  auto task = get(caller, uuid);
  if (!caller.has(scope_admin) && (!caller.changes() || task.owner != caller.name)) {
    throw Error(Fault::forbidden, "task " + uuid + " belongs to somebody else");
  }
  return task;
}

FleetTask Fleets::steered(const Caller& caller, const std::string& uuid, const std::string& verb) {
  log_.info("fleet.steered", {{"task", uuid}, {"verb", verb}, {"user", caller.name}});
  changed_.notify_all();
  return get(caller, uuid);
}

FleetTask Fleets::cancel(const Caller& caller, const std::string& uuid) {
  const auto task = steerable(caller, uuid);
  if (task.status != "canceled" && !store_.set_status(uuid, in_progress, "canceled")) {
    throw Error(Fault::conflict, "Task " + uuid + " has ended");
  }
  return steered(caller, uuid, "cancel");
}

FleetTask Fleets::pause(const Caller& caller, const std::string& uuid) {
  if (steerable(caller, uuid).wish != wish_pause && !store_.set_wish(uuid, "", wish_pause))
    throw Error(Fault::conflict, "Task " + uuid + " has ended or was canceled");
  return steered(caller, uuid, "pause");
}

FleetTask Fleets::resume(const Caller& caller, const std::string& uuid) {
  steerable(caller, uuid);
  if (!store_.set_wish(uuid, wish_pause, "")) throw Error(Fault::conflict, "Task " + uuid + " is not paused");
  return steered(caller, uuid, "resume");
}

FleetTask Fleets::abort(const Caller& caller, const std::string& uuid) {
  steerable(caller, uuid);
  if (!store_.abort(uuid)) throw Error(Fault::conflict, "Task " + uuid + " has ended");
  return steered(caller, uuid, "abort");
}

FleetTask Fleets::retry(const Caller& caller, const std::string& uuid) {
  auto task = steerable(caller, uuid);
  if (task.ended_at == 0)
    throw Error(Fault::conflict, "Task " + uuid + " still goes on; it can be tried again when it has ended");
  std::erase_if(task.members, [](const auto& member) { return member.state == succeeded; });
  if (task.members.empty()) throw Error(Fault::conflict, "Task " + uuid + " has nothing to try again: all succeeded");
  for (auto& member : task.members) {
    member.operation = random_.uuid();
    member.resumes.clear();
    member.state = queued;
    member.description.clear();
    member.started_at = member.ended_at = 0;
  }
  if (!store_.reopen(task)) throw Error(Fault::conflict, "Task " + uuid + " goes on again already");
  return steered(caller, uuid, "retry");
}

void Fleets::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    try {
      for (auto& task : store_.unfinished()) advance(std::move(task));
    } catch (const std::exception& error) {
      log_.error("fleet.trouble", {{"error", error.what()}});
    }
    lock.lock();
    if (!stopping_) clock_.wait_until(lock, changed_, clock_.monotonic() + pace);
  }
}

void Fleets::advance(FleetTask task) {
  for (auto& member : task.members) {
    if (member.state == in_progress) look_after(task, member);
  }
  const auto step = next_step(task);
  for (const auto index : step.begin) begin(task, task.members[index]);
  for (const auto index : step.drop) {
    auto& member = task.members[index];
    // One that a pause had stopped half-way is not as it was.
    if (member.resumes.empty()) {
      end_member(task, member, queued, step.why);
    } else {
      end_member(task, member, failed, "stopped between two nodes by a pause, and not gone on with");
    }
  }
  if (step.ended) {
    store_.end(task.uuid, to_epoch_seconds(clock_.now()));
    log_.info("fleet.ended", {{"task", task.uuid}});
  }
}

// The record tells how the operation ended; where it has another operation now, somebody else took over.
void Fleets::look_after(const FleetTask& task, FleetMember& member) {
  const auto cluster = clusters_store_.find_by_uuid(member.cluster);
  if (!cluster) {
    end_member(task, member, failed, "the cluster was deleted");
  } else if (cluster->operation != member.operation) {
    // Written down as begun, and not begun: this process's predecessor died in between. Or it was replaced.
    if (cluster->state == in_progress || to_epoch_seconds(cluster->started_at) > member.started_at) {
      end_member(task, member, failed, cluster->last_action + " took over");
    } else if (!task.wish.empty() || task.status != in_progress) {
      member.state = queued;  // it was not begun and is not to be
      member.started_at = 0;
      store_.put(task.uuid, member);
    } else {
      begin(task, member);
    }
  } else if (cluster->state == in_progress) {
    if (!task.wish.empty()) clusters_store_.want_stop(member.cluster, member.operation);
  } else if (cluster->state == failed && cluster->failure.value("stopped", false)) {
    stopped(task, member);
  } else {
    end_member(task, member, cluster->state, cluster->state == failed ? cluster->description : "");
  }
}

// Its cluster is between two nodes. The operation that goes on with it is another one.
void Fleets::stopped(const FleetTask& task, FleetMember& member) {
  if (task.status != in_progress) {
    end_member(task, member, failed, "stopped between two nodes; upgrade it again, or return to how it was with: "
                                     "pks upgrade-cluster --rollback");
    return;
  }
  member.resumes = member.operation;
  member.operation = random_.uuid();
  member.state = queued;
  member.description = "stopped between two nodes; goes on when the task is resumed";
  store_.put(task.uuid, member);
  log_.info("fleet.stopped", {{"task", task.uuid}, {"cluster", member.name}});
}

void Fleets::begin(const FleetTask& task, FleetMember& member) {
  member.state = in_progress;
  member.started_at = to_epoch_seconds(clock_.now());
  member.description.clear();
  store_.put(task.uuid, member);
  try {
    if (!clusters_.upgrade_as(member.cluster, member.operation, member.resumes)) {
      end_member(task, member, succeeded, "was up to date");
    }
  } catch (const Error& error) {
    if (error.fault() == Fault::retryable || error.fault() == Fault::outcome_unknown) {
      log_.warn("fleet.waits", {{"task", task.uuid}, {"cluster", member.name}, {"error", error.what()}});
      return;  // looked after at the next turn, which begins it again
    }
    end_member(task, member, failed, error.what());
  }
}

void Fleets::end_member(const FleetTask& task, FleetMember& member, const std::string& state,
                        const std::string& description) {
  member.state = state;
  member.description = description;
  member.ended_at = to_epoch_seconds(clock_.now());
  store_.put(task.uuid, member);
  log_.info("fleet.member",
            {{"task", task.uuid}, {"cluster", member.name}, {"state", state}, {"why", description}});
}

}  // namespace slipway::pks
