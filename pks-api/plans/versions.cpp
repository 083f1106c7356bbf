#include "pks-api/plans/versions.hpp"

#include <charconv>

#include "base/json_text.hpp"
#include "releases/format/version.hpp"

namespace slipway::pks {

namespace {

bool matches(const std::string& wish, const std::string& version) {
  if (wish == "latest" || wish == version) return true;
  if (!wish.ends_with(".latest")) return false;
  const auto stem = wish.substr(0, wish.size() - std::string_view(".latest").size());
  return version == stem || version.starts_with(stem + ".");
}

// The newest of the versions offered that the wish allows; empty when there is none.
template <class Offered>
std::string newest(const std::string& wish, const Offered& offered) {
  std::string best;
  for (const auto& version : offered) {
    if (matches(wish, version) && (best.empty() || releases::is_older(best, version))) best = version;
  }
  return best;
}

std::vector<std::string> versions_of_release(const Json& releases, const std::string& name) {
  std::vector<std::string> versions;
  for (const auto& release : releases) {
    if (scalar_text(release, "name") != name) continue;
    for (const auto& version : release.value("release_versions", Json::array())) {
      versions.push_back(scalar_text(version, "version"));
    }
  }
  return versions;
}

std::vector<std::string> versions_of_stemcell(const Json& stemcells, const Json& wanted) {
  const auto os = scalar_text(wanted, "os"), name = scalar_text(wanted, "name");
  std::vector<std::string> versions;
  for (const auto& stemcell : stemcells) {
    const bool same =
        name.empty() ? scalar_text(stemcell, "operating_system") == os : scalar_text(stemcell, "name") == name;
    if (same) versions.push_back(scalar_text(stemcell, "version"));
  }
  return versions;
}

}  // namespace

Versions resolve_versions(const Json& manifest, const Json& releases, const Json& stemcells) {
  Versions versions = {{"releases", Json::object()}, {"stemcells", Json::object()}};
  Problems problems;
  for (const auto& release : manifest.value("releases", Json::array())) {
    const auto name = scalar_text(release, "name"), wish = scalar_text(release, "version");
    const auto found = newest(wish, versions_of_release(releases, name));
    if (found.empty())
      problems.add("release '" + name + "'", "the director has no version '" + wish + "' of it");
    versions["releases"][name] = found;
  }
  for (const auto& stemcell : manifest.value("stemcells", Json::array())) {
    const auto alias = scalar_text(stemcell, "alias"), wish = scalar_text(stemcell, "version");
    const auto found = newest(wish, versions_of_stemcell(stemcells, stemcell));
    if (found.empty())
      problems.add("stemcell '" + alias + "'", "the director has no version '" + wish + "' of it");
    versions["stemcells"][alias] = found;
  }
  problems.throw_if_any("the plan's manifest");
  return versions;
}

void apply_versions(Json& manifest, const Versions& versions) {
  const auto apply = [&](const char* list, const char* key) {
    if (!manifest.contains(list) || !versions.contains(list)) return;
    for (auto& entry : manifest[list]) {
      const auto known = versions[list].find(scalar_text(entry, key));
      if (known != versions[list].end()) entry["version"] = *known;
    }
  };
  apply("releases", "name");
  apply("stemcells", "alias");
}

int minor_of(const std::string& version) {
  const auto dot = version.find('.');
  int minor = -1;
  if (dot != std::string::npos)
    std::from_chars(version.data() + dot + 1, version.data() + version.size(), minor);
  return minor;
}

}  // namespace slipway::pks
