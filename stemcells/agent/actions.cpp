// The table of what a director may ask. Source: contracts/agent-cpi.md section 2.
#include <unistd.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/json_text.hpp"
#include "base/process.hpp"
#include "stemcells/agent/agent.hpp"
#include "stemcells/agent/arguments.hpp"
#include "stemcells/agent/network.hpp"
#include "stemcells/agent/scripts.hpp"
#include "stemcells/agent/ssh.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

using Flag = std::atomic<bool>;

std::vector<std::string> texts(const Json& json, const char* key) {
  std::vector<std::string> result;
  if (!json.is_object() || !json.contains(key) || !json[key].is_array()) return result;
  for (const auto& item : json[key]) {
    if (item.is_string()) result.push_back(item.get<std::string>());
  }
  return result;
}

std::map<std::string, std::string> environment_from(const Json& arguments) {
  std::map<std::string, std::string> environment;
  if (arguments.size() < 2 || !arguments[1].is_object()) return environment;
  const auto env = arguments[1].find("env");
  if (env == arguments[1].end() || !env->is_object()) return environment;
  for (const auto& [name, value] : env->items()) {
    environment[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return environment;
}

Json process_json(const ProcessStatus& process) {
  Json json{{"name", process.name}, {"state", process.state}};
  json["uptime"] = {{"secs", process.uptime_seconds.value_or(0)}};
  if (process.pid > 0) json["mem"] = process_memory(process.pid);
  json["cpu"] = {{"total", 0}};
  return json;
}

}  // namespace

void Agent::add_actions() {
  const auto quick = [this](const char* name, auto run) {
    actions_[name] = {Where::quick, [run](const Json& arguments, const Flag&) -> Json { return run(arguments); }};
  };
  const auto slow = [this](const char* name, auto run) {
    actions_[name] = {Where::slow, [run](const Json& arguments, const Flag&) -> Json { return run(arguments); }};
  };
  quick("ping", [](const Json&) { return "pong"; });
  quick("info", [](const Json&) { return Json{{"api_version", 1}}; });
  actions_["get_task"] = {Where::poll, [this](const Json& in, const auto&) {
                            return tasks_->poll(text_argument(in, 0, "task id"));
                          }};
  quick("cancel_task", [this](const Json& in) {
    tasks_->cancel(text_argument(in, 0, "task id"));
    return "canceled";
  });
  quick("get_state", [this](const Json& in) { return get_state(!in.empty() && in[0] == "full"); });
  slow("start", [this](const Json&) { return start_jobs(); });
  slow("ssh", [this](const Json& in) -> Json {
    const auto command = text_argument(in, 0, "command");
    const Json parameters = argument(in, 1, "parameters");
    if (command == "setup") return ssh_setup(parameters, settings(), options_.paths, options_.systemd);
    if (command == "cleanup") return ssh_cleanup(parameters, options_.paths, options_.systemd);
    throw Error(Fault::invalid, "ssh command '" + command + "': setup or cleanup");
  });
  slow("delete_arp_entries", [this](const Json& in) {
    delete_arp_entries(texts(argument(in, 0, "parameters"), "ips"), log_);
    return Json::object();
  });
  slow("shutdown", [this](const Json&) {
    bus_->publish(shutdown_subject(agent_id_), dump(current_spec()));
    bus_->flush();
    if (options_.systemd) slipway::run({.argv = {"/usr/bin/systemctl", "--no-block", "poweroff"}});
    stop();
    return "shutdown";
  });
}

void Agent::add_job_actions() {
  const auto task = [this](const char* name, auto run) {
    actions_[name] = {Where::task, [run](const Json& arguments, const Flag&) -> Json { return run(arguments); }};
  };
  task("prepare", [this](const Json& in) {
    const Blobs store = blobs();
    JobInstaller(store, options_.paths, log_).prepare(parse_apply_spec(argument(in, 0, "apply spec")));
    return "prepared";
  });
  task("apply", [this](const Json& in) { return apply(argument(in, 0, "apply spec")); });
  task("stop", [this](const Json&) { return stop_jobs(); });
  task("run_script", [this](const Json& in) { return run_script(in); });
  actions_["drain"] = {Where::cancellable_task,
                       [this](const Json& in, const Flag& cancelled) { return drain(in, cancelled); }};
  actions_["run_errand"] = {Where::cancellable_task,
                            [this](const Json& in, const Flag& cancelled) { return errand(in, cancelled); }};
  task("update_settings", [this](const Json& in) { return update_settings(in); });
}

Json Agent::get_state(bool full) {
  Json state = current_spec();
  if (!state.contains("deployment")) {
    state["deployment"] = "";
    state["index"] = nullptr;
    state["packages"] = Json::object();
    state["job"] = Json::object();
    state["networks"] = Json::object();
  }
  const auto processes = supervisor_->status();
  state["agent_id"] = agent_id_;
  state["vm"] = {{"name", settings().vm_name}};
  state["job_state"] = current_job_state(processes);
  state["resource_pool"] = Json::object();
  state["processes"] = Json::array();
  for (const auto& process : processes) state["processes"].push_back(process_json(process));
  if (full) state["vitals"] = vitals_.read();
  return state;
}

Json Agent::apply(const Json& json) {
  const ApplySpec spec = parse_apply_spec(json);
  const auto& paths = options_.paths;
  const Blobs store = blobs();
  const bool first = parse_apply_spec(current_spec()).configuration_hash.empty();
  JobInstaller(store, paths, log_).apply(spec);
  if (!spec.configuration_hash.empty()) {
    // Applied is not started: until the director says so, the jobs are meant to be stopped.
    if (first) write_file_atomically(paths.stopped_mark(), "");
    supervisor_->define(load_processes(paths, log_));
  }
  save_spec(paths, json);
  const std::lock_guard lock(spec_mutex_);
  spec_ = json;
  return "applied";
}

Json Agent::start_jobs() {
  if (disks_missing_) throw Error(Fault::conflict, "a persistent disk of this node is missing");
  std::error_code ignored;
  fs::remove(options_.paths.stopped_mark(), ignored);
  supervisor_->start();
  return "started";
}

Json Agent::stop_jobs() {
  write_file_atomically(options_.paths.stopped_mark(), "");
  // A little less than the 300 s after which the director goes on alone.
  supervisor_->stop(std::chrono::seconds(290));
  return "stopped";
}

Json Agent::run_script(const Json& arguments) {
  const auto script = text_argument(arguments, 0, "script");
  run_scripts(options_.paths, job_names(current_spec()), script, environment_from(arguments));
  return Json::object();
}

Json Agent::drain(const Json& arguments, const Flag& cancelled) {
  const auto kind = text_argument(arguments, 0, "type");
  const Json spec = current_spec();
  DrainParameters parameters;
  if (kind == "shutdown") {
    parameters = drain_for_shutdown(spec);
    if (arguments.size() > 1 && arguments[1].is_object()) {
      parameters.job_next_state = drain_for_update(spec, arguments[1]).job_next_state;
    }
  } else if (kind == "update") {
    parameters = drain_for_update(spec, argument(arguments, 1, "apply spec"));
  } else {
    throw Error(Fault::invalid, "Unexpected drain type '" + kind + "': update or shutdown");
  }
  supervisor_->unmonitor();
  SystemClock clock;
  run_drain(options_.paths, job_names(spec), parameters, clock, [&] { return cancelled.load(); }, log_);
  return 0;
}

Json Agent::errand(const Json& arguments, const Flag& cancelled) {
  std::string job;
  if (!arguments.empty() && arguments[0].is_string()) {
    job = arguments[0].get<std::string>();
  } else {
    const auto names = job_names(current_spec());
    if (names.empty()) throw Error(Fault::not_found, "At least one job template is required to run an errand");
    job = names.front();
  }
  const auto result = run_errand(options_.paths, job, [&] { return cancelled.load(); });
  return Json{{"exit_code", result.exit_code}, {"stdout", result.standard_output}, {"stderr", result.standard_error}};
}

Json Agent::update_settings(const Json& arguments) {
  const Json& given = argument(arguments, 0, "settings");
  if (!given.is_object()) throw Error(Fault::invalid, "argument 1 (settings) must be an object");
  for (const auto& association : given.value("disk_associations", Json::array()))
    require_plain_name(text_or_empty(association, "name"), "disk");
  Json update;
  {
    const std::lock_guard lock(settings_mutex_);
    update = update_;
  }
  for (const char* key : {"trusted_certs", "disk_associations", "mbus", "blobstores"}) {
    if (given.contains(key) && !given[key].is_null() && !(given[key].is_array() && given[key].empty() &&
                                                          std::string_view(key) == "blobstores")) {
      update[key] = given[key];
    }
  }
  const Settings before = settings();
  const Settings after = effective_settings(boot_, update);
  const bool new_identity = before.identity.certificate_pem != after.identity.certificate_pem ||
                            before.identity.ca_pem != after.identity.ca_pem || before.mbus_urls != after.mbus_urls;
  if (new_identity) bus_->replace({after.mbus_urls, after.identity, agent_id_});
  write_file_atomically(options_.paths.update_settings(), dump(update), 0600);
  {
    const std::lock_guard lock(settings_mutex_);
    update_ = update;
    settings_ = after;
  }
  if (after.trusted_certs && options_.systemd) install_trusted_certs(*after.trusted_certs, log_);
  link_disk_associations(after);
  return "ok";
}

void Agent::link_disk_associations(const Settings& settings) {
  const fs::path folder = options_.paths.instance() / "disks";
  make_folder(folder, 0755);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) fs::remove(entry.path(), ignored);
  for (const auto& association : settings.disk_associations) {
    const auto name = text_or_empty(association, "name");
    const auto cid = text_or_empty(association, "cid");
    if (options_.skip_disk_setup && !disks_.is_folder(cid)) continue;
    with_context("Associating disk " + name, [&] { replace_symlink(folder / name, disks_.device_of(cid)); });
  }
}

// A disk may have another device since the node was off. One that the director has taken away since it was linked is
// not missed.
bool Agent::link_disks_again(const Settings& settings) {
  if (settings.disk_associations.empty()) return true;
  Settings known = settings;
  known.disk_associations = Json::array();
  for (const auto& association : settings.disk_associations) {
    if (disks_.knows(text_or_empty(association, "cid"))) known.disk_associations.push_back(association);
  }
  try {
    link_disk_associations(known);
    return true;
  } catch (const Error& error) {
    log_.error("disk.not_linked", {{"error", error.what()}});
    return false;
  }
}

void install_trusted_certs(const std::string& pem, const NodeLog& log) {
  const fs::path folder = "/usr/local/share/ca-certificates";
  if (!fs::exists("/usr/sbin/update-ca-certificates")) {
    log.warn("trusted_certs.not_installed", {{"reason", "update-ca-certificates is not there"}});
    return;
  }
  fs::create_directories(folder);
  const fs::path file = folder / "bosh-trusted-certs.crt";
  const std::string current = fs::exists(file) ? read_file(file) : std::string();
  if (current == pem) return;
  write_file_atomically(file, pem);
  run_checked({.argv = {"/usr/sbin/update-ca-certificates", "--fresh"}, .timeout = std::chrono::minutes(2)});
}

}  // namespace slipway::agent
