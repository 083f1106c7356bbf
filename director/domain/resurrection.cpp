#include "director/domain/resurrection.hpp"

#include <algorithm>

namespace slipway::director {

namespace {

bool lists(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

ResurrectionRule::Filter read_filter(JsonReader& rule, const char* key, Problems& problems) {
  JsonReader in(rule.object_or_empty(key), rule.place(key), problems);
  ResurrectionRule::Filter filter;
  filter.deployments = in.strings_or_empty("deployments");
  filter.instance_groups = in.strings_or_empty("instance_groups");
  in.refuse_unknown();
  return filter;
}

}  // namespace

bool ResurrectionRule::Filter::matches(const std::string& deployment, const std::string& group) const {
  return lists(deployments, deployment) && lists(instance_groups, group);
}

std::vector<ResurrectionRule> parse_resurrection_config(const Json& config) {
  Problems problems;
  JsonReader in(config, "", problems);
  const auto& list = in.array("rules");
  std::vector<ResurrectionRule> rules;
  for (std::size_t i = 0; i < list.size(); ++i) {
    JsonReader rule(list[i], "rules[" + std::to_string(i) + "]", problems);
    ResurrectionRule read;
    read.enabled = rule.boolean("enabled");
    read.include = read_filter(rule, "include", problems);
    read.exclude = read_filter(rule, "exclude", problems);
    rule.refuse_unknown();
    rules.push_back(std::move(read));
  }
  problems.throw_if_any("resurrection config");
  return rules;
}

bool resurrection_enabled(const std::vector<ResurrectionRule>& rules, const std::string& deployment,
                          const std::string& group) {
  return std::all_of(rules.begin(), rules.end(), [&](const ResurrectionRule& rule) {
    const bool excluded = !rule.exclude.empty() && rule.exclude.matches(deployment, group);
    return rule.enabled || excluded || !rule.include.matches(deployment, group);
  });
}

}  // namespace slipway::director
