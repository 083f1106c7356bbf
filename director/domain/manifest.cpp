#include "director/domain/manifest.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "director/domain/error_codes.hpp"
#include "director/domain/manifest_parts.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"

namespace slipway::director {

namespace {

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string_view trim_spaces(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

void read_amount(HashReader& in, const std::string& key, bool required, Amount& out) {
  if (!in.has(key)) {
    if (required) in.complain(key, "is required and missing", code::missing_field);
    return;
  }
  const auto amount = Amount::parse(in.text_or(key, ""));
  if (amount) out = *amount;
  else {
    in.complain(key, "is " + shown(*in.find(key)) + ", expected is a number or a percentage as '30%'",
                code::invalid_value);
  }
}

void read_watch_time(HashReader& in, const std::string& key, bool required, WatchTime& out) {
  if (!in.has(key)) {
    if (required) in.complain(key, "is required and missing", code::missing_field);
    return;
  }
  const auto time = WatchTime::parse(in.text_or(key, ""));
  if (time) out = *time;
  else {
    in.complain(key, "is " + shown(*in.find(key)) + ", expected are milliseconds as '30000' or '1000-30000'",
                code::invalid_watch_time);
  }
}

void parse_releases(HashReader& in, Manifest& out) {
  const auto& list = in.array("releases");
  for (std::size_t i = 0; i < list.size(); ++i) {
    HashReader item(list[i], item_place("releases", i), in.problems());
    ReleaseUse release{item.text("name"), item.text("version"), {}};
    const auto& exported = item.array_or_empty("exported_from");
    for (std::size_t e = 0; e < exported.size(); ++e) {
      HashReader from(exported[e], item_place(item.place("exported_from"), e), in.problems());
      release.exported_from.push_back({from.text("os"), from.text("version")});
    }
    if (!release.name.empty() && out.find_release(release.name) != nullptr) {
      item.complain("name", "'" + release.name + "' is listed already", code::duplicate_release);
    }
    out.releases.push_back(std::move(release));
  }
}

void parse_stemcells(HashReader& in, Manifest& out) {
  const auto& list = in.array_or_empty("stemcells");
  for (std::size_t i = 0; i < list.size(); ++i) {
    HashReader item(list[i], item_place("stemcells", i), in.problems());
    StemcellUse stemcell;
    stemcell.alias = item.text("alias");
    stemcell.os = item.text_or("os", "");
    stemcell.name = item.text_or("name", "");
    stemcell.version = item.text("version");
    if (item.has("os") == item.has("name")) {
      item.complain("os", "exactly one of 'os' and 'name' is allowed" + std::string(item.has("os") ? "" : ", none is there"),
                    item.has("os") ? code::stemcell_both_name_and_os : code::missing_field);
    }
    if (!stemcell.alias.empty() && out.find_stemcell(stemcell.alias) != nullptr) {
      item.complain("alias", "'" + stemcell.alias + "' is taken already", code::stemcell_alias_taken);
    }
    out.stemcells.push_back(std::move(stemcell));
  }
  if (list.empty() && !in.array_or_empty("instance_groups").empty()) {
    in.complain("stemcells", "must list at least one stemcell", code::stemcells_missing);
  }
}

void refuse_v1_keys(HashReader& in) {
  for (const auto* key : {"jobs", "networks", "resource_pools", "disk_pools", "compilation", "azs", "vm_types",
                          "vm_extensions", "disk_types"}) {
    if (!in.has(key)) continue;
    const bool old = std::string_view(key) == "jobs" || std::string_view(key).ends_with("_pools");
    in.complain(key, old ? "belongs to the old manifest format; use 'instance_groups'" : "belongs in the cloud config",
                code::bad_manifest);
  }
}

Features parse_features(HashReader& in) {
  Features out;
  const auto* value = in.find("features");
  if (value == nullptr) return out;
  if (!value->is_object()) {
    in.complain("features", "is " + shown(*value) + ", expected is a hash", code::features_unknown_type);
    return out;
  }
  const std::pair<const char*, bool Features::*> known[] = {
      {"use_dns_addresses", &Features::use_dns_addresses},
      {"use_short_dns_addresses", &Features::use_short_dns_addresses},
      {"use_link_dns_names", &Features::use_link_dns_names},
      {"randomize_az_placement", &Features::randomize_az_placement},
      {"converge_variables", &Features::converge_variables},
      {"use_tmpfs_config", &Features::use_tmpfs_config}};
  for (const auto& [key, member] : known) {
    const auto at = value->find(key);
    if (at == value->end() || at->is_null()) continue;
    if (at->is_boolean()) out.*member = at->get<bool>();
    else in.complain("features." + std::string(key), "is " + shown(*at) + ", expected is true or false",
                     code::features_unknown_type);
  }
  // As in BOSH, the one asks for the two others.
  const auto asks_for = [&](const char* key, bool Features::*member) {
    const auto at = value->find(key);
    if (at == value->end() || at->is_null()) return static_cast<void>(out.*member = true);
    if (!(out.*member))
      in.complain("features." + std::string(key), "is false, and use_link_dns_names is true: that one needs it",
                  code::features_unknown_type);
  };
  if (out.use_link_dns_names) {
    asks_for("use_dns_addresses", &Features::use_dns_addresses);
    asks_for("use_short_dns_addresses", &Features::use_short_dns_addresses);
  }
  return out;
}

void parse_groups(HashReader& in, Manifest& out) {
  const auto& list = in.array_or_empty("instance_groups");
  std::map<std::string, std::string> canonical;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = item_place("instance_groups", i);
    auto group = parse_instance_group(list[i], place, out, in.problems());
    if (!group.name.empty()) {
      const auto name = canonical_name(group.name);
      if (!is_dns_label(name)) {
        in.problems().add(place + ".name",
                          "'" + group.name + "' makes no DNS label (letters, digits, '-', '_'; at most 63)",
                          code::invalid_canonical_name);
      }
      const auto [at, fresh] = canonical.emplace(name, group.name);
      if (!fresh) {
        in.problems().add(place + ".name", "'" + group.name + "' is taken already by group '" + at->second + "'",
                          code::group_name_taken);
      }
    }
    out.instance_groups.push_back(std::move(group));
  }
  for (std::size_t i = 0; i < out.instance_groups.size(); ++i) {
    for (const auto& from : out.instance_groups[i].migrated_from) {
      if (from.name == out.instance_groups[i].name || out.find_group(from.name) == nullptr) continue;
      in.problems().add(item_place("instance_groups", i) + ".migrated_from",
                        "names group '" + from.name + "', which is still in the manifest",
                        code::invalid_migrated_from);
    }
  }
}

}  // namespace

int Amount::of(int total, int at_least) const {
  const auto count = is_percent ? static_cast<int>(std::int64_t{total} * value / 100) : value;
  return std::max(count, at_least);
}

std::string Amount::to_string() const { return std::to_string(value) + (is_percent ? "%" : ""); }

std::optional<Amount> Amount::parse(std::string_view text) {
  text = trim_spaces(text);
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto value = whole_number(text);
  if (!value || (percent && *value > 100)) return std::nullopt;
  return Amount{*value, percent};
}

std::optional<WatchTime> WatchTime::parse(std::string_view text) {
  const auto dash = text.find('-');
  const auto min = whole_number(trim_spaces(text.substr(0, dash)));
  const auto max = dash == std::string_view::npos ? min : whole_number(trim_spaces(text.substr(dash + 1)));
  if (!min || !max || *max < *min) return std::nullopt;
  return WatchTime{std::chrono::milliseconds(*min), std::chrono::milliseconds(*max)};
}

std::string WatchTime::to_string() const { return std::to_string(min.count()) + "-" + std::to_string(max.count()); }

std::string to_string(VmStrategy strategy) {
  return strategy == VmStrategy::delete_create ? "delete-create" : "create-swap-delete";
}

const NetworkUse& InstanceGroup::default_network() const {
  const auto at = std::find_if(networks.begin(), networks.end(),
                               [](const NetworkUse& network) { return network.default_gateway; });
  return at == networks.end() ? networks.front() : *at;
}

const NetworkUse& InstanceGroup::addressable_network() const {
  const auto at = std::find_if(networks.begin(), networks.end(),
                               [](const NetworkUse& network) { return network.default_addressable; });
  return at == networks.end() ? default_network() : *at;
}

const InstanceGroup* Manifest::find_group(const std::string& wanted) const {
  const auto at = std::find_if(instance_groups.begin(), instance_groups.end(),
                               [&](const InstanceGroup& group) { return group.name == wanted; });
  return at == instance_groups.end() ? nullptr : &*at;
}

const StemcellUse* Manifest::find_stemcell(const std::string& alias) const {
  const auto at = std::find_if(stemcells.begin(), stemcells.end(),
                               [&](const StemcellUse& stemcell) { return stemcell.alias == alias; });
  return at == stemcells.end() ? nullptr : &*at;
}

const ReleaseUse* Manifest::find_release(const std::string& wanted) const {
  const auto at = std::find_if(releases.begin(), releases.end(),
                               [&](const ReleaseUse& release) { return release.name == wanted; });
  return at == releases.end() ? nullptr : &*at;
}

UpdateRules parse_update(const Json& value, const std::string& place, const UpdateRules* base, Problems& problems) {
  HashReader in(value, place, problems);
  UpdateRules out = base == nullptr ? UpdateRules{} : *base;
  const bool required = base == nullptr;
  read_amount(in, "canaries", required, out.canaries);
  read_amount(in, "max_in_flight", required, out.max_in_flight);
  read_watch_time(in, "canary_watch_time", required, out.canary_watch_time);
  read_watch_time(in, "update_watch_time", required, out.update_watch_time);
  out.serial = in.boolean_or("serial", out.serial);
  const auto strategy = in.text_or("vm_strategy", to_string(out.vm_strategy));
  if (strategy == "delete-create") out.vm_strategy = VmStrategy::delete_create;
  else if (strategy == "create-swap-delete") out.vm_strategy = VmStrategy::create_swap_delete;
  else {
    in.complain("vm_strategy", "is '" + strategy + "'; allowed are 'delete-create' and 'create-swap-delete'",
                code::invalid_value);
  }
  const auto azs = in.text_or("initial_deploy_az_update_strategy", out.initial_deploy_parallel_azs ? "parallel" : "serial");
  if (azs == "parallel" || azs == "serial") out.initial_deploy_parallel_azs = azs == "parallel";
  else {
    in.complain("initial_deploy_az_update_strategy", "is '" + azs + "'; allowed are 'serial' and 'parallel'",
                code::invalid_value);
  }
  return out;
}

std::map<std::string, std::string> parse_tags(HashReader& in) {
  std::map<std::string, std::string> tags;
  for (const auto& [key, value] : in.hash_or_empty("tags").items()) {
    if (const auto text = as_text(value)) tags[key] = *text;
    else in.complain("tags." + key, "is " + shown(value) + ", expected is text", code::wrong_type);
  }
  return tags;
}

std::vector<VariableDefinition> parse_variables(HashReader& in) {
  std::vector<VariableDefinition> out;
  std::set<std::string> seen;
  const auto* value = in.find("variables");
  if (value != nullptr && !value->is_array()) {
    in.complain("variables", "is " + shown(*value) + ", expected is a list", code::variables_format);
    return out;
  }
  const auto& list = in.array_or_empty("variables");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = item_place(in.place("variables"), i);
    if (!list[i].is_object()) {
      in.problems().add(place, "is " + shown(list[i]) + ", expected is a hash", code::variables_format);
      continue;
    }
    HashReader item(list[i], place, in.problems());
    VariableDefinition variable;
    for (const auto* key : {"name", "type"}) {
      if (!item.has(key)) item.complain(key, "is required and missing", code::variables_format);
    }
    variable.name = item.text_or("name", "");
    variable.type = item.text_or("type", "");
    variable.update_mode = item.text_or("update_mode", "");
    variable.options = item.hash_or_empty("options");
    if (!variable.name.empty() && !seen.insert(variable.name).second) {
      item.complain("name", "'" + variable.name + "' is defined twice", code::variables_format);
    }
    out.push_back(std::move(variable));
  }
  return out;
}

Manifest parse_manifest(const Json& manifest) {
  Problems problems;
  HashReader in(manifest, "", problems);
  Manifest out;
  if (!manifest.is_object()) {
    problems.throw_if_any("the manifest");
  }
  out.name = in.text("name");
  refuse_v1_keys(in);
  parse_releases(in, out);
  parse_stemcells(in, out);
  if (in.has("update")) out.update = parse_update(*in.find("update"), "update", nullptr, problems);
  else in.complain("update", "is required and missing", code::missing_field);
  out.tags = parse_tags(in);
  out.properties = in.hash_or_empty("properties");
  out.features = parse_features(in);
  parse_groups(in, out);
  out.addons = parse_addons(in, out.releases, false);
  out.variables = parse_variables(in);
  problems.throw_if_any("the manifest");
  return out;
}

}  // namespace slipway::director
