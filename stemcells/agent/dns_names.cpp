#include "stemcells/agent/dns_names.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <vector>

#include "stemcells/agent/network.hpp"

namespace slipway::agent {

namespace {

constexpr std::size_t most_combined_zones = 4;
constexpr const char* health_words[] = {"s0", "s3", "s4"};

struct Info {
  std::string address, id, index, zone, suffix;  // suffix: ".group.network.deployment.domain"
  std::string number, network;                   // "m1", "n2"; empty: without short names
  std::vector<std::string> groups;               // ".q-g3.domain" each
};

// Letters, digits and "-", with "_" as "-": how the director writes names into DNS.
std::string label(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c))) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (c == '-' || c == '_') out += '-';
  }
  return out;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 19 && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_integer() ? std::to_string(value.get<std::int64_t>()) : "";
}

std::vector<Info> infos_of(const Json& records) {
  std::map<std::string, std::size_t> column;
  const auto keys = records.value("record_keys", Json::array());
  for (std::size_t i = 0; keys.is_array() && i < keys.size(); ++i) column[text_of(keys[i])] = i;
  std::vector<Info> found;
  const auto rows = records.value("record_infos", Json::array());
  if (!rows.is_array()) return found;
  for (const auto& row : rows) {
    const auto cell = [&](const char* key) {
      const auto at = column.find(key);
      return at == column.end() || !row.is_array() || at->second >= row.size() ? "" : text_of(row[at->second]);
    };
    Info info{cell("ip"), label(cell("id")), cell("instance_index"), cell("az_id"), ""};
    std::string domain;
    for (const char c : cell("domain")) domain += c == '.' ? "." : label(std::string(1, c));
    for (const auto& part : {label(cell("instance_group")), label(cell("network")), label(cell("deployment")), domain}) {
      info.suffix = part.empty() ? "" : info.suffix + "." + part;
      if (part.empty()) break;
    }
    const auto number = cell("num_id"), network = cell("network_id");
    const auto ids = column.find("group_ids");
    const bool has_groups = ids != column.end() && row.is_array() && ids->second < row.size() && row[ids->second].is_array();
    if (has_groups && is_number(number) && is_number(network)) {
      info.number = "m" + number;
      info.network = "n" + network;
      for (const auto& id : row[ids->second])
        if (is_number(text_of(id))) info.groups.push_back(".q-g" + text_of(id) + "." + domain);
    }
    if (info.suffix.empty() || info.id.empty() || !is_number(info.index) || !is_ip_address(info.address)) continue;
    found.push_back(std::move(info));
  }
  return found;
}

// "a1", "a1a2", "a1a3" …: every set of the group's zones that has this one, as queries write it.
std::vector<std::string> zone_filters(const std::set<std::string>& zones, const std::string& own) {
  if (!zones.contains(own)) return {};
  if (zones.size() > most_combined_zones) return {"a" + own};
  std::vector<std::string> others;
  for (const auto& zone : zones)
    if (zone != own) others.push_back(zone);
  std::vector<std::string> filters;
  for (std::size_t chosen = 0; chosen < std::size_t{1} << others.size(); ++chosen) {
    std::set<std::string> words{"a" + own};
    for (std::size_t i = 0; i < others.size(); ++i)
      if (chosen >> i & 1) words.insert("a" + others[i]);
    std::string filter;
    for (const auto& word : words) filter += word;
    filters.push_back(std::move(filter));
  }
  return filters;
}

// The instance itself, and its group as a whole or by zones, in its network or in any.
std::string short_names(const Info& info, const std::string& health, const std::string& group,
                        const std::vector<std::string>& filters) {
  std::string text = " q-" + info.number + info.network + health + group;
  for (const auto& network : {info.network, std::string()}) {
    text += " q-" + network + health + group;
    for (const auto& filter : filters) text += " q-" + filter + network + health + group;
  }
  return text;
}

}  // namespace

std::string query_hosts(const Json& records) {
  const auto infos = infos_of(records);
  std::map<std::string, std::set<std::string>> zones;
  for (const auto& info : infos) {
    if (!is_number(info.zone)) continue;
    zones[info.suffix].insert(info.zone);
    for (const auto& group : info.groups) zones[group].insert(info.zone);
  }
  std::string text;
  for (const auto& info : infos) {
    text += info.address + " " + info.id + info.suffix + " " + info.index + info.suffix;
    for (const auto* health : health_words) {
      text += std::string(" q-") + health + info.suffix;
      for (const auto& filter : zone_filters(zones[info.suffix], info.zone)) text += " q-" + filter + health + info.suffix;
      for (const auto& group : info.groups) text += short_names(info, health, group, zone_filters(zones[group], info.zone));
    }
    text += "\n";
  }
  return text;
}

}  // namespace slipway::agent
