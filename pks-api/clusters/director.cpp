#include "pks-api/clusters/director.hpp"

#include <algorithm>
#include <charconv>

#include "base/digest.hpp"
#include "base/json_text.hpp"

namespace slipway::pks {

namespace {

constexpr int http_redirect = 302;

std::string description_of(const http::ClientResponse& response) {
  try {
    const auto body = response.json();
    if (body.is_object() && body.contains("description") && body["description"].is_string()) {
      return body["description"].get<std::string>();
    }
  } catch (const Error&) {
  }
  return "status " + std::to_string(response.status);
}

Fault fault_of(int status) {
  if (status == 401 || status == 403) return Fault::unauthenticated;
  if (status == 404) return Fault::not_found;
  if (status == 429 || status >= 500) return Fault::retryable;
  return Fault::invalid;
}

std::int64_t task_in_location(const http::ClientResponse& response) {
  const auto location = response.headers.find("Location");
  std::int64_t id = 0;
  if (response.status == http_redirect && location != response.headers.end()) {
    const auto& text = location->second;
    const auto number = text.substr(text.rfind('/') + 1);
    std::from_chars(number.data(), number.data() + number.size(), id);
  }
  if (id == 0) throw Error(Fault::outcome_unknown, "the director did not name its task");
  return id;
}

DirectorTask task_of(const Json& json) {
  return {json.value("id", std::int64_t{0}), text_or_empty(json, "state"), text_or_empty(json, "result")};
}

}  // namespace

bool DirectorTask::is_final() const {
  return state == "done" || state == "error" || state == "cancelled" || state == "timeout";
}

DirectorClient::DirectorClient(http::ClientConfig config, const std::string& user, const Secret& password)
    : client_(std::move(config)), authorization_("Basic " + base64_encode(user + ":" + password.reveal())) {}

http::ClientResponse DirectorClient::send(http::ClientRequest request) const {
  request.headers["Authorization"] = authorization_.reveal();
  const auto what = "director: " + request.method + " " + request.target.substr(0, request.target.find('?'));
  return with_context(what, [&] {
    auto response = client_.send(request);
    if (response.status >= 400) throw Error(fault_of(response.status), description_of(response));
    return response;
  });
}

std::string DirectorClient::name() const { return text_or_empty(send({.target = "/info"}).json(), "name"); }

std::optional<DirectorTask> DirectorClient::find_task(const std::string& context_id) const {
  const auto list = send({.target = "/tasks?verbose=2&context_id=" + http::url_encode(context_id)}).json();
  std::optional<DirectorTask> newest;
  for (const auto& entry : list) {
    // A director that does not know the filter lists more.
    if (text_or_empty(entry, "context_id") != context_id) continue;
    const auto task = task_of(entry);
    if (!newest || task.id > newest->id) newest = task;
  }
  return newest;
}

std::int64_t DirectorClient::deploy(const std::string& manifest, const std::string& context_id) const {
  return task_in_location(send({.method = "POST",
                                .target = "/deployments",
                                .headers = {{"Content-Type", "text/yaml"}, {"X-Bosh-Context-Id", context_id}},
                                .body = manifest}));
}

std::optional<std::int64_t> DirectorClient::remove(const std::string& deployment,
                                                   const std::string& context_id) const {
  try {
    return task_in_location(
        send({.method = "DELETE",
              .target = "/deployments/" + http::url_encode(deployment) + "?force=true&delete_disks=true",
              .headers = {{"X-Bosh-Context-Id", context_id}}}));
  } catch (const Error& error) {
    if (error.fault() == Fault::not_found) return std::nullopt;
    throw;
  }
}

void DirectorClient::cancel(std::int64_t task) const { end_task("/task/" + std::to_string(task)); }

void DirectorClient::stop_between_instances(std::int64_t task) const {
  end_task("/task/" + std::to_string(task) + "?between_instances=true");
}

void DirectorClient::end_task(const std::string& target) const {
  try {
    send({.method = "DELETE", .target = target});
  } catch (const Error& error) {
    if (error.fault() != Fault::invalid && error.fault() != Fault::not_found) throw;
  }
}

std::optional<DirectorTask> DirectorClient::watch(std::int64_t task, std::uint64_t& version,
                                                  int wait_seconds) const {
  try {
    const auto response =
        send({.target = "/tasks/" + std::to_string(task) + "?wait_seconds=" + std::to_string(wait_seconds) +
                        "&version=" + std::to_string(version)});
    const auto seen = response.headers.find("X-Slipway-Version");
    version = 0;
    if (seen != response.headers.end()) {
      std::from_chars(seen->second.data(), seen->second.data() + seen->second.size(), version);
    }
    return task_of(response.json());
  } catch (const Error& error) {
    if (error.fault() == Fault::not_found) return std::nullopt;
    throw;
  }
}

std::vector<std::string> DirectorClient::events_since(std::int64_t task, std::uint64_t& offset) const {
  http::ClientRequest request{.target = "/tasks/" + std::to_string(task) + "/output?type=event"};
  request.headers["Authorization"] = authorization_.reveal();
  request.headers["Range"] = "bytes=" + std::to_string(offset) + "-";
  const auto response = client_.send(request);
  std::vector<std::string> lines;
  if (response.status != 206 && !(response.status == 200 && offset == 0)) return lines;  // 416: nothing new
  std::size_t begin = 0;
  for (auto end = response.body.find('\n'); end != std::string::npos; end = response.body.find('\n', begin)) {
    lines.push_back(response.body.substr(begin, end - begin));
    begin = end + 1;
  }
  offset += begin;
  return lines;
}

std::vector<DirectorInstance> DirectorClient::instances(const std::string& deployment) const {
  const auto list = send({.target = "/deployments/" + http::url_encode(deployment) + "/instances"}).json();
  std::vector<DirectorInstance> instances;
  for (const auto& entry : list) {
    DirectorInstance instance{text_or_empty(entry, "id"), text_or_empty(entry, "job"), {}};
    for (const auto& ip : entry.value("ips", Json::array())) instance.ips.push_back(ip.get<std::string>());
    instances.push_back(std::move(instance));
  }
  return instances;
}

std::vector<DirectorRepair> DirectorClient::repairs(const std::string& deployment, std::size_t most) const {
  const auto list = send({.target = "/events?object_type=repair&deployment=" + http::url_encode(deployment),
                          .timeout = std::chrono::seconds{3}})
                        .json();
  std::vector<DirectorRepair> repairs;
  for (const auto& event : list) {
    if (repairs.size() == most) break;
    repairs.push_back({.at = from_epoch_seconds(event.value("timestamp", std::int64_t{0})),
                       .action = text_or_empty(event, "action"),
                       .instance = text_or_empty(event, "instance"),
                       .reason = text_or_empty(event.value("context", Json::object()), "reason"),
                       .error = text_or_empty(event, "error")});
  }
  return repairs;
}

std::vector<CertificateExpiry> DirectorClient::certificates(const std::string& deployment) const {
  const auto list = send({.target = "/deployments/" + http::url_encode(deployment) + "/certificate_expiry"}).json();
  std::vector<CertificateExpiry> certificates;
  for (const auto& entry : list) {
    certificates.push_back({text_or_empty(entry, "certificate_path"), text_or_empty(entry, "expiry"),
                            entry.value("days_left", std::int64_t{0})});
  }
  return certificates;
}

Json DirectorClient::releases() const { return send({.target = "/releases"}).json(); }

Json DirectorClient::stemcells() const { return send({.target = "/stemcells"}).json(); }

std::optional<Json> DirectorClient::variable(const std::string& name) const {
  try {
    const auto data = send({.target = "/v1/data?name=" + http::url_encode(name)}).json();
    return data.at("data").at(0).at("value");
  } catch (const Error& error) {
    if (error.fault() == Fault::not_found) return std::nullopt;
    throw;
  }
}

}  // namespace slipway::pks
