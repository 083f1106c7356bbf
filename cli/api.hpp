#pragma once

#include <memory>
#include <string>

#include "base/http/client.hpp"
#include "cli/credentials.hpp"
#include "cli/issuer.hpp"

namespace slipway::cli {

// What the API was asked to do and did not: its own words and status.
struct ApiError : std::runtime_error {
  ApiError(int the_status, const std::string& message) : std::runtime_error(message), status(the_status) {}
  int status;
};

struct LoginRequest {
  std::string api;  // as typed: HOST, HOST:PORT or https://HOST:PORT
  std::string username;
  Secret password;
  std::string client_name;  // set: client_credentials instead of a user
  Secret client_secret;
  std::string ca;  // PEM
  bool skip_ssl_validation = false;
  std::string public_client = "pks_cli";
  std::string scope;  // empty: all that is granted
};

using Form = std::vector<std::pair<std::string, std::string>>;
std::string form(const Form& fields);  // as application/x-www-form-urlencoded

// What the API says of the external issuer whose users it takes.
struct ExternalIssuer {
  IssuerClient api, clusters;  // one issuer, two clients; without the second its users cannot log in to clusters
  std::string user_claim;
  std::string user_prefix, cluster_user_prefix;  // what API and clusters put before the claim
};
// Of the body of GET /info. Nothing where the API takes no such users.
std::optional<ExternalIssuer> external_issuer_of(const Json& info);
// The user whom a token of that issuer is of, without a prefix. Fault::invalid when it names none.
std::string user_of(const ExternalIssuer& issuer, const std::string& token);

// Proves who one is at the token endpoint. Throws ApiError, or Error as http::Client does.
Credentials log_in(const LoginRequest& request);
// The same at the external issuer. Throws Exit too, as log_in_at does.
Credentials log_in_by_issuer(const LoginRequest& request, Terminal& terminal, Clock& clock);
// The refresh token holds no more; a server that cannot be reached is no error.
void log_out(const Credentials& credentials);

// Calls of the logged-in user. An expired access token is replaced silently and kept.
class Api {
 public:
  explicit Api(CredentialsFile& file);  // Exit(exit_error) when nobody is logged in
  explicit Api(Credentials session);    // for one command: nothing is kept

  Json get(const std::string& target) { return call("GET", target, ""); }
  Json call(const std::string& method, const std::string& target, const std::string& body);
  const Credentials& credentials() const { return credentials_; }

 private:
  http::ClientResponse send(const std::string& method, const std::string& target, const std::string& body);
  void refresh();

  CredentialsFile* file_ = nullptr;
  Credentials credentials_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace slipway::cli
