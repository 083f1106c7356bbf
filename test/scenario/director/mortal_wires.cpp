#include "test/scenario/director/mortal_wires.hpp"

#include "cpi/simulated/interposed_cpi.hpp"

namespace slipway::test {

namespace {

bool only_asks(const std::string& method) {
  return method == "ping" || method == "get_state" || method == "get_task" || method == "list_disk";
}

}  // namespace

std::shared_ptr<cpi::Cpi> MortalCpis::open(const std::string& name, cpi::CallObserver observer) {
  const auto real = cpis_.open(name, std::move(observer));
  return std::make_shared<cpi::InterposedCpi>(
      *real, [real, &fate = fate_](const cpi::CallOnItsWay& call, const std::function<void()>& action) {
        if (call.changes) return fate.act({"CPI " + call.method, true}, action);
        fate.require_alive();
        action();
      });
}

Json MortalAgents::request(const AgentId& agent, const std::string& method, const Json& arguments,
                           std::chrono::milliseconds timeout, const std::string& request_id) {
  Json answer;
  const auto ask = [&] { answer = agents_.request(agent, method, arguments, timeout, request_id); };
  if (only_asks(method)) {
    fate_.require_alive();
    ask();
  } else {
    fate_.act({"message " + method, true}, ask);
  }
  return answer;
}

void MortalAgents::post(const AgentId& agent, const std::string& method, const Json& arguments) {
  fate_.act({"message " + method, false}, [&] { agents_.post(agent, method, arguments); });
}

bool MortalAgents::wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) {
  fate_.require_alive();
  return agents_.wait_for_life(agent, timeout);
}

void MortalAccess::configure_anew(director::Vms& vms) {
  for (const auto& agent : access_.allowed()) access_.forbid(agent);
  for (const auto& vm : vms.all()) access_.allow(vm.agent);
}

void MortalAccess::allow(const AgentId& agent) {
  fate_.act({"allow on the bus", false}, [&] { access_.allow(agent); });
}

void MortalAccess::forbid(const AgentId& agent) {
  fate_.act({"forbid on the bus", false}, [&] { access_.forbid(agent); });
}

}  // namespace slipway::test
