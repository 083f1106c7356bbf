#include "director/planner/resolve.hpp"

#include <algorithm>
#include <set>

#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"
#include "releases/format/version.hpp"

namespace slipway::director {

namespace {

std::vector<std::string> listed(const std::set<std::string>& names) { return {names.begin(), names.end()}; }

// Of the items that answer the wish the one with the highest version; nullptr when none does.
template <class Item, class Answers>
const Item* best(const std::vector<Item>& items, Answers answers) {
  const Item* found = nullptr;
  for (const auto& item : items) {
    if (!answers(item)) continue;
    if (found == nullptr || releases::is_older(found->version, item.version)) found = &item;
  }
  return found;
}

}  // namespace

ChosenVersions::ChosenVersions(const Manifest& manifest, const World& world, Problems& problems) : world_(world) {
  for (std::size_t i = 0; i < manifest.releases.size(); ++i) {
    resolve_release(manifest.releases[i], item_place("releases", i), problems);
  }
  for (const auto& use : manifest.runtime_releases) resolve_runtime_release(use);
  for (std::size_t i = 0; i < manifest.stemcells.size(); ++i) {
    resolve_stemcell(manifest.stemcells[i], item_place("stemcells", i), problems);
  }
}

void ChosenVersions::resolve_release(const ReleaseUse& use, const std::string& place, Problems& problems) {
  const auto* found = best(world_.releases, [&](const ReleaseRecord& record) {
    return record.name == use.name && version_matches(use.version, record.version);
  });
  if (found == nullptr) {
    std::set<std::string> versions, names;
    for (const auto& record : world_.releases) {
      names.insert(record.name);
      if (record.name == use.name) versions.insert(record.version);
    }
    if (versions.empty()) {
      problems.add(place + ".name", "release '" + use.name + "' is not uploaded", code::release_not_found);
    } else {
      problems.add(place + ".version",
                   "release '" + use.name + "' has no uploaded version '" + use.version + "'; uploaded are " +
                       quoted_list(listed(versions)),
                   code::release_version_not_found);
    }
    return;
  }
  ResolvedRelease resolved;
  resolved.record = found;
  for (const auto& job : found->jobs) resolved.jobs.emplace(job.name, &job);
  for (const auto& package : found->packages) resolved.packages.emplace(package.name, &package);
  releases_.emplace(use.name, std::move(resolved));
}

// One version of a release runs in a deployment, whoever names it.
void ChosenVersions::resolve_runtime_release(const ReleaseUse& use) {
  const auto* listed = release(use.name);
  auto& problems = runtime_problems_[use.name];
  if (listed == nullptr) {
    resolve_release(use, "runtime config, release '" + use.name + "'", problems);
  } else if (listed->record->version != use.version) {
    problems.add("runtime config, release '" + use.name + "'",
                 "is version '" + use.version + "' there and '" + listed->record->version + "' in the manifest",
                 code::runtime_release_conflict);
  }
}

void ChosenVersions::demand_for_addon(const std::string& name, Problems& problems) const {
  const auto found = runtime_problems_.find(name);
  if (found != runtime_problems_.end()) problems.append(found->second);
}

void ChosenVersions::resolve_stemcell(const StemcellUse& use, const std::string& place, Problems& problems) {
  const auto is_it = [&](const StemcellRecord& record) {
    return use.name.empty() ? record.operating_system == use.os : record.name == use.name;
  };
  const auto* found = best(world_.stemcells, [&](const StemcellRecord& record) {
    return is_it(record) && version_matches(use.version, record.version);
  });
  if (found == nullptr) {
    std::set<std::string> versions, all;
    for (const auto& record : world_.stemcells) {
      all.insert((use.name.empty() ? record.operating_system : record.name) + "/" + record.version);
      if (is_it(record)) versions.insert(record.version);
    }
    const auto what = use.name.empty() ? "stemcell with OS '" + use.os + "'" : "stemcell '" + use.name + "'";
    problems.add(place,
                 versions.empty() ? what + " is not uploaded; uploaded are " + quoted_list(listed(all))
                                  : what + " has no uploaded version '" + use.version + "'; uploaded are " +
                                        quoted_list(listed(versions)),
                 code::stemcell_not_found);
    return;
  }
  stemcells_.emplace(use.alias, ChosenStemcell{{found->name, found->operating_system, found->version, use.alias},
                                               use.name.empty()});
}

const ResolvedRelease* ChosenVersions::release(const std::string& name) const {
  const auto at = releases_.find(name);
  return at == releases_.end() ? nullptr : &at->second;
}

const StemcellRef* ChosenVersions::stemcell(const std::string& alias) const {
  const auto at = stemcells_.find(alias);
  return at == stemcells_.end() ? nullptr : &at->second.ref;
}

std::optional<StemcellRef> ChosenVersions::stemcell_on_cpi(const std::string& alias, const std::string& cpi) const {
  const auto at = stemcells_.find(alias);
  if (at == stemcells_.end()) return std::nullopt;
  const auto& [chosen, by_os] = at->second;
  const StemcellRecord* other = nullptr;
  for (const auto& record : world_.stemcells) {
    if (record.cpi != cpi || record.version != chosen.version) continue;
    if (record.name == chosen.name) return chosen;
    if (by_os && other == nullptr && record.operating_system == chosen.os) other = &record;
  }
  if (other == nullptr) return std::nullopt;
  return StemcellRef{other->name, other->operating_system, other->version, alias};
}

void PackageCollector::add(const ResolvedRelease& release, const JobRecord& job, const StemcellRef& stemcell,
                           Problems& problems) {
  const auto packages = job.spec.find("packages");
  if (packages == job.spec.end() || !packages->is_array()) return;
  std::vector<std::string> path;
  for (const auto& name : *packages) {
    if (name.is_string()) visit(release, name.get<std::string>(), stemcell, path, problems);
  }
}

void PackageCollector::visit(const ResolvedRelease& release, const std::string& name, const StemcellRef& stemcell,
                             std::vector<std::string>& path, Problems& problems) {
  const auto place = "release '" + release.record->name + "/" + release.record->version + "'";
  if (std::find(path.begin(), path.end(), name) != path.end()) {
    problems.add(place, "package '" + name + "' depends on itself by way of " + quoted_list(path));
    return;
  }
  const auto at = release.packages.find(name);
  if (at == release.packages.end()) {
    problems.add(place, "package '" + name + "' is needed and not part of it");
    return;
  }
  const auto key = std::to_string(at->second->id) + " " + stemcell.os + " " + stemcell.version;
  if (!seen_.emplace(key, true).second) return;
  path.push_back(name);
  for (const auto& dependency : at->second->dependencies) visit(release, dependency, stemcell, path, problems);
  path.pop_back();
  needs_.push_back({at->second->id, stemcell.os, stemcell.version});
}

}  // namespace slipway::director
