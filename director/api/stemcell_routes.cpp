#include <optional>

#include "director/api/artifact_requests.hpp"
#include "director/domain/error_codes.hpp"
#include "director/uploads/artifact_tasks.hpp"

namespace slipway::director::api {
namespace {

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

Response is_needed(ApiServices& services, const Request& request) {
  const auto body = request.json_body(1u << 20);
  Problems problems;
  JsonReader in(body, "request", problems);
  JsonReader stemcell(in.object("stemcell"), "stemcell", problems);
  const auto name = stemcell.string("name");
  const auto version = stemcell.string("version");
  problems.throw_if_any("stemcell upload");
  return Response::json(200, {{"needed", stemcell_needed(services.stores, services.cpis, name, version)}});
}

// The image is unpacked while it comes in; of a stemcell that every CPI has, only the manifest is kept.
// A tarball that is none becomes a task all the same, which says so.
void receive_stemcell(ApiServices& services, Request& request, const std::optional<MultiDigest>& digest, Json& arguments) {
  const bool fix = arguments.at("fix") == true;
  try {
    const auto path =
        services.uploads.receive_stemcell(*request.body, digest, [&](const releases::StemcellManifest& manifest) {
          return fix || stemcell_needed(services.stores, services.cpis, manifest.name, manifest.version);
        });
    arguments["path"] = path.string();
  } catch (const Error& error) {
    if (error.fault() != Fault::invalid) throw;
    arguments["refused"] = error.what();
    arguments["refused_code"] = error.code();
  }
}

}  // namespace

void add_stemcell_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/stemcells", Need::read_artifacts,
             [&](Request&, const Caller&) { return list_stemcells(services); });
  routes.add("POST", "/stemcells", Need::upload_stemcells, [&](Request& request, const Caller& caller) {
    return upload_artifact(services, request, caller, {"update_stemcell", "create stemcell", code::stemcell_archive, receive_stemcell});
  });
  routes.add("POST", "/stemcell_uploads", Need::upload_stemcells,
             [&](Request& request, const Caller&) { return is_needed(services, request); });
  routes.add("DELETE", "/stemcells/{name}/{version}", Need::admin, [&](Request& request, const Caller& caller) {
    return delete_artifact(services, request, caller, "delete_stemcell", request.path_param("version"));
  });
}

}  // namespace slipway::director::api
