#include "director/agents/nats_server.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

namespace {

// nats-server's configuration reads JSON; ids are checked where they are made, and JSON
// quoting keeps whatever is in them inside the string.
Json user(const std::string& common_name, const Json& publish, const Json& subscribe) {
  return {{"user", agent::nats_user(common_name)},
          {"permissions", {{"publish", {{"allow", publish}}}, {"subscribe", {{"allow", subscribe}}}}}};
}

}  // namespace

std::string nats_permissions(const std::vector<AgentId>& agents) {
  Json users = Json::array();
  users.push_back(user(agent::director_common_name, {"agent.*", "hm.director.alert", agent::changes_subject},
                       {"director.>", "hm.agent.heartbeat.*"}));
  // The monitor can ask an agent for a heartbeat and for nothing else.
  users.push_back(user(agent::health_monitor_common_name, {agent::probe_subject("*")},
                       {"hm.agent.heartbeat.*", "hm.agent.alert.*", "hm.agent.shutdown.*", "hm.director.alert",
                        agent::changes_subject}));
  for (const auto& id : agents) {
    const Json publish = {agent::heartbeat_subject(id.value), agent::alert_subject(id.value),
                          agent::shutdown_subject(id.value), "director.*." + id.value + ".*"};
    const Json subscribe = {agent::request_subject(id.value), agent::probe_subject(id.value)};
    users.push_back(user(agent::agent_common_name(id.value), publish, subscribe));
    users.push_back(user(agent::bootstrap_agent_common_name(id.value), publish, subscribe));
  }
  return "authorization: " + Json{{"users", users}}.dump() + "\n";
}

}  // namespace slipway::director
