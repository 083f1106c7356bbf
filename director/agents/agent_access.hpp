#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/tls.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::director {

using cpi::AgentId;

// Who may talk on the message bus. An interface, so that the director runs in simulation.
class AgentAccess {
 public:
  virtual ~AgentAccess() = default;

  // After it returns, a VM with this agent id can connect with the certificate of
  // issue_bootstrap() (and later of issue_permanent()): no waiting for a poll.
  virtual void allow(const AgentId& agent) = 0;
  // After it returns, neither certificate of the agent opens anything any more.
  virtual void forbid(const AgentId& agent) = 0;

  // {ca, certificate, private_key} as env.bosh.mbus.cert carries it. The first is short-lived
  // because it travels through the cloud's metadata; the second replaces it once the agent answers.
  virtual Json issue_bootstrap(const AgentId& agent) = 0;
  virtual Json issue_permanent(const AgentId& agent) = 0;
};

// Certificates of the message bus, all signed by one CA of its own.
class BusAuthority {
 public:
  BusAuthority(const tls::KeyPair& ca, Clock& clock) : ca_pem_(ca.certificate_pem), issuer_(ca), clock_(clock) {}
  static tls::KeyPair create_ca(Timestamp now);

  const std::string& ca_pem() const { return ca_pem_; }
  tls::KeyPair issue_server(const std::vector<std::string>& addresses) const;
  tls::KeyPair issue_client(const std::string& common_name, std::chrono::hours lifetime) const;

 private:
  const std::string ca_pem_;
  const tls::Issuer issuer_;
  Clock& clock_;
};

}  // namespace slipway::director
