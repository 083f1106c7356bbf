#include "director/executor/inputs.hpp"

#include <algorithm>
#include <thread>

#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/runtime_config.hpp"
#include "director/executor/variable_links.hpp"
#include "director/variables/variables.hpp"

namespace slipway::director {

namespace {

struct Chosen {
  std::vector<NamedConfig> contents;  // placeholders as they stand
  std::vector<std::int64_t> ids;
};

Chosen choose(Configs& configs, const std::string& type, const std::optional<std::vector<std::int64_t>>& ids) {
  std::vector<ConfigRecord> records;
  if (!ids) records = configs.list(type, "", 1);
  for (const auto id : ids.value_or(std::vector<std::int64_t>{})) {
    auto record = configs.version(id);
    if (!record || record->type != type) {
      throw Error(Fault::not_found, type + " config " + std::to_string(id) + " does not exist", code::config_not_found);
    }
    records.push_back(std::move(*record));
  }
  Chosen out;
  for (const auto& record : records) {
    out.contents.push_back({record.name, parse_yaml(record.content, type + " config '" + record.name + "'")});
    out.ids.push_back(record.id);
  }
  return out;
}

std::vector<NamedConfig> filled(const std::vector<NamedConfig>& configs, const Variables& variables,
                                const std::string& deployment) {
  std::vector<NamedConfig> out;
  for (const auto& config : configs) out.push_back({config.name, variables.interpolate(config.content, deployment)});
  return out;
}

Chosen choose_cloud(Configs& configs, const std::optional<std::vector<std::int64_t>>& ids) {
  auto chosen = choose(configs, "cloud", ids);
  if (!chosen.ids.empty()) return chosen;
  throw Error(Fault::invalid, "there is no cloud config yet; set one with `bosh update-cloud-config FILE`",
              code::bad_manifest);
}

CloudConfig parse_cloud(Services& services, const Chosen& chosen, const Variables& variables,
                        const std::string& deployment) {
  auto cloud = parse_cloud_config(filled(chosen.contents, variables, deployment));
  for (auto& az : cloud.azs) az.cpi = services.cpis.current_name(az.cpi);
  return cloud;
}

}  // namespace

CloudConfig read_cloud_config(Services& services, const std::string& deployment) {
  const Variables variables(services.stores.variable_values, services.settings.director_name, services.clock);
  return parse_cloud(services, choose_cloud(services.stores.configs, std::nullopt), variables, deployment);
}

DeployInputs read_inputs(Services& services, const std::string& deployment, const Json& manifest,
                         const ConfigChoice& configs, VariableUse use) {
  auto& stores = services.stores;
  const auto cloud = choose_cloud(stores.configs, configs.cloud);
  const auto runtime = choose(stores.configs, "runtime", configs.runtime);

  Variables variables(stores.variable_values, services.settings.director_name, services.clock);
  variables.make_keys_on(std::min<std::size_t>(services.settings.max_parallel, std::max(1u, std::thread::hardware_concurrency())));
  if (use == VariableUse::pinned) variables.pin(deployment);
  if (use == VariableUse::preview) variables.preview();
  if (use != VariableUse::pinned) {
    // Recorded at once, for the value carries it; the plan made afterwards finds it.
    const NumberOf number_of = [&, use](DnsNumberKind kind, const std::string& name) {
      if (use == VariableUse::generate) return stores.dns_numbers.ensure(kind, {name}).at(name);
      const auto known = stores.dns_numbers.known(kind);
      return NumberGiver(known).of(name);
    };
    variables.take_addresses_from([&, number_of, domain = services.settings.dns_domain](const std::string& link) {
      return address_of_link(manifest, link, domain, number_of);
    });
    if (!stemcell_changes(stores, deployment, manifest)) variables.keep_until_stemcell_changes(deployment);
  }
  std::vector<const Json*> documents{&manifest};
  for (const auto* chosen : {&runtime, &cloud}) {
    for (const auto& config : chosen->contents) documents.push_back(&config.content);
  }
  DeployInputs out;
  out.variable_ids = variables.generate(documents, deployment);
  out.cloud_config_ids = cloud.ids;
  out.runtime_config_ids = runtime.ids;
  out.cloud = parse_cloud(services, cloud, variables, deployment);
  out.manifest = parse_manifest(variables.interpolate(manifest, deployment));
  add_runtime_config(parse_runtime_config(filled(runtime.contents, variables, deployment)), out.manifest);
  return out;
}

}  // namespace slipway::director
