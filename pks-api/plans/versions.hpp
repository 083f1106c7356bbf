#pragma once

#include <string>

#include "base/json.hpp"

namespace slipway::pks {

// What a manifest's "latest" stand for: {"releases": {name: version}, "stemcells": {alias: version}}. A
// cluster keeps them, so that what the operator uploads reaches it only by an upgrade.
using Versions = Json;

// `releases` and `stemcells` as the director lists them. Fault::invalid names every release and stemcell that
// has no version to stand for.
Versions resolve_versions(const Json& manifest, const Json& releases, const Json& stemcells);

// The manifest with these versions in place of its own; what they do not name stays.
void apply_versions(Json& manifest, const Versions& versions);

// "1.34.2" → 34; -1 for what is none.
int minor_of(const std::string& kubernetes_version);

}  // namespace slipway::pks
