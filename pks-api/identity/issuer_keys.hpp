#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace slipway::pks {

// The public keys of an issuer, found by OpenID Connect Discovery 1.0 and kept for a while. Thread-safe: while one
// caller fetches, those whose keys are known do not wait.
class IssuerKeys {
 public:
  // `ca_pem`: what the issuer's certificate is verified by; empty: public authorities. `timeout`: of each request.
  IssuerKeys(std::string issuer_url, std::string ca_pem, std::chrono::seconds timeout, Clock& clock);

  // Those with that id; without an id the issuer's only key, else none. Keys are fetched anew when they have become
  // old, and for an id that is not known, though not for every such id. Fault::retryable when the issuer does not
  // tell and what is known is too old to be believed.
  std::vector<Json> with_id(const std::string& id);

 private:
  struct Known {
    std::vector<Json> keys;
    Instant fetched{};
  };
  using Snapshot = std::shared_ptr<const Known>;

  Snapshot known() const;
  Snapshot refreshed(const Snapshot& seen);
  Snapshot fetch() const;
  Json get(const std::string& url) const;

  const std::string issuer_url_, ca_pem_;
  const std::chrono::seconds timeout_;
  Clock& clock_;
  mutable std::mutex mutex_;  // of known_
  Snapshot known_;
  std::mutex fetching_;  // of all below
  Instant next_try_{}, next_search_{};
  std::string trouble_;
};

}  // namespace slipway::pks
