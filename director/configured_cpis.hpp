#pragma once

#include <memory>
#include <string>
#include <vector>

#include "director/config.hpp"
#include "director/executor/services.hpp"

namespace slipway::director {

// The one CPI of the configuration file, run by exec.
class ConfiguredCpis final : public Cpis {
 public:
  explicit ConfiguredCpis(const DirectorConfig& config);
  std::shared_ptr<cpi::Cpi> open(const std::string& name, cpi::CallObserver observer) override;
  std::vector<std::string> names() const override { return {""}; }

 private:
  cpi::ExecCpi cpi_;
};

}  // namespace slipway::director
