#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace slipway::tls {

// A public RSA key that is read once and verifies often: reading its PEM takes twenty times as long as verifying.
// Thread-safe.
class Rs256Key {
 public:
  explicit Rs256Key(const std::string& public_key_pem);  // Fault::invalid
  ~Rs256Key();
  // As rs256_verify of base/tls.hpp.
  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  struct Parts;
  std::unique_ptr<const Parts> parts_;
};

}  // namespace slipway::tls
