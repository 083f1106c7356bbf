#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/http/message.hpp"
#include "base/secret.hpp"

namespace slipway::cpi::aws {

struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;              // empty: long-lived keys
  std::optional<Timestamp> expires;  // empty: never
};

// Whom a signature is for: it is worth nothing in another region or service.
struct SigningScope {
  std::string region;
  std::string service;
};

struct UnsignedRequest {
  std::string method;
  std::string path = "/";  // no character in it that a URL would escape
  std::string query;       // as sent: "a=b&c=d", escaped
  http::Headers headers;   // `Host` among them; all of them are signed
  std::string body;
};

// Adds X-Amz-Date, X-Amz-Security-Token and Authorization to `request.headers`.
// Source: AWS Signature Version 4, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
void sign(UnsignedRequest& request, const Credentials& credentials, const SigningScope& scope, Timestamp now);

}  // namespace slipway::cpi::aws
