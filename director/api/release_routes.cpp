#include <map>
#include <optional>
#include <set>

#include "director/api/artifact_requests.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/reader.hpp"

namespace slipway::director::api {
namespace {

Response list_releases(ApiServices& services) {
  std::set<std::int64_t> deployed;
  for (const auto& deployment : services.stores.deployments.all())
    for (const auto id : services.stores.deployments.release_ids(deployment.name)) deployed.insert(id);
  const auto job_names = services.stores.releases.job_names();
  std::map<std::string, Json> by_name;
  for (const auto& release : services.stores.releases.versions()) {
    auto& versions = by_name.try_emplace(release.name, Json::array()).first->second;
    const auto jobs = job_names.find(release.id);
    versions.push_back({{"version", release.version},
                        {"commit_hash", release.commit_hash},
                        {"uncommitted_changes", release.uncommitted_changes},
                        {"currently_deployed", deployed.contains(release.id)},
                        {"job_names", jobs == job_names.end() ? Json::array() : Json(jobs->second)}});
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
  if (!name_known) throw Error(Fault::not_found, "Release '" + name + "' doesn't exist", code::release_not_found);
  if (versions.empty())
    throw Error(Fault::not_found, "Release version '" + name + "/" + version + "' doesn't exist",
                code::release_version_not_found);
  Json answer = {{"jobs", Json::array()}, {"packages", Json::array()}, {"versions", versions}};
  for (auto& [key, job] : jobs) answer["jobs"].push_back(job);
  for (auto& [key, package] : packages) answer["packages"].push_back(package);
  return Response::json(200, answer);
}

// The task needs what the user may do to the deployment it compiles for.
Response export_release(Routes& routes, ApiServices& services, const Request& request, const Caller& caller) {
  const auto body = request.json_body(1u << 20);
  Problems problems;
  HashReader in(body, "", problems);
  TaskRecord task;
  task.type = "export_release";
  task.deployment = in.text("deployment_name");
  task.arguments = {{"deployment", task.deployment},
                    {"release", in.text("release_name")},
                    {"version", in.text("release_version")},
                    {"stemcell_os", in.text("stemcell_os")},
                    {"stemcell_version", in.text("stemcell_version")},
                    {"sha256", in.boolean_or("sha2", false)},
                    {"jobs", Json::array()}};
  const auto& jobs = in.array_or_empty("jobs");
  for (std::size_t i = 0; i < jobs.size(); ++i)
    task.arguments["jobs"].push_back(HashReader(jobs[i], item_place("jobs", i), problems).text("name"));
  problems.throw_if_any("export of a release");
  routes.demand(caller, Need::deployment_admin, routes.owner_of_deployment(task.deployment));
  const auto text_of = [&](const char* key) { return task.arguments.at(key).get<std::string>(); };
  task.description = "export release: '" + text_of("release") + "/" + text_of("version") + "' for '" +
                     text_of("stemcell_os") + "/" + text_of("stemcell_version") + "'";
  return submit(services, request, caller, std::move(task));
}

void receive_release(ApiServices& services, Request& request, const std::optional<MultiDigest>& digest, Json& arguments) {
  arguments["path"] = services.uploads.receive(*request.body, digest).string();
}

// Unlike a version, a name is checked before there is a task.
Response delete_release(ApiServices& services, const Request& request, const Caller& caller) {
  const auto& name = request.path_param("name");
  bool known = false;
  for (const auto& release : services.stores.releases.versions()) known = known || release.name == name;
  if (!known) throw Error(Fault::not_found, "Release '" + name + "' doesn't exist", code::release_not_found);
  return delete_artifact(services, request, caller, "delete_release", text(request, "version"));
}

// Logs belong to their deployment, and what releases are made of to all who may read releases.
// Everything else is the director's own: it may hold secrets.
Response resource(Routes& routes, ApiServices& services, const Request& request, const Caller& caller) {
  const BlobId blob{request.path_param("blob")};
  auto& stores = services.stores;
  if (const auto deployment = stores.temporary_blobs.deployment_of(blob))
    routes.demand(caller, Need::deployment_admin, routes.owner_of_deployment(*deployment));
  else if (!stores.releases.blob_in_use(blob) && !stores.exported_releases.holds(blob))
    routes.demand(caller, Need::admin, {});
  return Response::file(request, services.blobs.path(blob).string(), "application/x-gzip");
}

}  // namespace

void add_release_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/releases", Need::read_artifacts,
             [&](Request&, const Caller&) { return list_releases(services); });
  routes.add("POST", "/releases", Need::upload_releases, [&](Request& request, const Caller& caller) {
    return upload_artifact(services, request, caller, {"update_release", "create release", code::release_archive, receive_release});
  });
  routes.add("POST", "/releases/export", Need::list, [&](Request& request, const Caller& caller) {
    return export_release(routes, services, request, caller);
  });
  routes.add("GET", "/releases/{name}", Need::read_artifacts,
             [&](Request& request, const Caller&) { return show_release(services, request); });
  routes.add("DELETE", "/releases/{name}", Need::admin, [&](Request& request, const Caller& caller) {
    return delete_release(services, request, caller);
  });
  routes.add("GET", "/resources/{blob}", Need::read_artifacts, [&](Request& request, const Caller& caller) {
    return resource(routes, services, request, caller);
  });
}

}  // namespace slipway::director::api
