#include "director/domain/runtime_config.hpp"

#include <algorithm>

#include "director/domain/error_codes.hpp"
#include "director/domain/manifest_parts.hpp"
#include "director/domain/names.hpp"

namespace slipway::director {

namespace {

void read_releases(HashReader& in, RuntimeConfig& out) {
  const auto& list = in.array_or_empty("releases");
  for (std::size_t i = 0; i < list.size(); ++i) {
    HashReader item(list[i], item_place(in.place("releases"), i), in.problems());
    ReleaseUse release{item.text("name"), item.text("version"), {}};
    if (is_version_pattern(release.version)) {
      item.complain("version", "is '" + release.version + "'; a runtime config names exact versions",
                    code::runtime_release_version);
    }
    const auto known = std::find_if(out.releases.begin(), out.releases.end(),
                                    [&](const ReleaseUse& other) { return other.name == release.name; });
    if (known == out.releases.end()) {
      out.releases.push_back(std::move(release));
    } else if (known->version != release.version) {
      item.complain("version",
                    "of release '" + release.name + "' is '" + release.version + "' here and '" + known->version +
                        "' before; one is allowed",
                    code::duplicate_release);
    }
  }
}

// A path says which config it is in when there are several.
std::string place_of(const std::vector<NamedConfig>& configs, const NamedConfig& config) {
  return configs.size() == 1 ? "" : "config '" + config.name + "'";
}

}  // namespace

RuntimeConfig parse_runtime_config(const std::vector<NamedConfig>& configs) {
  Problems problems;
  RuntimeConfig out;
  for (const auto& config : configs) {
    HashReader in(config.content, place_of(configs, config), problems);
    read_releases(in, out);
  }
  bool tagged = false;
  for (const auto& config : configs) {
    HashReader in(config.content, place_of(configs, config), problems);
    auto addons = parse_addons(in, out.releases, true);
    std::move(addons.begin(), addons.end(), std::back_inserter(out.addons));
    auto variables = parse_variables(in);
    std::move(variables.begin(), variables.end(), std::back_inserter(out.variables));
    if (!in.has("tags")) continue;
    if (tagged) in.complain("tags", "stand in another runtime config too; one may have them", code::runtime_several_tags);
    tagged = true;
    out.tags = parse_tags(in);
  }
  problems.throw_if_any("the runtime config");
  return out;
}

void add_runtime_config(const RuntimeConfig& runtime, Manifest& manifest) {
  Problems problems;
  manifest.runtime_releases = runtime.releases;
  manifest.addons.insert(manifest.addons.end(), runtime.addons.begin(), runtime.addons.end());
  manifest.tags.insert(runtime.tags.begin(), runtime.tags.end());
  for (const auto& variable : runtime.variables) {
    const auto taken = std::any_of(manifest.variables.begin(), manifest.variables.end(),
                                   [&](const VariableDefinition& other) { return other.name == variable.name; });
    if (taken) {
      problems.add("variables", "'" + variable.name + "' of a runtime config is defined already",
                   code::duplicate_variable);
      continue;
    }
    manifest.variables.push_back(variable);
  }
  problems.throw_if_any("the runtime config");
}

}  // namespace slipway::director
