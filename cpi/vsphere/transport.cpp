#include "cpi/vsphere/transport.hpp"

namespace slipway::cpi::vsphere {

namespace {
constexpr std::size_t max_response_bytes = 64u << 20;
constexpr std::chrono::seconds patience{90};
}  // namespace

const http::Client& HttpTransport::client(const std::string& origin, bool may_repeat) {
  const std::lock_guard lock(mutex_);
  auto& made = clients_[{origin, may_repeat}];
  if (!made) {
    made = std::make_unique<http::Client>(http::ClientConfig{.base_url = origin,
                                                             .ca_pem = ca_pem_,
                                                             .verify_peer = verify_tls_,
                                                             .timeout = patience,
                                                             .max_response_bytes = max_response_bytes,
                                                             .posts_may_repeat = may_repeat});
  }
  return *made;
}

http::ClientResponse HttpTransport::send(const std::string& origin, const http::ClientRequest& request,
                                         bool may_repeat) {
  return client(origin, may_repeat).send(request);
}

}  // namespace slipway::cpi::vsphere
