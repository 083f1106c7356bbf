#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "director/agents/agent_access.hpp"

namespace slipway::director {

struct NatsServerOptions {
  std::string program = "/usr/sbin/nats-server";
  std::string listen_address = "127.0.0.1";
  int port = 4222;
  std::vector<std::string> certificate_addresses;  // what agents dial: addresses and names
  std::filesystem::path folder;                    // configuration, certificates (0700)
  std::chrono::hours permanent_lifetime{24 * 365};
};

// Debian's nats-server as a child: started, configured, restarted when it dies, and told of
// each agent's permission before that agent's VM exists.
class NatsServer final : public AgentAccess {
 public:
  // `agents`: those allowed from the start. Returns when the server accepts connections;
  // Fault::conflict when the port is taken, Fault::internal with its last words otherwise.
  NatsServer(NatsServerOptions options, const BusAuthority& authority, std::vector<AgentId> agents, Log log);
  ~NatsServer() override;

  void allow(const AgentId& agent) override;
  void forbid(const AgentId& agent) override;
  Json issue_bootstrap(const AgentId& agent) override;
  Json issue_permanent(const AgentId& agent) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The server's permission file for these agents: deny by default, each agent its own subjects.
std::string nats_permissions(const std::vector<AgentId>& agents);

}  // namespace slipway::director
