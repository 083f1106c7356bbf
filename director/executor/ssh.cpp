#include "director/executor/ssh.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "director/executor/recorded_action.hpp"

namespace slipway::director {

namespace {

constexpr int instance_not_found = 70001;

struct Host {
  InstanceRecord instance;
  AgentId agent;
  Json row;
  std::optional<Error> failure;
};

std::vector<Host> hosts_of(Stores& stores, const std::string& deployment, const SshRequest& request) {
  std::vector<Host> hosts;
  for (auto& instance : stores.instances.of_deployment(deployment)) {
    if (!request.group.empty() && instance.group != request.group) continue;
    const bool named = request.ids.empty() ||
                       std::any_of(request.ids.begin(), request.ids.end(),
                                   [&](const std::string& id) { return is_called(instance, id); });
    const auto vm = named ? stores.vms.active_of(instance.id) : std::nullopt;
    if (vm && vm->cid) hosts.push_back({.instance = std::move(instance), .agent = vm->agent});
  }
  if (!hosts.empty()) return hosts;
  std::string filter = request.group.empty() ? "any group" : "group '" + request.group + "'";
  for (const auto& id : request.ids) filter += ", '" + id + "'";
  throw Error(Fault::not_found, "No instance with a VM in deployment '" + deployment + "' matched filter " + filter,
              instance_not_found);
}

Json row_of(const InstanceRecord& instance, const std::string& command, const std::string& status,
            const Json& answer) {
  const auto text = [&](const char* key) {
    const auto found = answer.find(key);
    return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return {{"command", command},
          {"status", status.empty() ? text("status") : status},
          {"job", instance.group},
          {"id", instance.id.value},
          {"index", instance.index},
          {"ip", text("ip")},
          {"host_public_key", text("host_public_key")},
          {"gateway_user", nullptr},
          {"gateway_host", nullptr}};
}

void record(Services& services, TaskContext& task, const Host& host, const std::string& command,
            const std::string& account) {
  const auto name = instance_path(host.instance);
  record_event(services, task, {command + " ssh", "instance", name, host.instance.deployment, name, {{"user", account}}},
               host.failure ? host.failure->what() : "");
}

}  // namespace

void ssh(Services& services, TaskContext& task, const std::string& deployment, const SshRequest& request) {
  auto hosts = hosts_of(services.stores, deployment, request);
  const Json asked = to_json(request);
  const auto command = asked.at("command").get<std::string>();
  const auto arguments = Json::array({command, asked.at("params")});
  parallel_for(hosts.size(), services.settings.max_parallel, [&](std::size_t i) {
    auto& host = hosts[i];
    task.checkpoint();
    try {
      const auto answer = services.agents.request(host.agent, "ssh", arguments, services.settings.ssh_wait);
      if (!answer.is_object()) throw Error(Fault::internal, "its agent answers with no hash");
      host.row = row_of(host.instance, command, "", answer);
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      host.failure = error.within(host.instance.group + "/" + host.instance.id.value);
      host.row = row_of(host.instance, command, "failed: " + std::string(error.what()), Json::object());
    }
    record(services, task, host, command, request.setup ? request.user : request.user_regex);
  });
  const auto failed = [](const Host& host) { return host.failure.has_value(); };
  if (std::all_of(hosts.begin(), hosts.end(), failed)) throw *hosts.front().failure;
  Json rows = Json::array();
  for (auto& host : hosts) rows.push_back(std::move(host.row));
  task.result_line(dump(rows));
}

}  // namespace slipway::director
