#pragma once

#include <string>
#include <vector>

#include "director/domain/manifest.hpp"
#include "director/planner/plan.hpp"

namespace slipway::director {

// Which of a package's compiled forms an instance on this stemcell may run; nullptr when none:
// - with `exported_from`: one that was compiled on exactly such a stemcell of the same OS;
// - else the one of this very stemcell;
// - else, for a package without source, the newest of the same OS and major version.
// All of `known` are of `package`.
const CompiledPackageRecord* choose_compiled(const std::vector<CompiledPackageRecord>& known,
                                             const PackageRecord& package, const Assignment::PackageNeed& need,
                                             const std::string& dependency_key,
                                             const std::vector<ReleaseUse::ExportedFrom>& exported_from);

// "621.5" and "621.9" are made to run the same binaries.
bool same_major_version(const std::string& stemcell_version, const std::string& other);

}  // namespace slipway::director
