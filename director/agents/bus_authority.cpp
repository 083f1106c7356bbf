#include "director/agents/agent_access.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

namespace {

using namespace std::chrono_literals;

// Elliptic keys: one is made for each VM, and an RSA key of the same strength costs a
// thousand times as much processor time.
tls::CertificateRequest request_for(const std::string& common_name, tls::Usage usage,
                                    std::chrono::hours lifetime) {
  tls::CertificateRequest request;
  request.subject = {.common_name = common_name, .organization = "Cloud Foundry", .bosh_style = true};
  request.usage = usage;
  request.lifetime = lifetime;
  request.key = tls::KeyType::ec_p256;
  return request;
}

}  // namespace

tls::KeyPair BusAuthority::create_ca(Timestamp now) {
  return tls::create_ca({.common_name = "default.nats-ca.bosh-internal", .organization = "Slipway"},
                        24h * 365 * 4, now, 2048, nullptr, tls::KeyType::ec_p256);
}

tls::KeyPair BusAuthority::issue_server(const std::vector<std::string>& addresses) const {
  auto request = request_for(agent::nats_server_common_name, tls::Usage::server, 24h * 365);
  request.alternative_names = addresses;
  request.alternative_names.push_back(agent::nats_server_common_name);
  return issuer_.issue(request, clock_.now());
}

tls::KeyPair BusAuthority::issue_client(const std::string& common_name, std::chrono::hours lifetime) const {
  return issuer_.issue(request_for(common_name, tls::Usage::client, lifetime), clock_.now());
}

}  // namespace slipway::director
