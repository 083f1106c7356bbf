#pragma once

#include <memory>
#include <string>

#include "base/http/client.hpp"
#include "cli/credentials.hpp"

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

// Proves who one is at the token endpoint. Throws ApiError, or Error as http::Client does.
Credentials log_in(const LoginRequest& request);
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
