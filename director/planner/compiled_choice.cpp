#include "director/planner/compiled_choice.hpp"

#include <optional>

#include "releases/format/version.hpp"

namespace slipway::director {

namespace {

using releases::Version;

// What is no version is no stemcell's either.
std::optional<Version> version_of(const std::string& text) {
  try {
    return Version::parse_stemcell(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

const CompiledPackageRecord* exactly(const std::vector<CompiledPackageRecord>& known, const std::string& key,
                                     const std::string& os, const std::string& version) {
  for (const auto& one : known) {
    if (one.dependency_key == key && one.stemcell_os == os && one.stemcell_version == version) return &one;
  }
  return nullptr;
}

}  // namespace

bool same_major_version(const std::string& stemcell_version, const std::string& other) {
  const auto a = version_of(stemcell_version), b = version_of(other);
  return a && b && a->major() == b->major();
}

const CompiledPackageRecord* choose_compiled(const std::vector<CompiledPackageRecord>& known,
                                             const PackageRecord& package, const Assignment::PackageNeed& need,
                                             const std::string& dependency_key,
                                             const std::vector<ReleaseUse::ExportedFrom>& exported_from) {
  if (!exported_from.empty()) {
    for (const auto& stemcell : exported_from) {
      if (stemcell.os != need.stemcell_os) continue;
      if (const auto* found = exactly(known, dependency_key, stemcell.os, stemcell.version)) return found;
    }
    return nullptr;
  }
  if (const auto* found = exactly(known, dependency_key, need.stemcell_os, need.stemcell_version)) return found;
  if (!package.blob.empty()) return nullptr;
  const CompiledPackageRecord* newest = nullptr;
  for (const auto& one : known) {
    if (one.dependency_key != dependency_key || one.stemcell_os != need.stemcell_os) continue;
    if (!same_major_version(one.stemcell_version, need.stemcell_version)) continue;
    if (newest == nullptr || *version_of(newest->stemcell_version) < *version_of(one.stemcell_version)) newest = &one;
  }
  return newest;
}

}  // namespace slipway::director
