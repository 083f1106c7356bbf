#include "health-monitor/detect/disks.hpp"

#include <array>

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::health {

namespace {

constexpr std::array disk_names = {"system", "ephemeral", "persistent"};
constexpr std::string_view kept_disk = "persistent";

}  // namespace

// It has to be some way below the line again before it is said to be: else it would be said again and again.
DiskWatch::Change::To DiskWatch::level_of(int percent, Change::To before) const {
  constexpr int margin = 5;
  using To = Change::To;
  if (percent >= settings_.full_percent) return To::full;
  if (before == To::full && percent >= settings_.full_percent - 1) return To::full;
  if (percent >= settings_.warn_percent) return To::scarce;
  return before != To::ample && percent > settings_.warn_percent - margin ? To::scarce : To::ample;
}

std::vector<DiskWatch::Change> DiskWatch::heard(const std::string& agent, const Json& vitals, Instant now) {
  std::vector<Change> changes;
  for (const auto* name : disk_names) {
    const auto use = agent::disk_use(vitals, name);
    if (!use) continue;
    const auto known = agents_.find(agent);
    const auto before = known == agents_.end() || !known->second.contains(name) ? Disk() : known->second.at(name);
    const auto level = level_of(use->percent, before.level);
    if (level == before.level) continue;
    changes.push_back({.disk = name, .to = level, .percent = use->percent, .kept = name == kept_disk});
    if (level == Change::To::ample) {
      known->second.erase(name);
      if (known->second.empty()) agents_.erase(known);
    } else {
      agents_[agent][name] = {.level = level, .own = use->own, .full_since = now};
    }
  }
  return changes;
}

std::optional<std::string> DiskWatch::replaceable(const std::string& agent, Instant now) const {
  const auto known = agents_.find(agent);
  if (known == agents_.end()) return std::nullopt;
  for (const auto& [name, disk] : known->second) {
    const bool full = disk.level == Change::To::full && now - disk.full_since >= settings_.full_for;
    if (full && disk.own && name != kept_disk) return name;
  }
  return std::nullopt;
}

void DiskWatch::keep(const std::set<std::string>& agents) {
  std::erase_if(agents_, [&](const auto& entry) { return !agents.contains(entry.first); });
}

}  // namespace slipway::health
