#include "base/secret.hpp"

#include <openssl/crypto.h>

namespace slipway {

Secret::~Secret() {
  // A moved-from or shortened string may still hold old bytes behind its end.
  text_.resize(text_.capacity());
  OPENSSL_cleanse(text_.data(), text_.size());
}

bool Secret::equals(const Secret& other) const {
  return text_.size() == other.text_.size() &&
         CRYPTO_memcmp(text_.data(), other.text_.data(), text_.size()) == 0;
}

}  // namespace slipway
