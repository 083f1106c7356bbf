#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "cpi/aws/api/sigv4.hpp"

namespace slipway::cpi::aws {

// Where credentials come from. get() is asked before each request and may fetch new ones.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  virtual Credentials get() = 0;
  virtual void forget() {}  // what get() gave was refused as expired
};

class StaticCredentials final : public CredentialsSource {
 public:
  explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Credentials get() override { return credentials_; }

 private:
  const Credentials credentials_;
};

// Credentials that somebody lends for a time. Fetched when first asked for, and anew five minutes
// before they end. Thread-safe.
class LentCredentials final : public CredentialsSource {
 public:
  using Fetch = std::function<Credentials()>;
  LentCredentials(Clock& clock, Fetch fetch);
  ~LentCredentials() override;
  Credentials get() override;
  void forget() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The role of the instance this process runs on, by IMDSv2 (a session token first; version 1 is
// never asked). `endpoint`: http://169.254.169.254.
LentCredentials::Fetch instance_profile(const std::string& endpoint);

}  // namespace slipway::cpi::aws
