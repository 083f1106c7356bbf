#include "health-monitor/director/director_client.hpp"

#include <charconv>

#include "base/digest.hpp"
#include "base/json_text.hpp"
#include "base/yaml.hpp"

namespace slipway::health {

namespace {

constexpr int http_redirect = 302;
constexpr const char* repair_description = "scan and fix";

Fault fault_of(int status) {
  if (status == 401 || status == 403) return Fault::unauthenticated;
  if (status == 404) return Fault::not_found;
  if (status == 429 || status >= 500) return Fault::retryable;
  return Fault::invalid;
}

std::string description_of(const http::ClientResponse& response) {
  try {
    const auto body = response.json();
    if (body.is_object()) {
      if (auto description = text_or_empty(body, "description"); !description.empty()) return description;
    }
  } catch (const Error&) {
  }
  return "status " + std::to_string(response.status);
}

std::string task_in(const http::ClientResponse& response) {
  const auto location = response.headers.find("Location");
  if (location == response.headers.end()) throw Error(Fault::outcome_unknown, "the director did not name its task");
  return location->second.substr(location->second.rfind('/') + 1);
}

bool is_final(const std::string& state) {
  return state == "done" || state == "error" || state == "cancelled" || state == "timeout";
}

}  // namespace

DirectorClient::DirectorClient(http::ClientConfig config, const std::string& user, const Secret& password)
    : DirectorClient(
          [client = std::make_shared<http::Client>(std::move(config))](const http::ClientRequest& request) {
            return client->send(request);
          },
          Secret("Basic " + base64_encode(user + ":" + password.reveal()))) {}

DirectorClient::DirectorClient(Send send, Secret authorization)
    : send_(std::move(send)), authorization_(std::move(authorization)) {}

http::ClientResponse DirectorClient::send(http::ClientRequest request) const {
  request.headers["Authorization"] = authorization_.reveal();
  const auto what = "director: " + request.method + " " + request.target.substr(0, request.target.find('?'));
  return with_context(what, [&] {
    auto response = send_(request);
    if (response.status >= 400) throw Error(fault_of(response.status), description_of(response));
    return response;
  });
}

std::vector<Deployment> DirectorClient::deployments() const {
  const auto list =
      send({.target = "/deployments?exclude_configs=true&exclude_releases=true&exclude_stemcells=true"}).json();
  std::vector<Deployment> deployments;
  for (const auto& entry : list) {
    Problems problems;
    JsonReader in(entry, "deployment", problems);
    Deployment deployment{.name = in.string("name"), .locked = in.boolean_or("locked", false)};
    deployment.teams = in.strings_or_empty("teams");
    problems.throw_if_any("deployments");
    deployments.push_back(std::move(deployment));
  }
  return deployments;
}

std::vector<Instance> DirectorClient::instances(const std::string& deployment) const {
  const auto list = send({.target = "/deployments/" + http::url_encode(deployment) + "/instances"}).json();
  std::vector<Instance> instances;
  for (const auto& row : list) instances.push_back(read_instance(row, deployment));
  return instances;
}

Fleet DirectorClient::fleet() const {
  Fleet fleet;
  for (auto& deployment : deployments()) {
    try {
      deployment.instances = instances(deployment.name);
    } catch (const Error& error) {
      if (error.fault() != Fault::not_found) throw;
      continue;  // it went between the two requests
    }
    fleet.deployments[deployment.name] = std::move(deployment);
  }
  const auto configs = send({.target = "/configs?type=resurrection&latest=true"}).json();
  for (const auto& config : configs) {
    const auto place = "resurrection config '" + text_or_empty(config, "name") + "'";
    for (auto& rule : director::parse_resurrection_config(parse_yaml(text_or_empty(config, "content"), place)))
      fleet.rules.push_back(std::move(rule));
  }
  return fleet;
}

std::optional<Deployment> DirectorClient::deployment(const std::string& name) const {
  for (auto& deployment : deployments()) {
    if (deployment.name != name) continue;
    try {
      deployment.instances = instances(name);
      return std::move(deployment);
    } catch (const Error& error) {
      if (error.fault() != Fault::not_found) throw;
    }
  }
  return std::nullopt;
}

BusIdentity DirectorClient::bus_identity() const {
  const auto answer = send({.method = "POST", .target = "/health_monitor/bus_identity"}).json();
  Problems problems;
  JsonReader in(answer, "bus identity", problems);
  BusIdentity identity;
  identity.url = in.string("url");
  identity.ca_pem = in.string("ca");
  identity.identity.certificate_pem = in.string("certificate");
  identity.identity.private_key_pem = Secret(in.string("private_key"));
  identity.lifetime = std::chrono::seconds(in.integer("lifetime_seconds", 60, 10'000'000));
  problems.throw_if_any("the director's answer");
  return identity;
}

DirectorClient::Lease DirectorClient::lease(const std::string& holder, std::chrono::seconds duration) const {
  const Json body = {{"holder", holder}, {"seconds", duration.count()}};
  const auto answer = send({.method = "PUT", .target = "/health_monitor/lease", .body = dump(body)}).json();
  Problems problems;
  JsonReader in(answer, "lease", problems);
  Lease lease{in.boolean("yours"), in.boolean_or("resurrection_paused", false)};
  problems.throw_if_any("the director's answer");
  return lease;
}

std::optional<std::string> DirectorClient::repair(const RepairOrder& order, const RepairOptions& options) const {
  const auto* remedy = order.rung == Rung::reboot ? "reboot_vm" : "recreate_vm";
  Json resolutions = {{"unresponsive_agent", remedy}};
  if (order.failing_jobs) resolutions["failing_jobs"] = remedy;
  if (order.rung == Rung::replace && options.full_disk_percent <= 100) resolutions["full_disk"] = "recreate_vm";
  const Json body = {
      {"jobs", order.jobs},
      {"resolutions", resolutions},
      {"full_disk_percent", std::min(options.full_disk_percent, 100)},
      {"state_wait_ms", options.state_wait.count()},
      {"reboot_wait_seconds", options.reboot_wait.count()}};
  http::ClientRequest request{.method = "PUT",
                              .target = "/deployments/" + http::url_encode(order.deployment) + "/scan_and_fix",
                              .body = dump(body)};
  request.headers["Content-Type"] = "application/json";
  request.headers["X-Bosh-Context-Id"] = order.id;
  const auto response = send(std::move(request));
  if (response.status != http_redirect) return std::nullopt;
  return task_in(response);
}

std::optional<std::string> DirectorClient::repair_under_way(const std::string& deployment) const {
  const auto list =
      send({.target = "/tasks?state=queued,processing,cancelling&verbose=2&deployment=" + http::url_encode(deployment)})
          .json();
  for (const auto& task : list) {
    const bool repairs =
        text_or_empty(task, "description") == repair_description && text_or_empty(task, "deployment") == deployment;
    if (repairs) return std::to_string(task.value("id", std::int64_t{0}));
  }
  return std::nullopt;
}

std::optional<DirectorClient::TaskEnd> DirectorClient::watch(const std::string& task, std::uint64_t& version,
                                                             std::chrono::seconds wait) const {
  const auto response = send({.target = "/tasks/" + task + "?wait_seconds=" + std::to_string(wait.count()) +
                                        "&version=" + std::to_string(version)});
  const auto seen = response.headers.find("X-Slipway-Version");
  if (seen != response.headers.end())
    std::from_chars(seen->second.data(), seen->second.data() + seen->second.size(), version);
  const auto body = response.json();
  const auto state = text_or_empty(body, "state");
  if (!is_final(state)) return std::nullopt;
  return TaskEnd{state == "done", text_or_empty(body, "result")};
}

void DirectorClient::record_event(const Json& event) const {
  http::ClientRequest request{.method = "POST", .target = "/events", .body = dump(event)};
  request.headers["Content-Type"] = "application/json";
  send(std::move(request));
}

}  // namespace slipway::health
