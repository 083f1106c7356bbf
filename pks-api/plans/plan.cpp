#include "pks-api/plans/plan.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::pks {

namespace {

Json filled(const Json& value, const std::map<std::string, std::string>& blanks) {
  if (value.is_string()) return fill_blanks(value.get_ref<const std::string&>(), blanks);
  if (value.is_array()) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(filled(item, blanks));
    return list;
  }
  if (!value.is_object()) return value;
  Json object = Json::object();
  for (const auto& [key, item] : value.items()) object[key] = filled(item, blanks);
  return object;
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
  if (!group_of(plan.manifest, plan.instance_group)) {
    problems.add("instance_group", "the manifest has no instance group '" + plan.instance_group + "'");
  }
  if (!declares_variable(plan.manifest, plan.credentials)) {
    problems.add("credentials", "the manifest has no variable '" + plan.credentials + "'");
  }
}

}  // namespace

void Plan::check_nodes(std::int64_t nodes) const {
  const bool parity = !odd_nodes_only || nodes % 2 == 1;
  if (nodes >= min_nodes && nodes <= max_nodes && parity) return;
  throw Error(Fault::invalid, "number of nodes is " + std::to_string(nodes) + ", but plan '" + name + "' allows " +
                                  (odd_nodes_only ? "an odd number" : "a number") + " from " +
                                  std::to_string(min_nodes) + " to " + std::to_string(max_nodes));
}

Plan parse_plan(const std::string& text, const std::string& source) {
  const auto document = parse_yaml(text, source);
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
  plan.manifest = in.object("manifest");
  in.refuse_unknown();
  problems.throw_if_any(source);
  check_manifest(plan, problems);
  if (plan.kind != "etcd") problems.add("kind", "is '" + plan.kind + "', allowed: etcd");
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
      throw Error(Fault::invalid, file.string() + ": another plan has the name '" + plan.name + "' or its id");
    }
    plans.push_back(std::move(plan));
  }
  if (plans.empty()) throw Error(Fault::invalid, folder + " holds no plan (*.yml)");
  return plans;
}

std::string manifest_for(const Plan& plan, const Blanks& blanks) {
  auto manifest = filled(plan.manifest, {{"deployment", blanks.deployment},
                                         {"external_hostname", blanks.external_hostname}});
  (*group_of(manifest, plan.instance_group))["instances"] = blanks.nodes;
  return to_yaml(manifest);
}

std::string fill_blanks(const std::string& text, const std::map<std::string, std::string>& values) {
  std::string out;
  std::size_t position = 0;
  while (true) {
    const auto begin = text.find("((", position);
    const auto end = begin == std::string::npos ? begin : text.find("))", begin);
    if (end == std::string::npos) return out + text.substr(position);
    const auto known = values.find(text.substr(begin + 2, end - begin - 2));
    out += text.substr(position, begin - position);
    out += known == values.end() ? text.substr(begin, end + 2 - begin) : known->second;
    position = end + 2;
  }
}

}  // namespace slipway::pks
