#include "pks-api/plans/drain.hpp"

#include <charconv>

namespace slipway::pks {

namespace {

constexpr DrainSetting settings[] = {
    {"kubelet_drain_timeout", "10", 0, 1440},        // minutes; 0: no limit
    {"kubelet_drain_grace_period", "10", -1, 3600},  // seconds; -1: the pod's own
    {"kubelet_drain_force", "false", 0, 0},
    {"kubelet_drain_ignore_daemonsets", "true", 0, 0},
    {"kubelet_drain_delete_local_data", "true", 0, 0},
    {"kubelet_drain_force_node", "false", 0, 0}};

}  // namespace

std::span<const DrainSetting> drain_settings() { return settings; }

std::string setting_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump(value);
}

bool DrainSetting::takes(const std::string& text) const {
  if (is_flag()) return text == "true" || text == "false";
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() && value >= min && value <= max;
}

std::string DrainSetting::allowed() const {
  return is_flag() ? "true or false" : "a number from " + std::to_string(min) + " to " + std::to_string(max);
}

Json DrainSetting::typed(const std::string& text) const {
  if (is_flag()) return text == "true";
  return std::stoi(text);
}

Json checked_drain_defaults(const Json& given, const std::string& place, Problems& problems) {
  Json kept = Json::object();
  JsonReader in(given, place, problems);
  for (const auto& drain : settings) {
    const auto value = in.find(drain.name);
    if (!value) continue;
    const auto text = setting_text(*value);
    if (!drain.takes(text)) {
      problems.add(in.place(drain.name), "is '" + text.substr(0, 40) + "', allowed is " + drain.allowed());
    }
    kept[drain.name] = text;
  }
  in.refuse_unknown();
  return kept;
}

}  // namespace slipway::pks
