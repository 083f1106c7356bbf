#include "director/cleanup/cleanable.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "director/planner/compiled_choice.hpp"
#include "releases/format/version.hpp"

namespace slipway::director {

namespace {

constexpr std::size_t kept_of_each_name = 2;

// Of each name all versions but the newest `kept`. A stemcell's version may have a row for each CPI.
template <class Record>
std::vector<Record> all_but_newest(const std::vector<Record>& unused, std::size_t kept) {
  std::map<std::string, std::vector<std::string>> versions;
  for (const auto& one : unused) {
    auto& known = versions[one.name];
    if (std::find(known.begin(), known.end(), one.version) == known.end()) known.push_back(one.version);
  }
  std::set<std::pair<std::string, std::string>> staying;
  for (auto& [name, known] : versions) {
    std::stable_sort(known.begin(), known.end(), releases::is_older);
    for (std::size_t i = known.size() - std::min(kept, known.size()); i < known.size(); ++i)
      staying.emplace(name, known[i]);
  }
  std::vector<Record> going;
  for (const auto& one : unused)
    if (!staying.contains({one.name, one.version})) going.push_back(one);
  return going;
}

std::vector<ReleaseRecord> unused_releases(Stores& stores) {
  std::vector<ReleaseRecord> unused;
  for (auto& release : stores.releases.versions())
    if (stores.releases.deployments_using(release.id).empty()) unused.push_back(std::move(release));
  return unused;
}

// A version is in use when it is on any CPI.
std::vector<StemcellRecord> unused_stemcells(Stores& stores) {
  const auto all = stores.stemcells.all();
  std::set<std::pair<std::string, std::string>> used;
  for (const auto& stemcell : all)
    if (!stores.stemcells.deployments_using(stemcell.id).empty()) used.emplace(stemcell.name, stemcell.version);
  std::vector<StemcellRecord> unused;
  for (const auto& stemcell : all)
    if (!used.contains({stemcell.name, stemcell.version})) unused.push_back(stemcell);
  return unused;
}

std::vector<NamedCompiledPackage> useless_compiled_packages(Stores& stores,
                                                            const std::vector<StemcellRecord>& going) {
  std::vector<StemcellRecord> staying;
  for (auto& stemcell : stores.stemcells.all()) {
    const bool goes = std::any_of(going.begin(), going.end(), [&](const auto& one) { return one.id == stemcell.id; });
    if (!goes) staying.push_back(std::move(stemcell));
  }
  auto useless = stores.releases.all_compiled();
  std::erase_if(useless, [&](const NamedCompiledPackage& one) {
    return std::any_of(staying.begin(), staying.end(), [&](const StemcellRecord& stemcell) {
      return stemcell.operating_system == one.compiled.stemcell_os &&
             same_major_version(stemcell.version, one.compiled.stemcell_version);
    });
  });
  return useless;
}

std::string date_of(const std::optional<Timestamp>& time) { return time ? to_director_time(*time) : ""; }

}  // namespace

Cleanable find_cleanable(Stores& stores, const CleanupOptions& options) {
  const auto kept = options.remove_all ? 0 : kept_of_each_name;
  Cleanable found;
  found.releases = all_but_newest(unused_releases(stores), kept);
  found.stemcells = all_but_newest(unused_stemcells(stores), kept);
  found.orphaned_vms = stores.orphaned_vms.all();
  if (!options.remove_all)
    std::erase_if(found.orphaned_vms, [](const OrphanedVmRecord& vm) { return vm.kept_until.has_value(); });
  found.exported_releases = stores.exported_releases.all();
  if (!options.remove_all) return found;
  found.compiled_packages = useless_compiled_packages(stores, found.stemcells);
  if (!options.keep_orphaned_disks) found.orphaned_disks = stores.disks.orphaned();
  if (stores.deployments.all().empty()) found.dns_blobs = stores.dns_versions.blobs();
  return found;
}

Json to_json(const Cleanable& cleanable) {
  std::map<std::string, Json> versions;
  for (const auto& release : cleanable.releases)
    versions.try_emplace(release.name, Json::array()).first->second.push_back(release.version);
  Json json = {{"releases", Json::array()},          {"stemcells", Json::array()},
               {"compiled_packages", Json::array()}, {"orphaned_disks", Json::array()},
               {"orphaned_vms", Json::array()},      {"exported_releases", Json::array()},
               {"dns_blobs", Json::array()}};
  for (const auto& [name, listed] : versions) json["releases"].push_back({{"name", name}, {"versions", listed}});
  for (const auto& stemcell : cleanable.stemcells)
    json["stemcells"].push_back({{"name", stemcell.name},
                                 {"version", stemcell.version},
                                 {"operating_system", stemcell.operating_system},
                                 {"cid", stemcell.cid.value},
                                 {"cpi", stemcell.cpi},
                                 {"deployments", Json::array()}});
  for (const auto& one : cleanable.compiled_packages)
    json["compiled_packages"].push_back({{"package_name", one.package},
                                         {"stemcell_os", one.compiled.stemcell_os},
                                         {"stemcell_version", one.compiled.stemcell_version}});
  for (const auto& disk : cleanable.orphaned_disks)
    json["orphaned_disks"].push_back({{"disk_cid", disk.cid.value},
                                      {"size", disk.size_mib},
                                      {"az", disk.az.empty() ? Json(nullptr) : Json(disk.az)},
                                      {"deployment_name", disk.deployment},
                                      {"instance_name", disk.group + "/" + disk.instance.value},
                                      {"cloud_properties", disk.cloud_properties},
                                      {"orphaned_at", date_of(disk.orphaned_at)}});
  for (const auto& vm : cleanable.orphaned_vms)
    json["orphaned_vms"].push_back({{"cid", vm.cid.value},
                                    {"deployment_name", vm.deployment},
                                    {"instance_name", vm.instance_name},
                                    {"az", vm.az.empty() ? Json(nullptr) : Json(vm.az)},
                                    {"ip_addresses", vm.ip_addresses},
                                    {"orphaned_at", date_of(vm.orphaned_at)}});
  for (const auto& exported : cleanable.exported_releases) json["exported_releases"].push_back(exported.blob.value);
  for (const auto& blob : cleanable.dns_blobs) json["dns_blobs"].push_back(blob.value);
  return json;
}

}  // namespace slipway::director
