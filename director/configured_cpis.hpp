#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "director/config.hpp"
#include "director/executor/services.hpp"

namespace slipway::director {

// The CPIs of the latest CPI configs, and the default one of the configuration file under the name "".
// A CPI config chooses among the programs that the configuration file lists (docs/decisions/0008); its
// properties travel in each call's context, on standard input, and are not logged. Thread-safe.
class ConfiguredCpis final : public Cpis {
 public:
  // `stores` and `clock` outlive it.
  ConfiguredCpis(const DirectorConfig& config, Stores& stores, Clock& clock);

  std::shared_ptr<cpi::Cpi> open(const std::string& name, cpi::CallObserver observer) override;
  std::vector<std::string> names() const override;  // those of the CPI configs; {""} without one
  std::string current_name(const std::string& name) const override;
  void check(const CpiConfig& config) const override;

 private:
  struct Opened {
    cpi::ExecOptions options;
    cpi::ExecCpi cpi;
  };
  CpiConfig stored() const;  // as it was uploaded, placeholders unreplaced
  cpi::ExecOptions options_for(const CpiEntry& entry) const;

  const DirectorConfig config_;
  Stores& stores_;
  Clock& clock_;
  std::optional<cpi::ExecCpi> default_;
  std::mutex mutex_;
  std::map<std::string, Opened> opened_;  // a CPI is asked for its version once, not at each call
};

}  // namespace slipway::director
