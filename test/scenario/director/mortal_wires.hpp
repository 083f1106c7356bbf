#pragma once

#include "director/executor/services.hpp"
#include "test/scenario/director/mortality.hpp"
#include "test/scenario/director/simulated_agents.hpp"

// A director's wires while it lives: what goes through them is an effect of this life, and nothing goes
// through them after its end.
namespace slipway::test {

using director::AgentAccess;
using director::AgentClient;

class MortalCpis final : public director::Cpis {
 public:
  MortalCpis(director::Cpis& cpis, Mortality& fate) : cpis_(cpis), fate_(fate) {}
  std::shared_ptr<cpi::Cpi> open(const std::string& name, cpi::CallObserver observer) override;
  std::vector<std::string> names() const override { return cpis_.names(); }

 private:
  director::Cpis& cpis_;
  Mortality& fate_;
};

class MortalAgents final : public AgentClient {
 public:
  MortalAgents(AgentClient& agents, Mortality& fate) : agents_(agents), fate_(fate) {}
  Json request(const AgentId& agent, const std::string& method, const Json& arguments,
               std::chrono::milliseconds timeout, const std::string& request_id = {}) override;
  void post(const AgentId& agent, const std::string& method, const Json& arguments) override;
  bool wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) override;

 private:
  AgentClient& agents_;
  Mortality& fate_;
};

class MortalAccess final : public AgentAccess {
 public:
  MortalAccess(SimulatedAccess& access, Mortality& fate) : access_(access), fate_(fate) {}
  // The bus lets in whom the store knows when the director starts, as its server is configured anew.
  void configure_anew(director::Vms& vms);
  void allow(const AgentId& agent) override;
  void forbid(const AgentId& agent) override;
  Json issue_bootstrap(const AgentId& agent) override { return access_.issue_bootstrap(agent); }
  Json issue_permanent(const AgentId& agent) override { return access_.issue_permanent(agent); }

 private:
  SimulatedAccess& access_;
  Mortality& fate_;
};

}  // namespace slipway::test
