#include "cli/scenario/fake_director.hpp"

#include <algorithm>
#include <filesystem>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/yaml.hpp"

namespace slipway::cli {

namespace {

using http::Request;
using http::Response;

constexpr const char* director_name = "fake";

Response refusal(int status, const std::string& text) {
  return Response::json(status, {{"code", status}, {"description", text}});
}

std::string header(const Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

int instances_in(const Json& manifest) {
  int count = 0;
  for (const auto& group : manifest.at("instance_groups")) count += group.at("instances").get<int>();
  return count;
}

std::string event(const std::string& stage, const std::string& step, int index, int total,
                  const std::string& state) {
  return dump({{"time", 1},
               {"stage", stage},
               {"tags", Json::array()},
               {"total", total},
               {"task", step},
               {"index", index},
               {"state", state},
               {"progress", state == "finished" ? 100 : 0}}) +
         "\n";
}

}  // namespace

FakeDirector::FakeDirector()
    : folder_((std::filesystem::temp_directory_path() / ("fake-director-" + SystemRandom().hex(8))).string()),
      cluster_ca_(tls::create_ca({.common_name = "cluster CA"}, std::chrono::hours{24}, clock_.now(), 2048,
                                 nullptr, tls::KeyType::ec_p256)) {
  std::filesystem::create_directories(folder_);
  const auto pair = authority_.issue("127.0.0.1");
  write_file_atomically(folder_ + "/crt", pair.certificate_pem);
  write_file_atomically(folder_ + "/key", pair.private_key_pem.reveal(), 0600);

  const auto add = [this](const char* method, const char* pattern,
                          Response (FakeDirector::*handler)(const Request&)) {
    router_.add(method, pattern, [this, handler](Request& r) { return (this->*handler)(r); });
  };
  router_.add("GET", "/info", [](Request&) { return Response::json(200, {{"name", director_name}}); });
  router_.add("POST", "/deployments", [this](Request& r) { return deploy(r); });
  router_.add("DELETE", "/deployments/{name}", [this](Request& r) { return remove(r); });
  add("GET", "/deployments/{name}/instances", &FakeDirector::instances);
  add("GET", "/deployments/{name}/certificate_expiry", &FakeDirector::certificate_expiry);
  add("GET", "/tasks", &FakeDirector::list);
  add("GET", "/tasks/{id}", &FakeDirector::show);
  add("GET", "/tasks/{id}/output", &FakeDirector::output);
  add("DELETE", "/task/{id}", &FakeDirector::cancel);
  add("GET", "/v1/data", &FakeDirector::variable);
  add("GET", "/releases", &FakeDirector::releases);
  add("GET", "/stemcells", &FakeDirector::stemcells);
  add("GET", "/events", &FakeDirector::events);

  http::ServerConfig config;
  config.certificate_file = folder_ + "/crt";
  config.private_key_file = folder_ + "/key";
  server_ = std::make_unique<http::Server>(
      config, [this](Request& r) { return guarded(r, [this](Request& q) { return router_(q); }); },
      Log::discard());
}

FakeDirector::~FakeDirector() {
  hold(false);
  server_->stop();
  std::filesystem::remove_all(folder_);
}

std::string FakeDirector::url() const { return "https://127.0.0.1:" + std::to_string(server_->port()); }

void FakeDirector::hold(bool on) {
  const std::lock_guard lock(mutex_);
  held_ = on;
  changed_.notify_all();
}

void FakeDirector::hold_begun(bool on) {
  const std::lock_guard lock(mutex_);
  held_begun_ = on;
  changed_.notify_all();
}

void FakeDirector::be_away(bool on) {
  const std::lock_guard lock(mutex_);
  away_ = on;
}

void FakeDirector::fail_tasks(bool on) {
  const std::lock_guard lock(mutex_);
  failing_ = on;
}

void FakeDirector::fail_tasks_of(const std::string& text) {
  const std::lock_guard lock(mutex_);
  failing_text_ = text;
}

void FakeDirector::upload(const std::string& name, const std::string& version) {
  const std::lock_guard lock(mutex_);
  (stemcells_.contains(name) ? stemcells_ : releases_)[name].push_back(version);
}

Response FakeDirector::releases(const Request&) {
  Json list = Json::array();
  for (const auto& [name, versions] : releases_) {
    Json entries = Json::array();
    for (const auto& version : versions)
      entries.push_back({{"version", version}, {"currently_deployed", false}});
    list.push_back({{"name", name}, {"release_versions", entries}});
  }
  return Response::json(200, list);
}

void FakeDirector::tell_of_repair(const std::string& action, const std::string& instance, const std::string& reason) {
  const auto all = deployments();
  const std::lock_guard lock(mutex_);
  events_.insert(events_.begin(), Json{{"id", std::to_string(events_.size() + 1)},
                                       {"timestamp", 1'700'000'000 + static_cast<std::int64_t>(events_.size())},
                                       {"user", "health-monitor"},
                                       {"action", action},
                                       {"object_type", "repair"},
                                       {"object_name", instance},
                                       {"error", nullptr},
                                       {"task", nullptr},
                                       {"deployment", *all.begin()},
                                       {"instance", instance},
                                       {"context", {{"reason", reason}}}});
}

Response FakeDirector::events(const Request& request) {
  Json list = Json::array();
  for (const auto& event : events_) {
    if (request.query_value("deployment") == event.at("deployment").get<std::string>() &&
        request.query_value("object_type") == event.at("object_type").get<std::string>())
      list.push_back(event);
  }
  return Response::json(200, list);
}

Response FakeDirector::stemcells(const Request&) {
  Json list = Json::array();
  for (const auto& [os, versions] : stemcells_) {
    for (const auto& version : versions) {
      list.push_back({{"name", "slipway-" + os}, {"operating_system", os}, {"version", version}});
    }
  }
  return Response::json(200, list);
}

// pks-api says which versions a cluster has: "latest" would let them change behind its back.
void FakeDirector::check_versions(const Json& manifest) {
  const auto known = [](const auto& offered, const std::string& name, const Json& version) {
    const auto found = offered.find(name);
    return found != offered.end() &&
           std::find(found->second.begin(), found->second.end(), version.get<std::string>()) != found->second.end();
  };
  for (const auto& release : manifest.at("releases")) {
    if (!known(releases_, release.at("name"), release.at("version")))
      violations_.push_back("no exact version of a release");
  }
  for (const auto& stemcell : manifest.at("stemcells")) {
    if (!known(stemcells_, stemcell.at("os"), stemcell.at("version")))
      violations_.push_back("no exact version of a stemcell");
  }
}

void FakeDirector::forget_tasks() {
  const std::lock_guard lock(mutex_);
  tasks_.clear();
  contexts_.clear();
  changed_.notify_all();
}

void FakeDirector::wait_for_tasks(std::size_t count) {
  std::unique_lock lock(mutex_);
  const auto arrived = changed_.wait_for(lock, std::chrono::seconds(60), [&] { return submitted_ >= count; });
  if (!arrived)
    throw Error(Fault::retryable, "only " + std::to_string(submitted_) + " tasks were submitted in a minute");
}

std::size_t FakeDirector::submitted() {
  const std::lock_guard lock(mutex_);
  return submitted_;
}

std::vector<std::string> FakeDirector::violations() {
  const std::lock_guard lock(mutex_);
  return violations_;
}

std::set<std::string> FakeDirector::deployments() {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const auto& [name, manifest] : deployments_) names.insert(name);
  return names;
}

std::size_t FakeDirector::instances_of_only_deployment() {
  const std::lock_guard lock(mutex_);
  return deployments_.size() == 1 ? static_cast<std::size_t>(instances_in(deployments_.begin()->second)) : 0;
}

Json FakeDirector::manifest_of_only_deployment() {
  const std::lock_guard lock(mutex_);
  return deployments_.size() == 1 ? deployments_.begin()->second : Json();
}

Json FakeDirector::certificate(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return certificate_of(name);
}

Json FakeDirector::certificate_of(const std::string& name) {
  auto& known = certificates_[name];
  if (known.is_null()) {
    tls::CertificateRequest request;
    request.subject = {.common_name = name, .organization = "system:masters"};
    request.usage = tls::Usage::client;
    request.key = tls::KeyType::ec_p256;
    const auto pair = tls::issue(cluster_ca_, request, clock_.now());
    known = {{"ca", cluster_ca_.certificate_pem},
             {"certificate", pair.certificate_pem},
             {"private_key", pair.private_key_pem.reveal()}};
  }
  return known;
}

Response FakeDirector::guarded(Request& request, const http::Handler& handler) {
  const std::lock_guard lock(mutex_);
  if (away_) return Response::empty(503);
  if (header(request, "Authorization") != "Basic " + base64_encode(std::string(user) + ":" + password)) {
    violations_.push_back("wrong password");
    return refusal(401, "Not authorized");
  }
  return handler(request);
}

Response FakeDirector::deploy(Request& request) {
  if (header(request, "Content-Type") != "text/yaml")
    violations_.push_back("a manifest that is not text/yaml");
  Task task;
  task.kind = "deploy";
  task.manifest = parse_yaml(request.body->read_all(1u << 20), "manifest");
  task.deployment = task.manifest.at("name").get<std::string>();
  task.nodes = instances_in(task.manifest);
  check_versions(task.manifest);
  if (task.deployment.find("((") != std::string::npos) violations_.push_back("a blank was left in the name");
  return submit(std::move(task), request);
}

Response FakeDirector::remove(Request& request) {
  Task task;
  task.kind = "delete";
  task.deployment = request.path_param("name");
  if (!deployments_.contains(task.deployment))
    return refusal(404, "Deployment '" + task.deployment + "' doesn't exist");
  task.nodes = instances_in(deployments_.at(task.deployment));
  if (request.query_value("delete_disks") != "true") violations_.push_back("a delete that leaves disks");
  return submit(std::move(task), request);
}

Response FakeDirector::submit(Task task, const Request& request) {
  task.context = header(request, "X-Bosh-Context-Id");
  if (task.context.empty() || task.context.size() > 64)
    violations_.push_back("an order without a usable context id");
  if (!contexts_.insert(task.context).second) violations_.push_back("an order given twice");
  for (const auto& [id, other] : tasks_) {
    if (other.deployment == task.deployment && !other.is_final())
      violations_.push_back("two tasks on one deployment");
  }
  task.id = ++last_id_;
  if (task.kind == "deploy") deployments_.emplace(task.deployment, task.manifest);
  const auto id = task.id;
  tasks_[id] = std::move(task);
  ++submitted_;
  changed_.notify_all();
  return Response::redirect("/tasks/" + std::to_string(id));
}

void FakeDirector::step(Task& task) {
  if (task.is_final()) return;
  ++task.version;
  const auto stage = task.kind == "delete" ? "Deleting instances" : "Updating instance";
  const auto index = task.steps / 2 + 1;
  const auto name = "etcd/" + std::to_string(index);
  const bool finishes = task.steps % 2 == 1;
  const bool meant = !failing_text_.empty() && dump(task.manifest).find(failing_text_) != std::string::npos;
  if (finishes && (failing_ || meant)) {
    const auto error = "'" + name + "' is not running after update";
    auto failed = parse_json(event(stage, name, index, task.nodes, "failed"), "event");
    failed["data"] = {{"error", error}};
    task.events +=
        dump(failed) + "\n" + dump({{"time", 1}, {"error", {{"code", 400007}, {"message", error}}}}) + "\n";
    task.state = "error";
    task.result = error;
    return;
  }
  task.events += event(stage, name, index, task.nodes, finishes ? "finished" : "started");
  if (++task.steps == 2 * task.nodes) {
    finish(task);
  } else if (task.stopping && task.steps % 2 == 0) {
    task.state = "cancelled";
    task.result = "Task was stopped between two instances";
  }
}

void FakeDirector::finish(Task& task) {
  task.state = "done";
  task.result = "fine";
  if (task.kind == "delete") {
    deployments_.erase(task.deployment);
  } else {
    deployments_[task.deployment] = task.manifest;
    for (const auto& variable : task.manifest.at("variables")) {
      if (variable.value("update_mode", std::string()) == "overwrite")
        certificates_.erase(variable.at("name").get<std::string>());
    }
  }
}

Json FakeDirector::to_json(const Task& task) {
  return {{"id", task.id},
          {"state", task.state},
          {"description", task.kind},
          {"result", task.is_final() ? Json(task.result) : Json(nullptr)},
          {"user", user},
          {"deployment", task.deployment},
          {"context_id", task.context}};
}

// Held by `guarded`'s lock: a held task answers at once, and the caller polls on, so the
// version stays away while tasks are held.
Response FakeDirector::show(const Request& request) {
  const auto found = tasks_.find(std::stoll(request.path_param("id")));
  if (found == tasks_.end()) return refusal(404, "Task " + request.path_param("id") + " not found");
  auto& task = found->second;
  if (!stands_still(task)) step(task);
  auto response = Response::json(200, to_json(task));
  if (!stands_still(task)) response.headers["X-Slipway-Version"] = std::to_string(task.version);
  return response;
}

Response FakeDirector::list(const Request& request) {
  Json entries = Json::array();
  for (const auto& [id, task] : tasks_) {
    if (task.context == request.query_value("context_id").value_or(task.context))
      entries.push_back(to_json(task));
  }
  return Response::json(200, entries);
}

Response FakeDirector::output(const Request& request) {
  const auto found = tasks_.find(std::stoll(request.path_param("id")));
  if (found == tasks_.end()) return refusal(404, "no such task");
  if (request.query_value("type") != "event") violations_.push_back("an output that is not of events");
  const auto& events = found->second.events;
  if (events.empty()) return Response::empty(204);
  const auto range = header(request, "Range");
  if (range.empty()) return Response::text(200, events);
  const auto offset = std::stoull(range.substr(range.find('=') + 1));
  if (offset >= events.size()) return Response::empty(416);
  return Response::text(206, events.substr(offset));
}

Response FakeDirector::instances(const Request& request) {
  const auto found = deployments_.find(request.path_param("name"));
  if (found == deployments_.end()) return refusal(404, "no such deployment");
  Json list = Json::array();
  for (const auto& group : found->second.at("instance_groups")) {
    for (int i = 0; i < group.at("instances").get<int>(); ++i) {
      const auto address = "10.0.0." + std::to_string(10 + list.size());
      list.push_back({{"id", "node-" + std::to_string(list.size())},
                      {"job", group.at("name")},
                      {"index", i},
                      {"ips", {address}}});
    }
  }
  return Response::json(200, list);
}

// Certificates of the manifests it was given, and no others.
Response FakeDirector::variable(const Request& request) {
  const auto name = request.query_value("name").value_or("");
  for (const auto& [deployment, manifest] : deployments_) {
    for (const auto& declared : manifest.at("variables")) {
      const auto word = declared.at("name").get<std::string>();
      if (name != "/" + std::string(director_name) + "/" + deployment + "/" + word) continue;
      return Response::json(
          200, {{"data", Json::array({{{"id", "1"}, {"name", name}, {"value", certificate_of(word)}}})}});
    }
  }
  return refusal(404, "there is no variable '" + name + "'");
}

Response FakeDirector::certificate_expiry(const Request& request) {
  const auto found = deployments_.find(request.path_param("name"));
  if (found == deployments_.end()) return refusal(404, "no such deployment");
  Json list = Json::array();
  for (const auto& declared : found->second.at("variables")) {
    if (declared.at("type") != "certificate") continue;
    const auto word = declared.at("name").get<std::string>();
    const auto info = tls::inspect(certificate_of(word).at("certificate").get<std::string>());
    const auto left = std::chrono::floor<std::chrono::days>(info.not_after - clock_.now());
    list.push_back({{"certificate_path", "/" + std::string(director_name) + "/" + found->first + "/" + word},
                    {"expiry", to_rfc3339(info.not_after)},
                    {"days_left", left.count()}});
  }
  return Response::json(200, list);
}

Response FakeDirector::cancel(const Request& request) {
  const auto found = tasks_.find(std::stoll(request.path_param("id")));
  if (found == tasks_.end()) return refusal(404, "no such task");
  auto& task = found->second;
  if (task.is_final()) return refusal(400, "Cannot cancel task");
  if (request.query_value("between_instances") == "true" && task.steps % 2 == 1) {
    task.stopping = true;  // in the middle of one
  } else {
    task.state = "cancelled";
  }
  ++task.version;
  return Response::empty(204);
}

}  // namespace slipway::cli
