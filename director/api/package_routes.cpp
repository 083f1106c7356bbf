#include <algorithm>
#include <set>

#include "base/json_text.hpp"
#include "base/yaml.hpp"
#include "director/api/routes.hpp"
#include "director/domain/dependency_key.hpp"
#include "director/domain/error_codes.hpp"

// Which of a release's packages the director holds already: the client leaves those out of its tarball.
namespace slipway::director::api {
namespace {

struct ListedPackage {
  std::string name, version, fingerprint, stemcell;
  std::vector<std::string> dependencies;
};

// A package that is described badly matches nothing; the upload will say what is wrong with it.
std::vector<ListedPackage> listed_packages(Request& request, const char* key) {
  const auto manifest = parse_yaml(text_body(request), "release manifest");
  std::vector<ListedPackage> packages;
  if (!manifest.is_object())
    throw Error(Fault::invalid, "release manifest: expected a YAML mapping", code::bad_manifest);
  const auto listed = manifest.find(key);
  if (listed == manifest.end() || listed->is_null()) return packages;
  if (!listed->is_array())
    throw Error(Fault::invalid, std::string("release manifest: '") + key + "' has to be a list", code::bad_manifest);
  for (const auto& item : *listed) {
    if (!item.is_object()) continue;
    ListedPackage package{text_or_empty(item, "name"), text_or_empty(item, "version"), text_or_empty(item, "fingerprint"),
                          text_or_empty(item, "stemcell"), {}};
    if (package.version.empty()) package.version = package.fingerprint;
    if (const auto names = item.find("dependencies"); names != item.end() && names->is_array())
      for (const auto& name : *names)
        if (name.is_string()) package.dependencies.push_back(name.get<std::string>());
    packages.push_back(std::move(package));
  }
  return packages;
}

Response matches(ApiServices& services, Request& request) {
  std::vector<std::string> fingerprints;
  for (const auto& package : listed_packages(request, "packages"))
    if (!package.fingerprint.empty()) fingerprints.push_back(package.fingerprint);
  std::set<std::string> present;
  for (const auto& package : services.stores.releases.packages_with_fingerprints(fingerprints))
    if (!package.blob.empty() && services.blobs.exists(package.blob)) present.insert(package.fingerprint);
  return Response::json(200, Json(present));
}

// Compiled with the same dependencies, for the same stemcell.
Response matches_compiled(ApiServices& services, Request& request) {
  const auto packages = listed_packages(request, "compiled_packages");
  const auto graph = dependency_graph(packages);
  std::set<std::string> present;
  for (const auto& package : packages) {
    const auto slash = package.stemcell.find('/');
    if (package.fingerprint.empty() || slash == std::string::npos) continue;
    CompiledPackageRecord like;
    like.stemcell_os = package.stemcell.substr(0, slash);
    like.stemcell_version = package.stemcell.substr(slash + 1);
    like.dependency_key = dependency_key(graph, package.name);
    const auto found = services.stores.releases.find_compiled_anywhere(package.name, package.fingerprint, like);
    if (found && services.blobs.exists(found->blob)) present.insert(package.fingerprint);
  }
  return Response::json(200, Json(present));
}

}  // namespace

void add_package_routes(Routes& routes, ApiServices& services) {
  routes.add("POST", "/packages/matches", Need::upload_releases,
             [&](Request& request, const Caller&) { return matches(services, request); });
  routes.add("POST", "/packages/matches_compiled", Need::upload_releases,
             [&](Request& request, const Caller&) { return matches_compiled(services, request); });
}

}  // namespace slipway::director::api
