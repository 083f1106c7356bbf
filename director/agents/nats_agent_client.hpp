#pragma once

#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/tls.hpp"
#include "director/agents/agent_client.hpp"

namespace slipway::director {

struct NatsClientOptions {
  std::string url;  // nats://host:port
  std::string ca_pem;
  tls::KeyPair identity;      // the director's client certificate
  std::string director_uuid;  // of this process: replies come to director.<uuid>.>
};

// Over libnats. Reconnects by itself for as long as it lives; a request made while the bus is
// away waits for its timeout. Thread-safe.
class NatsAgentClient final : public AgentClient {
 public:
  // Fault::retryable when the bus cannot be reached.
  NatsAgentClient(NatsClientOptions options, Random& random, Log log);
  ~NatsAgentClient() override;

  Json request(const AgentId& agent, const std::string& method, const Json& arguments,
               std::chrono::milliseconds timeout, const std::string& request_id = {}) override;
  void post(const AgentId& agent, const std::string& method, const Json& arguments) override;
  bool wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) override;

  // To whoever listens, the health monitor for one. Lost while the bus is away.
  void announce(const std::string& subject, const Json& message) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::director
