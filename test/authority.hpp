#pragma once

#include <string>

#include "base/tls.hpp"

namespace slipway::test {

// A CA of a test's own, for a day.
class Authority {
 public:
  explicit Authority(const std::string& name);
  // A certificate of that name or address.
  tls::KeyPair issue(const std::string& name) const;
  const tls::KeyPair& ca() const { return ca_; }

 private:
  tls::KeyPair ca_;
};

}  // namespace slipway::test
