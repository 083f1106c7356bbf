#include "director/configured_cpis.hpp"

#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"
#include "director/variables/variables.hpp"

namespace slipway::director {

namespace {

cpi::ExecOptions common_options(const DirectorConfig& config) {
  cpi::ExecOptions options;
  options.director_uuid = config.uuid;
  options.timeout = std::chrono::seconds{config.cpi_timeout_seconds};
  return options;
}

std::optional<cpi::ExecCpi> default_cpi(const DirectorConfig& config) {
  if (config.cpi_command.empty()) return std::nullopt;
  auto options = common_options(config);
  options.command = config.cpi_command;
  options.context = config.cpi_properties;
  return cpi::ExecCpi(std::move(options));
}

// What placeholders stood for: secret wherever it turns up again.
void collect_replaced(const Json& before, const Json& after, std::vector<std::string>& out) {
  if (before == after) return;
  if (after.is_string()) return out.push_back(after.get<std::string>());
  if (after.is_object()) {
    for (const auto& [key, value] : after.items())
      collect_replaced(before.is_object() && before.contains(key) ? before.at(key) : Json(), value, out);
  } else if (after.is_array()) {
    for (std::size_t i = 0; i < after.size(); ++i)
      collect_replaced(before.is_array() && i < before.size() ? before[i] : Json(), after[i], out);
  }
}

std::vector<std::string> paths_of(const std::map<std::string, std::vector<std::string>>& programs) {
  std::vector<std::string> paths;
  for (const auto& [path, command] : programs) paths.push_back(path);
  return paths;
}

}  // namespace

ConfiguredCpis::ConfiguredCpis(const DirectorConfig& config, Stores& stores, Clock& clock)
    : config_(config), stores_(stores), clock_(clock), default_(default_cpi(config)) {}

CpiConfig ConfiguredCpis::stored() const {
  std::vector<NamedConfig> configs;
  for (const auto& config : stores_.configs.list("cpi", "", 1))
    configs.push_back({config.name, parse_yaml(config.content, "CPI config '" + config.name + "'")});
  if (configs.empty()) return {};
  return parse_cpi_config(configs);
}

std::vector<std::string> ConfiguredCpis::names() const {
  std::vector<std::string> names;
  for (const auto& entry : stored().cpis) names.push_back(entry.name);
  if (names.empty()) names.push_back("");
  return names;
}

std::string ConfiguredCpis::current_name(const std::string& name) const {
  const auto config = stored();
  const auto* entry = config.find(name);
  return entry ? entry->name : name;
}

// The program was allowed when the config was stored; the file may have changed since.
cpi::ExecOptions ConfiguredCpis::options_for(const CpiEntry& entry) const {
  const auto program = config_.cpi_programs.find(entry.exec_path);
  if (program == config_.cpi_programs.end())
    throw Error(Fault::invalid, "CPI '" + entry.name + "': the director may not run '" + entry.exec_path +
                                    "'; its configuration (cpi.programs) allows " +
                                    quoted_list(paths_of(config_.cpi_programs)));
  auto options = common_options(config_);
  options.command = program->second;
  options.context = with_context("CPI '" + entry.name + "'", [&] {
    return Variables(stores_.variable_values, config_.name, clock_).interpolate(entry.properties, "");
  });
  collect_replaced(entry.properties, options.context, options.secrets);
  return options;
}

std::shared_ptr<cpi::Cpi> ConfiguredCpis::open(const std::string& name, cpi::CallObserver observer) {
  const auto config = stored();
  const auto* entry = config.find(name);
  if (!entry) {
    if (name.empty() && default_) return std::make_shared<cpi::ExecCpi>(default_->observed_by(std::move(observer)));
    std::vector<std::string> known;
    for (const auto& one : config.cpis) known.push_back(one.name);
    throw Error(Fault::invalid, name.empty() ? "the director's configuration has no default CPI, and the zone names none"
                                             : "CPI '" + name + "' is not in the CPI config; it has " + quoted_list(known));
  }
  auto options = options_for(*entry);
  const std::lock_guard lock(mutex_);
  const auto at = opened_.find(entry->name);
  const bool fits =
      at != opened_.end() && at->second.options.command == options.command && at->second.options.context == options.context;
  if (fits) return std::make_shared<cpi::ExecCpi>(at->second.cpi.observed_by(std::move(observer)));
  cpi::ExecCpi fresh(options);
  opened_.insert_or_assign(entry->name, Opened{std::move(options), fresh});
  return std::make_shared<cpi::ExecCpi>(fresh.observed_by(std::move(observer)));
}

void ConfiguredCpis::check(const CpiConfig& config) const {
  Problems problems;
  for (std::size_t i = 0; i < config.cpis.size(); ++i) {
    const auto& entry = config.cpis[i];
    if (config_.cpi_programs.contains(entry.exec_path)) continue;
    problems.add(item_place("cpis", i) + ".exec_path",
                 "CPI '" + entry.name + "' needs program '" + entry.exec_path +
                     "'; the director's configuration (cpi.programs) allows " +
                     quoted_list(paths_of(config_.cpi_programs)),
                 code::invalid_value);
  }
  problems.throw_if_any("CPI config");
}

}  // namespace slipway::director
