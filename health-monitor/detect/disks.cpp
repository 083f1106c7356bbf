#include "health-monitor/detect/disks.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace slipway::health {

namespace {

constexpr std::array disk_names = {"system", "ephemeral", "persistent"};
constexpr std::string_view kept_disk = "persistent";

// A number as text, as BOSH's agents send it. Whatever else is there is no disk of interest.
int percent_in(const Json& disk, const char* key) {
  const auto found = disk.find(key);
  if (found == disk.end() || !found->is_string()) return 0;
  const auto& text = found->get_ref<const std::string&>();
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return is_number && value > 0 && value <= 100 ? value : 0;
}

bool is_true(const Json& disk, const char* key) {
  const auto found = disk.find(key);
  return found != disk.end() && found->is_boolean() && found->get<bool>();
}

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
  const auto disks = vitals.is_object() ? vitals.find("disk") : vitals.end();
  if (!vitals.is_object() || disks == vitals.end() || !disks->is_object()) return changes;
  for (const auto* name : disk_names) {
    const auto said = disks->find(name);
    if (said == disks->end() || !said->is_object()) continue;
    const int percent = std::max(percent_in(*said, "percent"), percent_in(*said, "inode_percent"));
    const auto known = agents_.find(agent);
    const auto before = known == agents_.end() || !known->second.contains(name) ? Disk() : known->second.at(name);
    const auto level = level_of(percent, before.level);
    if (level == before.level) continue;
    changes.push_back({.disk = name, .to = level, .percent = percent, .kept = name == kept_disk});
    if (level == Change::To::ample) {
      known->second.erase(name);
      if (known->second.empty()) agents_.erase(known);
    } else {
      agents_[agent][name] = {.level = level, .own = is_true(*said, "own"), .full_since = now};
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
