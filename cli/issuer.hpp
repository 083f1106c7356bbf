#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "cli/terminal.hpp"

namespace slipway::cli {

// An OpenID Connect issuer that is not the API's own, and the public client that its users log in by.
struct IssuerClient {
  std::string url, ca;  // ca: PEM; empty: the system's authorities
  std::string client;
};

struct IssuerTokens {
  std::string id_token, refresh_token;  // the second one is empty where the issuer gives none
};

// By the device authorization grant (RFC 8628): says on `terminal.err` where the user proves who he is, and waits for
// it. Exit(exit_error) when the issuer says no or does not know the grant.
IssuerTokens log_in_at(const IssuerClient& issuer, Terminal& terminal, Clock& clock);

// Nothing when the refresh token holds no more. Exit(exit_error) when the issuer gives no identity token for it,
// Error as http::Client throws.
std::optional<IssuerTokens> refreshed_at(const IssuerClient& issuer, const std::string& refresh_token);

// What a token says, whoever signed it: for one's own use, it proves nothing. Fault::invalid when it is no JWT.
Json claims_of_own(const std::string& token);

}  // namespace slipway::cli
