#include "test/authority.hpp"

#include "base/clock.hpp"

namespace slipway::test {

Authority::Authority(const std::string& name)
    : ca_(tls::create_ca({.common_name = name}, std::chrono::hours{24}, SystemClock().now(), 2048, nullptr,
                         tls::KeyType::ec_p256)) {}

tls::KeyPair Authority::issue(const std::string& name) const {
  tls::CertificateRequest request;
  request.subject = {.common_name = name};
  request.alternative_names = {name};
  request.key = tls::KeyType::ec_p256;
  return tls::issue(ca_, request, SystemClock().now());
}

}  // namespace slipway::test
