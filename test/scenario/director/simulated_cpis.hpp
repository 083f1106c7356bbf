#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "director/executor/services.hpp"

namespace slipway::test {

// The CPIs of a simulated world: the default one, or those of a CPI config once add() was called.
class SimulatedCpis final : public director::Cpis {
 public:
  explicit SimulatedCpis(cpi::Cpi& first) : default_(first) {}

  void add(const std::string& name, cpi::Cpi& cpi, const std::vector<std::string>& former_names = {}) {
    named_[name] = &cpi;
    for (const auto& former : former_names) renamed_[former] = name;
  }
  void remove(const std::string& name) { named_.erase(name); }

  std::shared_ptr<cpi::Cpi> open(const std::string& name, cpi::CallObserver) override {
    const auto current = current_name(name);
    if (const auto found = named_.find(current); found != named_.end()) return share(*found->second);
    if (current.empty()) return share(default_);
    throw Error(Fault::invalid, "CPI '" + name + "' is not configured");
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, cpi] : named_) names.push_back(name);
    if (names.empty()) names.push_back("");
    return names;
  }
  std::string current_name(const std::string& name) const override {
    const auto found = renamed_.find(name);
    return found == renamed_.end() ? name : found->second;
  }

 private:
  static std::shared_ptr<cpi::Cpi> share(cpi::Cpi& cpi) { return {&cpi, [](cpi::Cpi*) {}}; }
  cpi::Cpi& default_;
  std::map<std::string, cpi::Cpi*> named_;
  std::map<std::string, std::string> renamed_;
};

}  // namespace slipway::test
