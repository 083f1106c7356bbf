#include "pks-api/plans/plan.hpp"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "pks-api/plans/drain.hpp"
#include "pks-api/plans/networks.hpp"

namespace slipway::pks {

namespace {

// The name when the text is one blank and nothing else.
std::optional<std::string> only_blank(const std::string& text) {
  const bool framed = text.size() > 4 && text.starts_with("((") && text.find("))") == text.size() - 2;
  return framed ? std::optional(text.substr(2, text.size() - 4)) : std::nullopt;
}

Json* group_of(Json& manifest, const std::string& name) {
  const auto groups = manifest.find("instance_groups");
  if (groups == manifest.end() || !groups->is_array()) return nullptr;
  for (auto& group : *groups) {
    if (group.is_object() && group.value("name", Json()) == Json(name)) return &group;
  }
  return nullptr;
}

bool declares_variable(const Json& manifest, const std::string& name) {
  const auto variables = manifest.find("variables");
  return variables != manifest.end() && variables->is_array() &&
         std::any_of(variables->begin(), variables->end(), [&](const Json& variable) {
           return variable.is_object() && variable.value("name", Json()) == Json(name);
         });
}

void check_manifest(Plan& plan, Problems& problems) {
  if (plan.manifest.value("name", Json()) != Json("((deployment))")) {
    problems.add("manifest.name", "has to be ((deployment)), so that each cluster gets its own");
  }
  const auto check_group = [&](const char* place, const std::string& group) {
    if (!group_of(plan.manifest, group))
      problems.add(place, "the manifest has no instance group '" + group + "'");
  };
  const auto check_variable = [&](const char* place, const std::string& name) {
    if (!declares_variable(plan.manifest, name))
      problems.add(place, "the manifest has no variable '" + name + "'");
  };
  check_group("instance_group", plan.instance_group);
  check_variable("credentials", plan.credentials);
  if (!plan.is_kubernetes()) return;
  check_group("control_plane.instance_group", plan.control_plane_group);
  check_group("address_group", plan.address_group);
  check_variable("server_ca", plan.server_ca);
  for (const auto& one : network_blanks()) {
    if (plan.has_blank(one.blank) && !plan.networks.contains(one.setting) && one.setting != std::string("nameservers"))
      problems.add(std::string("networks.") + one.setting,
                   std::string("is missing, and the manifest has ((") + one.blank + "))");
  }
  if (plan.control_plane_group == plan.instance_group) {
    problems.add("control_plane.instance_group", "is the nodes' group as well; the two have to differ");
  }
}

NodeSize read_size(JsonReader& in, const char* key, Problems& problems) {
  NodeSize size;
  JsonReader reader(in.object_or_empty(key), std::string("resources.") + key, problems);
  size.cpu = reader.integer_or("cpu", 0, 0, 1024);
  if (const auto memory = reader.find("memory_gb")) {
    size.memory_gb = memory->is_number() ? memory->get<double>() : -1;
    if (size.memory_gb < 0 || size.memory_gb > 100'000)
      problems.add(reader.place("memory_gb"), "has to be a number of GB");
  }
  reader.refuse_unknown();
  return size;
}

void read_kubernetes(Plan& plan, JsonReader& in, Problems& problems) {
  static const std::regex version("[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.-]+)?");
  plan.kubernetes_version = in.string_or("kubernetes_version", "");
  if (!plan.kubernetes_version.empty() && !std::regex_match(plan.kubernetes_version, version)) {
    problems.add("kubernetes_version",
                 "is '" + plan.kubernetes_version + "', expected is one such as 1.34.2");
  }
  JsonReader control_plane(in.object("control_plane"), "control_plane", problems);
  plan.control_plane_group = control_plane.string("instance_group");
  plan.control_plane_instances = static_cast<int>(control_plane.integer("instances", 1, 5));
  control_plane.refuse_unknown();
  if (plan.control_plane_instances % 2 == 0) problems.add("control_plane.instances", "has to be 1, 3 or 5");
  plan.address_group = in.string_or("address_group", plan.control_plane_group);
  plan.server_ca = in.string_or("server_ca", plan.credentials);
  JsonReader networks(in.object_or_empty("networks"), "networks", problems);
  plan.networks = checked_networks(networks, problems);
  plan.drain = checked_drain_defaults(in.object_or_empty("drain"), "drain", problems);
}

}  // namespace

void Plan::require_blank(const std::string& blank, const std::string& place, Problems& problems) const {
  if (!has_blank(blank)) problems.add(place, "plan '" + name + "' has no use for it");
}

void Plan::check_nodes(std::int64_t nodes) const {
  const bool parity = !odd_nodes_only || nodes % 2 == 1;
  if (nodes >= min_nodes && nodes <= max_nodes && parity) return;
  throw Error(Fault::invalid, "number of nodes is " + std::to_string(nodes) + ", but plan '" + name +
                                  "' allows " + (odd_nodes_only ? "an odd number" : "a number") + " from " +
                                  std::to_string(min_nodes) + " to " + std::to_string(max_nodes));
}

Plan parse_plan(const std::string& text, const std::string& source) {
  return parse_plan(parse_yaml(text, source), source);
}

Plan parse_plan(const Json& document, const std::string& source) {
  Problems problems;
  JsonReader in(document, "", problems);
  Plan plan;
  plan.id = in.string("id");
  plan.name = in.string("name");
  plan.description = in.string_or("description", "");
  plan.kind = in.string("kind");
  plan.instance_group = in.string("instance_group");
  plan.port = static_cast<int>(in.integer("port", 1, 65535));
  plan.endpoint = in.string("endpoint");
  plan.credentials = in.string("credentials");
  JsonReader nodes(in.object("nodes"), "nodes", problems);
  plan.min_nodes = static_cast<int>(nodes.integer("min", 1, 1000));
  plan.max_nodes = static_cast<int>(nodes.integer("max", 1, 1000));
  plan.default_nodes = static_cast<int>(nodes.integer("default", 1, 1000));
  plan.odd_nodes_only = nodes.boolean_or("odd_only", false);
  nodes.refuse_unknown();
  JsonReader resources(in.object_or_empty("resources"), "resources", problems);
  plan.node_size = read_size(resources, "node", problems);
  plan.control_plane_size = read_size(resources, "control_plane", problems);
  resources.refuse_unknown();
  if (plan.is_kubernetes()) {
    read_kubernetes(plan, in, problems);
  } else {
    plan.address_group = plan.instance_group;
    if (!plan.kind.empty() && plan.kind != kind_etcd) {
      problems.add("kind", "is '" + plan.kind + "', allowed: etcd, kubernetes");
    }
  }
  plan.manifest = in.object("manifest");
  in.refuse_unknown();
  problems.throw_if_any(source);
  plan.document = dump(document);
  check_manifest(plan, problems);
  try {
    plan.check_nodes(plan.default_nodes);
  } catch (const Error& error) {
    problems.add("nodes.default", error.what());
  }
  problems.throw_if_any(source);
  return plan;
}

std::vector<Plan> load_plans(const std::string& folder) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(folder)) throw Error(Fault::invalid, "plans_folder: " + folder + " is no folder");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".yml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Plan> plans;
  std::set<std::string> taken;
  for (const auto& file : files) {
    auto plan = parse_plan(read_file(file), file.string());
    if (!taken.insert("name " + plan.name).second || !taken.insert("id " + plan.id).second) {
      throw Error(Fault::invalid,
                  file.string() + ": another plan has the name '" + plan.name + "' or its id");
    }
    plans.push_back(std::move(plan));
  }
  if (plans.empty()) throw Error(Fault::invalid, folder + " holds no plan (*.yml)");
  return plans;
}

Json manifest_for(const Plan& plan, const Blanks& blanks, int nodes) {
  auto manifest = fill_all_blanks(plan.manifest, blanks);
  (*group_of(manifest, plan.instance_group))["instances"] = nodes;
  if (plan.is_kubernetes())
    (*group_of(manifest, plan.control_plane_group))["instances"] = plan.control_plane_instances;
  return manifest;
}

Json fill_all_blanks(const Json& value, const Blanks& values) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto whole = only_blank(text);
    const auto known = whole ? values.find(*whole) : values.end();
    return known == values.end() ? Json(fill_blanks(text, values)) : known->second;
  }
  if (value.is_array()) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(fill_all_blanks(item, values));
    return list;
  }
  if (!value.is_object()) return value;
  Json object = Json::object();
  for (const auto& [key, item] : value.items()) object[key] = fill_all_blanks(item, values);
  return object;
}

void refuse_blanks(const Json& given, const std::string& place, Problems& problems) {
  const auto check = [&](const std::string& text, const std::string& where) {
    if (text.find("((") != std::string::npos) problems.add(where, "has '((', which is not allowed");
  };
  if (given.is_string()) check(given.get_ref<const std::string&>(), place);
  if (given.is_array()) {
    for (std::size_t i = 0; i < given.size(); ++i)
      refuse_blanks(given[i], place + "[" + std::to_string(i) + "]", problems);
  }
  if (!given.is_object()) return;
  for (const auto& [key, value] : given.items()) {
    const auto here = place.empty() ? key : place + "." + key;
    check(key, here);
    refuse_blanks(value, here, problems);
  }
}

std::string fill_blanks(const std::string& text, const Blanks& values) {
  std::string out;
  std::size_t position = 0;
  while (true) {
    const auto begin = text.find("((", position);
    const auto end = begin == std::string::npos ? begin : text.find("))", begin);
    if (end == std::string::npos) return out + text.substr(position);
    const auto known = values.find(text.substr(begin + 2, end - begin - 2));
    out += text.substr(position, begin - position);
    if (known != values.end() && known->second.is_string()) {
      out += known->second.get_ref<const std::string&>();
    } else if (known != values.end() && known->second.is_number()) {
      out += dump(known->second);
    } else {
      out += text.substr(begin, end + 2 - begin);
    }
    position = end + 2;
  }
}

}  // namespace slipway::pks
