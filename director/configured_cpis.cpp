#include "director/configured_cpis.hpp"

namespace slipway::director {

namespace {

cpi::ExecOptions exec_options(const DirectorConfig& config) {
  cpi::ExecOptions options;
  options.command = config.cpi_command;
  options.director_uuid = config.uuid;
  options.context = config.cpi_properties;
  options.timeout = std::chrono::seconds{config.cpi_timeout_seconds};
  return options;
}

}  // namespace

ConfiguredCpis::ConfiguredCpis(const DirectorConfig& config) : cpi_(exec_options(config)) {}

std::shared_ptr<cpi::Cpi> ConfiguredCpis::open(const std::string& name, cpi::CallObserver observer) {
  if (!name.empty()) throw Error(Fault::invalid, "CPI '" + name + "' is not configured");
  return std::make_shared<cpi::ExecCpi>(cpi_.observed_by(std::move(observer)));
}

}  // namespace slipway::director
