#include "test/scenario/director/simulated_agents.hpp"

#include <algorithm>
#include <utility>

namespace slipway::test {

using director::AgentError;

namespace {

// The real one keeps them; here a spec is compared with what the director recorded.
Json without_urls(Json spec) {
  for (auto& [name, package] : spec["packages"].items()) package.erase("signed_url");
  if (spec.contains("rendered_templates_archive")) spec["rendered_templates_archive"].erase("signed_url");
  return spec;
}

}  // namespace

SimulatedAgents::SimulatedAgents(cpi::SimulatedCloud& cloud) {
  cloud.on_vm_created = [this](const cpi::VmCid&, const cpi::SimulatedVm& vm) {
    std::lock_guard lock(mutex_);
    State state;
    for (const auto& blobstore : vm.env.value("bosh", Json::object()).value("blobstores", Json::array()))
      state.has_password = blobstore.at("options").contains("password");
    agents_.emplace(vm.agent, std::move(state));
  };
  cloud.on_vm_rebooted = [this](const cpi::VmCid&, const cpi::SimulatedVm& vm) {
    std::lock_guard lock(mutex_);
    auto& state = agents_.at(vm.agent);
    state.silent = state.deaf;
    state.calls.push_back("(reboot)");
  };
  cloud.on_vm_deleted = [this](const cpi::VmCid&, const cpi::SimulatedVm& vm) {
    std::lock_guard lock(mutex_);
    if (auto gone = agents_.extract(vm.agent)) gone_.insert(std::move(gone));
  };
  cloud.on_vm_powered_off = cloud.on_vm_deleted;
  // What is on another VM by now it has not.
  cloud.on_vm_back = [this, &cloud](const cpi::VmCid& cid, const cpi::SimulatedVm& vm) {
    if (vm.off) return;
    const auto attached = cloud.disks_of(cid);
    std::lock_guard lock(mutex_);
    auto back = gone_.extract(vm.agent);
    if (!back) return;
    for (auto* mounted : {&back.mapped().on_store, &back.mapped().on_migration_target}) {
      if (std::find(attached.begin(), attached.end(), cpi::DiskCid{*mounted}) == attached.end()) mounted->clear();
    }
    agents_.insert(std::move(back));
  };
}

void SimulatedAgents::violate(const AgentId& agent, const std::string& what) {
  violations_.push_back(agent.value + ": " + what);
  throw AgentError(what);
}

void SimulatedAgents::count_stopped() {
  const auto stopped = std::count_if(agents_.begin(), agents_.end(), [](const auto& entry) {
    return entry.second.has_jobs && entry.second.job_state != "running";
  });
  most_stopped_ = std::max(most_stopped_, static_cast<int>(stopped));
}

Json SimulatedAgents::answer(State& state, const AgentId& agent, const std::string& method,
                             const Json& arguments) {
  if (method == "ping") return "pong";
  if (method == "get_state") {
    Json reply = state.spec;
    reply["job_state"] = state.job_state;
    reply["agent_id"] = agent.value;
    if (arguments == Json::array({"full"})) reply["vitals"]["disk"] = state.disks;
    return reply;
  }
  if (method == "prepare") {
    fetch_all(state, agent, arguments.at(0));
    return "prepared";
  }
  if (method == "apply") {
    const auto& spec = arguments.at(0);
    if (state.job_state == "running") violate(agent, "apply while the jobs run");
    fetch_all(state, agent, spec);
    state.spec = without_urls(spec);
    state.has_jobs = !spec.value("configuration_hash", "").empty();
    return "applied";
  }
  if (method == "start") {
    start_jobs(state, agent);
    return "started";
  }
  if (method == "stop") {
    state.job_state = "stopped";
    count_stopped();
    return "stopped";
  }
  if (method == "drain") return 0;
  if (method == "run_script") {
    state.script_environment[arguments.at(0).get<std::string>()] =
        arguments.at(1).value("env", Json::object());
    return Json::object();
  }
  if (method == "add_persistent_disk") {
    state.hinted.insert(arguments.at(0).get<std::string>());
    return Json::object();
  }
  if (method == "remove_persistent_disk") {
    state.hinted.erase(arguments.at(0).get<std::string>());
    return Json::object();
  }
  if (method == "mount_disk") {
    const auto disk = arguments.at(0).get<std::string>();
    if (!state.hinted.contains(disk)) violate(agent, "mount of an unknown disk " + disk);
    for (const auto& [name, linked] : state.links)
      if (linked == disk) violate(agent, "mount of the named disk " + name);
    if (disk == state.on_store || disk == state.on_migration_target) return Json::object();
    if (!state.on_store.empty() && !state.on_migration_target.empty()) violate(agent, "mount of a third disk");
    (state.on_store.empty() ? state.on_store : state.on_migration_target) = disk;
    return Json::object();
  }
  if (method == "unmount_disk") {
    if (state.job_state == "running") violate(agent, "unmount while the jobs run");
    const auto disk = arguments.at(0).get<std::string>();
    if (disk != state.on_store && disk != state.on_migration_target)
      violate(agent, "unmount of what is not mounted");
    (disk == state.on_store ? state.on_store : state.on_migration_target).clear();
    return Json::object();
  }
  if (method == "list_disk") return Json(mounted_of(state));
  if (method == "migrate_disk") {
    if (state.job_state == "running") violate(agent, "migration while the jobs run");
    if (Json(state.on_store) != arguments.at(0) || Json(state.on_migration_target) != arguments.at(1))
      violate(agent, "migration between disks that are not mounted for it");
    if (const auto data = data_.find(state.on_store); data != data_.end())
      data_[state.on_migration_target] = data->second;
    if (const auto origin = origins_.find(state.on_store); origin != origins_.end())
      origins_[state.on_migration_target] = origin->second;
    state.on_store = std::exchange(state.on_migration_target, "");
    return Json::object();
  }
  if (method == "update_settings") {
    link_disks(state, agent, arguments.at(0).value("disk_associations", Json()));
    return "ok";
  }
  if (method == "sync_dns") {
    state.dns_version = arguments.at(2).get<std::int64_t>();
    return "synced";
  }
  if (method == "compile_package") {
    fetch(state, agent, {{"blobstore_id", arguments.at(0)}, {"sha1", arguments.at(1)}}, "source");
    for (const auto& [name, package] : arguments.at(4).items()) fetch(state, agent, package, name);
    const auto [blob, digest] = compile(arguments.at(2).get<std::string>(), "");
    return {{"result", {{"blobstore_id", blob}, {"sha1", digest}}}};
  }
  if (method.ends_with("_with_signed_url")) return answer_with_signed_url(state, agent, method, arguments.at(0));
  return answer_about_jobs(state, agent, method, arguments);
}

void SimulatedAgents::start_jobs(State& state, const AgentId& agent) {
  if (!state.has_jobs) violate(agent, "start before a full apply");
  if (state.spec.value("persistent_disk", 0) > 0 && state.on_store.empty()) violate(agent, "start without its disk");
  if (!state.on_migration_target.empty()) violate(agent, "start in the middle of a migration");
  for (const auto& disk : state.spec.value("persistent_disks", Json::array())) {
    if (!state.links.contains(disk.at("name"))) violate(agent, "start without its disk " + disk.dump());
  }
  for (const auto& [name, disk] : state.links) {
    if (!state.hinted.contains(disk)) violate(agent, "start with a link to the disk " + name + " that is gone");
  }
  state.job_state = state_after_start;
  const auto write_to = [&](const std::string& disk) {
    data_.try_emplace(disk, state.spec.value("id", ""));
    origins_.try_emplace(disk, disk);
  };
  if (!state.on_store.empty()) write_to(state.on_store);
  for (const auto& [name, disk] : state.links) write_to(disk);
}

void SimulatedAgents::link_disks(State& state, const AgentId& agent, const Json& associations) {
  if (!associations.is_array()) return;
  std::map<std::string, std::string> links;
  for (const auto& one : associations) {
    const auto disk = one.at("cid").get<std::string>();
    if (!state.hinted.contains(disk)) violate(agent, "link to an unknown disk " + disk);
    if (!links.emplace(one.at("name").get<std::string>(), disk).second) violate(agent, "two links of one name");
  }
  state.links = std::move(links);
}

void SimulatedAgents::fetch(const State& state, const AgentId& agent, const Json& blob, const std::string& what) {
  if (!blob.contains("blobstore_id") || !blob.contains("sha1")) violate(agent, what + " has no blob");
  const auto url = blob.value("signed_url", "");
  if (url.empty() && !state.has_password) violate(agent, what + " comes without a URL");
  if (!url.empty() && Json(blob_at("GET", url)) != blob["blobstore_id"]) violate(agent, what + " is not at its URL");
  if (holds_blob && !holds_blob(blob["blobstore_id"], blob["sha1"])) violate(agent, what + " cannot be fetched");
}

void SimulatedAgents::fetch_all(const State& state, const AgentId& agent, const Json& spec) {
  const Json packages = spec.value("packages", Json::object());
  for (const auto& [name, package] : packages.items())
    fetch(state, agent, package, "package " + name);
  if (spec.contains("rendered_templates_archive"))
    fetch(state, agent, spec["rendered_templates_archive"], "the templates");
}

std::string SimulatedAgents::put_at(const AgentId& agent, const std::string& url) {
  auto blob = blob_at("PUT", url);
  if (blob.empty()) violate(agent, "nothing can be put at " + url);
  return blob;
}

Json SimulatedAgents::answer_with_signed_url(State& state, const AgentId& agent, const std::string& method,
                                             const Json& in) {
  if (method == "sync_dns_with_signed_url") {
    if (blob_at("GET", in.at("signed_url")).empty()) violate(agent, "names that cannot be fetched");
    state.dns_version = in.at("version").get<std::int64_t>();
    return "synced";
  }
  if (method == "compile_package_with_signed_url") {
    const auto source = blob_at("GET", in.at("package_get_signed_url"));
    fetch(state, agent,
          {{"blobstore_id", source}, {"sha1", in.at("digest")}, {"signed_url", in.at("package_get_signed_url")}},
          "source");
    for (const auto& [name, package] : in.at("deps").items()) fetch(state, agent, package, name);
    const auto [blob, digest] = compile(in.at("name"), put_at(agent, in.at("upload_signed_url")));
    return {{"result", {{"sha1", digest}}}};
  }
  if (method == "fetch_logs_with_signed_url") {
    if (!in.at("filters").is_array()) violate(agent, "log filters that are no list");
    const auto [blob, digest] = pack_logs(agent, in.at("log_type"), put_at(agent, in.at("signed_url")));
    return {{"sha1", digest}};
  }
  throw AgentError("unknown message " + method);
}

Json SimulatedAgents::answer_about_jobs(State& state, const AgentId& agent, const std::string& method,
                                        const Json& arguments) {
  if (method == "get_task") return look_at_errand(state, agent, arguments.at(0).get<std::string>());
  if (method == "cancel_task") {
    if (Json(state.errand_task) != arguments.at(0) || state.errand_result)
      violate(agent, "cancellation of a task that does not run");
    state.errand_cancelled = true;
    return "canceled";
  }
  if (method == "fetch_logs") {
    if (!arguments.at(1).is_array()) violate(agent, "log filters that are no list");
    const auto [blob, digest] = pack_logs(agent, arguments.at(0).get<std::string>(), "");
    return {{"blobstore_id", blob}, {"sha1", digest}};
  }
  if (method == "ssh") return ssh(state, agent, arguments);
  throw AgentError("unknown message " + method);
}

Json SimulatedAgents::begin_errand(State& state, const AgentId& agent, const Json& arguments,
                                   const std::string& request_id) {
  if (knows_request_ids && !request_id.empty() && request_id == state.errand_request)
    return {{"agent_task_id", state.errand_task}, {"state", "running"}};
  const auto job = arguments.at(0).get<std::string>();
  if (!state.has_jobs) violate(agent, "run_errand before a full apply");
  if (!state.errand_task.empty() && !state.errand_result) violate(agent, "run_errand while one runs");
  const Json templates = state.spec.at("job").at("templates");
  const bool known =
      std::any_of(templates.begin(), templates.end(), [&](const Json& one) { return one.at("name") == job; });
  if (!known) violate(agent, "run_errand of job " + job + ", which is not here");
  state.errand_task = "errand-" + std::to_string(++errands_begun_);
  state.errand_job = job;
  state.errand_request = request_id;
  state.errand_cancelled = false;
  state.errand_result.reset();
  if (!errand) state.errand_result = {{"exit_code", 0}, {"stdout", "ran " + job}, {"stderr", ""}};
  return {{"agent_task_id", state.errand_task}, {"state", "running"}};
}

Json SimulatedAgents::look_at_errand(State& state, const AgentId& agent, const std::string& task) {
  if (task.empty() || task != state.errand_task) throw AgentError("Task with id " + task + " could not be found");
  if (state.errand_result) return *state.errand_result;
  if (state.errand_cancelled) {
    state.errand_result = {{"exit_code", 143}, {"stdout", "began"}, {"stderr", ""}};
  } else {
    state.errand_result = errand(agent, state.errand_job);
  }
  return state.errand_result ? *state.errand_result : Json{{"agent_task_id", task}, {"state", "running"}};
}

Json SimulatedAgents::ssh(State& state, const AgentId& agent, const Json& arguments) {
  const auto command = arguments.at(0).get<std::string>();
  const auto& parameters = arguments.at(1);
  if (command == "setup") {
    if (parameters.size() != 2 || !parameters.contains("public_key")) violate(agent, "ssh setup without a key");
    state.accounts.insert(parameters.at("user").get<std::string>());
    return {{"command", "setup"}, {"status", "success"}, {"ip", "10.9.0.77"}, {"host_public_key", "ssh-rsa HOST"}};
  }
  auto prefix = parameters.at("user_regex").get<std::string>();
  if (command != "cleanup" || !prefix.starts_with("^")) violate(agent, "ssh " + command + " of " + prefix);
  std::erase_if(state.accounts, [&](const std::string& name) { return name.starts_with(prefix.substr(1)); });
  return {{"command", "cleanup"}, {"status", "success"}};
}

Json SimulatedAgents::request(const AgentId& agent, const std::string& method, const Json& arguments,
                              std::chrono::milliseconds, const std::string& request_id) {
  if (before) before(agent, method);
  std::lock_guard lock(mutex_);
  const auto found = agents_.find(agent);
  if (found == agents_.end() || found->second.silent)
    throw Error(Fault::retryable, "agent " + agent.value + " is silent");
  auto& state = found->second;
  state.calls.push_back(method == "run_script" ? "run_script:" + arguments.at(0).get<std::string>() : method);
  if (const auto failure = scripted_failures_.find(method); failure != scripted_failures_.end()) {
    const auto text = failure->second;
    scripted_failures_.erase(failure);
    throw AgentError(text);
  }
  if (method == "run_errand") return begin_errand(state, agent, arguments, request_id);
  return answer(state, agent, method, arguments);
}

void SimulatedAgents::post(const AgentId& agent, const std::string& method, const Json& arguments) {
  try {
    request(agent, method, arguments, std::chrono::milliseconds{0});
  } catch (const Error&) {
  }
}

bool SimulatedAgents::wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) {
  try {
    request(agent, "ping", Json::array(), timeout);
    return true;
  } catch (const Error& error) {
    if (error.fault() != Fault::retryable) throw;
    if (waited) waited(timeout);
    return false;
  }
}

void SimulatedAgents::fail_next(const std::string& method, const std::string& exception) {
  std::lock_guard lock(mutex_);
  scripted_failures_[method] = exception;
}

void SimulatedAgents::silence(const AgentId& agent) {
  std::lock_guard lock(mutex_);
  agents_.at(agent).silent = true;
}

void SimulatedAgents::copy(const SimulatedAgents& others) {
  std::scoped_lock lock(mutex_, others.mutex_);
  agents_ = others.agents_;
  data_ = others.data_;
  origins_ = others.origins_;
  knows_request_ids = others.knows_request_ids;
}

std::set<std::string> SimulatedAgents::accounts(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return agents_.at(agent).accounts;
}

void SimulatedAgents::revive(const AgentId& agent) {
  std::lock_guard lock(mutex_);
  agents_.at(agent).silent = false;
}

bool SimulatedAgents::is_silent(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  const auto found = agents_.find(agent);
  return found == agents_.end() || found->second.silent;
}

std::string SimulatedAgents::origin_of(const std::string& disk) const {
  std::lock_guard lock(mutex_);
  const auto found = origins_.find(disk);
  return found == origins_.end() ? "" : found->second;
}

void SimulatedAgents::deafen(const AgentId& agent) {
  std::lock_guard lock(mutex_);
  agents_.at(agent).silent = agents_.at(agent).deaf = true;
}

void SimulatedAgents::fill_disk(const AgentId& agent, const std::string& disk, int percent, bool own) {
  std::lock_guard lock(mutex_);
  auto& said = agents_.at(agent).disks[disk];
  said = {{"percent", std::to_string(percent)}, {"inode_percent", "1"}};
  if (own) said["own"] = true;
}

void SimulatedAgents::fail_jobs(const AgentId& agent) {
  std::lock_guard lock(mutex_);
  agents_.at(agent).job_state = "failing";
}

void SimulatedAgents::drop_mount(const AgentId& agent, const std::string& disk) {
  std::lock_guard lock(mutex_);
  auto& state = agents_.at(agent);
  if (state.on_store == disk) state.on_store.clear();
  if (state.on_migration_target == disk) state.on_migration_target.clear();
  state.hinted.erase(disk);
}

std::vector<std::string> SimulatedAgents::calls(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return agents_.at(agent).calls;
}

std::map<std::string, Json> SimulatedAgents::last_scripts_environment(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return agents_.at(agent).script_environment;
}

std::optional<Json> SimulatedAgents::spec(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  const auto found = agents_.find(agent);
  return found == agents_.end() ? std::nullopt : std::optional(found->second.spec);
}

std::string SimulatedAgents::job_state(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return agents_.at(agent).job_state;
}

std::set<std::string> SimulatedAgents::mounted_of(const State& state) {
  std::set<std::string> disks = {state.on_store, state.on_migration_target};
  disks.erase("");
  return disks;
}

std::set<std::string> SimulatedAgents::mounted(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return mounted_of(agents_.at(agent));
}

std::map<std::string, std::string> SimulatedAgents::linked(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return agents_.at(agent).links;
}

std::int64_t SimulatedAgents::dns_version(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return agents_.at(agent).dns_version;
}

std::string SimulatedAgents::data_on(const std::string& disk) const {
  std::lock_guard lock(mutex_);
  const auto found = data_.find(disk);
  return found == data_.end() ? "" : found->second;
}

int SimulatedAgents::errands_begun() const {
  std::lock_guard lock(mutex_);
  return errands_begun_;
}

std::vector<std::string> SimulatedAgents::violations() const {
  std::lock_guard lock(mutex_);
  return violations_;
}

void SimulatedAccess::allow(const AgentId& agent) {
  std::lock_guard lock(mutex_);
  allowed_.insert(agent);
}

void SimulatedAccess::forbid(const AgentId& agent) {
  std::lock_guard lock(mutex_);
  allowed_.erase(agent);
}

Json SimulatedAccess::issue_bootstrap(const AgentId& agent) {
  return {{"certificate", "bootstrap of " + agent.value}};
}
Json SimulatedAccess::issue_permanent(const AgentId& agent) {
  return {{"certificate", "permanent of " + agent.value}};
}

bool SimulatedAccess::is_allowed(const AgentId& agent) const {
  std::lock_guard lock(mutex_);
  return allowed_.contains(agent);
}

std::set<AgentId> SimulatedAccess::allowed() const {
  std::lock_guard lock(mutex_);
  return allowed_;
}

}  // namespace slipway::test
