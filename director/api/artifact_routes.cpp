#include <filesystem>
#include <map>
#include <set>

#include "base/yaml.hpp"
#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

using namespace std::chrono_literals;

constexpr int release_not_found = 30005;
constexpr int version_not_found = 30006;
constexpr int upload_without_content = 30000;

std::string header(const Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

// A client whose answer was lost sends the same POST again: it gets the task it started,
// without another copy of its body.
std::optional<TaskRecord> started_before(ApiServices& services, const Request& request, const Caller& caller,
                                         const std::string& type) {
  TaskFilter filter;
  filter.context_id = header(request, "X-Bosh-Context-Id");
  if (filter.context_id.empty()) return std::nullopt;
  filter.types = {type};
  filter.include_internal = true;
  for (auto& task : services.tasks.list(filter))
    if (task.user == caller.user && task.created_at >= services.clock.now() - 10min) return task;
  return std::nullopt;
}

// The body is the tarball, or JSON that says where it is.
Response upload(ApiServices& services, Request& request, const Caller& caller, const std::string& type,
                const std::string& description) {
  if (const auto before = started_before(services, request, caller, type))
    return Response::redirect("/tasks/" + std::to_string(before->id));
  TaskRecord task;
  task.type = type;
  task.description = description;
  task.arguments = {{"fix", flag(request, "fix")}, {"rebase", flag(request, "rebase")}};
  if (header(request, "Content-Type").starts_with("application/json")) {
    const auto body = request.json_body(1u << 20);
    Problems problems;
    JsonReader in(body, "request", problems);
    task.arguments["location"] = in.string("location");
    task.arguments["sha1"] = in.string_or("sha1", "");
    problems.throw_if_any(description);
    return submit(services, request, caller, std::move(task));
  }
  if (request.body->length() == 0)
    throw Error(Fault::invalid, description + ": the request has no body", upload_without_content);
  services.uploads.sweep(services.tasks);
  const auto path = services.uploads.receive(*request.body);
  task.arguments["path"] = path.string();
  try {
    return submit(services, request, caller, std::move(task));
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    throw;
  }
}

Response list_stemcells(ApiServices& services) {
  Json list = Json::array();
  for (const auto& stemcell : services.stores.stemcells.all()) {
    Json users = Json::array();
    for (const auto& name : services.stores.stemcells.deployments_using(stemcell.id)) users.push_back({{"name", name}});
    list.push_back({{"name", stemcell.name},
                    {"version", stemcell.version},
                    {"operating_system", stemcell.operating_system},
                    {"cid", stemcell.cid.value},
                    {"cpi", stemcell.cpi},
                    {"api_version", stemcell.api_version},
                    {"deployments", users}});
  }
  return Response::json(200, list);
}

Response stemcell_needed(ApiServices& services, const Request& request) {
  const auto body = request.json_body(1u << 20);
  Problems problems;
  JsonReader in(body, "request", problems);
  JsonReader stemcell(in.object("stemcell"), "stemcell", problems);
  const auto name = stemcell.string("name");
  const auto version = stemcell.string("version");
  problems.throw_if_any("stemcell upload");
  bool needed = false;
  for (const auto& cpi : services.cpis.names())
    needed = needed || !services.stores.stemcells.find(name, version, cpi);
  return Response::json(200, {{"needed", needed}});
}

Response list_releases(ApiServices& services) {
  std::set<std::int64_t> deployed;
  for (const auto& deployment : services.stores.deployments.all())
    for (const auto id : services.stores.deployments.release_ids(deployment.name)) deployed.insert(id);
  std::map<std::string, Json> by_name;
  for (const auto& release : services.stores.releases.versions()) {
    auto& versions = by_name.try_emplace(release.name, Json::array()).first->second;
    versions.push_back({{"version", release.version},
                        {"commit_hash", release.commit_hash},
                        {"uncommitted_changes", release.uncommitted_changes},
                        {"currently_deployed", deployed.contains(release.id)},
                        {"job_names", Json::array()}});
  }
  Json list = Json::array();
  for (auto& [name, versions] : by_name) list.push_back({{"name", name}, {"release_versions", versions}});
  return Response::json(200, list);
}

Json job_json(const JobRecord& job) {
  return {{"name", job.name},
          {"fingerprint", job.fingerprint},
          {"blobstore_id", job.blob.value},
          {"sha1", job.sha1},
          {"consumes", job.spec.value("consumes", Json::array())},
          {"provides", job.spec.value("provides", Json::array())}};
}

Json package_json(ApiServices& services, const PackageRecord& package) {
  Json compiled = Json::array();
  for (const auto& one : services.stores.releases.compiled_of(package.id))
    compiled.push_back({{"stemcell", one.stemcell_os + "/" + one.stemcell_version},
                        {"sha1", one.sha1},
                        {"blobstore_id", one.blob.value}});
  return {{"name", package.name},
          {"fingerprint", package.fingerprint},
          {"blobstore_id", package.blob.empty() ? Json(nullptr) : Json(package.blob.value)},
          {"sha1", package.sha1.empty() ? Json(nullptr) : Json(package.sha1)},
          {"dependencies", package.dependencies},
          {"compiled_packages", compiled}};
}

Response show_release(ApiServices& services, const Request& request) {
  const auto& name = request.path_param("name");
  const auto version = text(request, "version");
  Json versions = Json::array();
  std::map<std::string, Json> jobs, packages;
  bool name_known = false;
  for (const auto& known : services.stores.releases.versions()) {
    if (known.name != name) continue;
    name_known = true;
    if (!version.empty() && known.version != version) continue;
    versions.push_back(known.version);
    const auto release = services.stores.releases.find(known.id);
    if (!release) continue;
    for (const auto& job : release->jobs) jobs[job.name + "/" + job.fingerprint] = job_json(job);
    for (const auto& package : release->packages)
      packages[package.name + "/" + package.fingerprint] = package_json(services, package);
  }
  if (!name_known) throw Error(Fault::not_found, "Release '" + name + "' doesn't exist", release_not_found);
  if (versions.empty())
    throw Error(Fault::not_found, "Release version '" + name + "/" + version + "' doesn't exist", version_not_found);
  Json answer = {{"jobs", Json::array()}, {"packages", Json::array()}, {"versions", versions}};
  for (auto& [key, job] : jobs) answer["jobs"].push_back(job);
  for (auto& [key, package] : packages) answer["packages"].push_back(package);
  return Response::json(200, answer);
}

Response remove(ApiServices& services, const Request& request, const Caller& caller, const std::string& type,
                const std::string& version) {
  TaskRecord task;
  task.type = type;
  const auto& name = request.path_param("name");
  task.description =
      (type == "delete_stemcell" ? "delete stemcell: " : "delete release: ") + name + (version.empty() ? "" : "/" + version);
  task.arguments = {{"name", name}, {"version", version}, {"force", flag(request, "force")}};
  return submit(services, request, caller, std::move(task));
}

// Fingerprints of the manifest's packages whose source is here: the client leaves those out.
Response matches(ApiServices& services, Request& request) {
  const auto manifest = parse_yaml(text_body(request), "release manifest");
  std::vector<std::string> fingerprints;
  if (const auto packages = manifest.find("packages"); packages != manifest.end() && packages->is_array())
    for (const auto& package : *packages)
      if (package.is_object() && package.contains("fingerprint") && package.at("fingerprint").is_string())
        fingerprints.push_back(package.at("fingerprint").get<std::string>());
  std::set<std::string> present;
  for (const auto& package : services.stores.releases.packages_with_fingerprints(fingerprints))
    if (!package.blob.empty() && services.blobs.exists(package.blob)) present.insert(package.fingerprint);
  return Response::json(200, Json(present));
}

// Logs belong to their deployment, and what releases are made of to all who may read releases.
// Everything else is the director's own: it may hold secrets.
Response resource(Routes& routes, ApiServices& services, const Request& request, const Caller& caller) {
  const BlobId blob{request.path_param("blob")};
  if (const auto deployment = services.stores.temporary_blobs.deployment_of(blob))
    routes.demand(caller, Need::deployment_admin, routes.owner_of_deployment(*deployment));
  else if (!services.stores.releases.blob_in_use(blob))
    routes.demand(caller, Need::admin, {});
  return Response::file(request, services.blobs.path(blob).string(), "application/x-gzip");
}

}  // namespace

void add_artifact_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/stemcells", Need::read_artifacts,
             [&](Request&, const Caller&) { return list_stemcells(services); });
  routes.add("POST", "/stemcells", Need::upload_stemcells, [&](Request& request, const Caller& caller) {
    return upload(services, request, caller, "update_stemcell", "create stemcell");
  });
  routes.add("POST", "/stemcell_uploads", Need::upload_stemcells,
             [&](Request& request, const Caller&) { return stemcell_needed(services, request); });
  routes.add("DELETE", "/stemcells/{name}/{version}", Need::admin, [&](Request& request, const Caller& caller) {
    return remove(services, request, caller, "delete_stemcell", request.path_param("version"));
  });
  routes.add("GET", "/releases", Need::read_artifacts,
             [&](Request&, const Caller&) { return list_releases(services); });
  routes.add("POST", "/releases", Need::upload_releases, [&](Request& request, const Caller& caller) {
    return upload(services, request, caller, "update_release", "create release");
  });
  routes.add("GET", "/releases/{name}", Need::read_artifacts,
             [&](Request& request, const Caller&) { return show_release(services, request); });
  routes.add("DELETE", "/releases/{name}", Need::admin, [&](Request& request, const Caller& caller) {
    return remove(services, request, caller, "delete_release", text(request, "version"));
  });
  routes.add("POST", "/packages/matches", Need::upload_releases,
             [&](Request& request, const Caller&) { return matches(services, request); });
  // Nothing matched is always a right answer: the client uploads everything.
  routes.add("POST", "/packages/matches_compiled", Need::upload_releases,
             [](Request&, const Caller&) { return Response::json(200, Json::array()); });
  routes.add("GET", "/resources/{blob}", Need::read_artifacts, [&](Request& request, const Caller& caller) {
    return resource(routes, services, request, caller);
  });
}

}  // namespace slipway::director::api
