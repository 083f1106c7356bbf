#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "pks-api/identity/tokens.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks {

inline constexpr const char* scope_admin = "pks.clusters.admin";
inline constexpr const char* scope_manage = "pks.clusters.manage";
inline constexpr const char* scope_admin_read = "pks.clusters.admin.read";

// The client that users of clusters log in by; public, as pks_cli is.
inline constexpr const char* cluster_client = "pks_cluster_client";

// Fault::invalid unless each is one of the three.
void check_scopes(const std::vector<std::string>& scopes);
// Fault::invalid unless each can be a group's name.
void check_groups(const std::vector<std::string>& groups);

// Whether the store, and a directory, may have a user of that name.
bool may_be_user(const std::string& name);

// Before the names of the external issuer's users in clusters, where "oidc:" is before those of this identity.
inline constexpr const char* external_cluster_prefix = "external:";

// The external issuer, as clusters and its users' programs are told of it.
struct ExternalOidc {
  std::string issuer_url;  // empty: there is none
  std::string ca_pem;      // empty: public authorities
  std::string api_client, cluster_client;  // what tokens are for; without the second clusters do not know the issuer
  std::string user_claim, groups_claim;
};

// How clusters reach and trust this identity. Without an issuer's URL they do not, and no identity tokens
// are issued.
struct OidcSettings {
  std::string issuer_url;    // https://HOST:PORT/path: what "iss" says and discovery starts from
  std::string ca_pem;        // what the URL's certificate is verified by; empty: public authorities
  ExternalOidc external = {};
  std::string path() const;  // of the URL, without a slash at the end
};
// Fault::invalid unless the URL is empty or one that kube-apiserver takes: https, no query, no fragment.
// `key`: the setting it is.
void check_issuer_url(const std::string& url, const std::string& key = "oidc.issuer_url");

// Who sent a request and what he may do.
struct Caller {
  std::string name;
  std::vector<std::string> scopes;
  bool is_user = true;       // else a client of client_credentials
  bool is_external = false;  // a user of the external issuer
  bool has(const char* scope) const;
  bool reads_all() const { return has(scope_admin) || has(scope_admin_read); }
  bool changes() const { return has(scope_admin) || has(scope_manage); }
};

// OAuth2's error, shaped as UAA shapes it.
struct OauthError {
  int status = 400;
  std::string error, description;
  int retry_after_seconds = 0;
};

struct TokenRequest {
  std::string grant_type, client;
  Secret client_secret;
  std::string user;
  Secret password;
  std::string refresh_token, scope;
  std::string remote_address;
};

struct TokenReply {
  std::string access_token, refresh_token;  // no refresh token for client_credentials
  std::string id_token;                     // when "openid" was granted
  std::vector<std::string> scopes;
  std::string id;
  int expires_in = 0;
};

struct TokenLifetimes {
  std::chrono::seconds access{600}, refresh{21600};
};

class Directory;
class ExternalIssuer;

// Users that others keep. Null: there are none of that kind.
struct ForeignUsers {
  const Directory* directory = nullptr;
  ExternalIssuer* issuer = nullptr;
};

// The embedded identity: passwords, clients, access and refresh tokens. Thread-safe.
class Identity {
 public:
  Identity(IdentityStore& store, const Tokens& tokens, Clock& clock, Random& random, OidcSettings oidc = {},
           TokenLifetimes lifetimes = {}, ForeignUsers foreign = {});

  // Users are those of the store, and those of the directory whose names the store does not have. Throws
  // OauthError, or Fault::retryable when the directory has to be asked and does not answer.
  TokenReply issue(const TokenRequest& request);
  void revoke(const std::string& refresh_token);
  // The caller of "Bearer …"; nothing when the token does not hold any more. Fault::retryable when it claims to be
  // of the external issuer, whose keys cannot be read.
  std::optional<Caller> caller(const std::string& authorization) const;

 private:
  UserRecord authenticate(const std::string& kind, const std::string& name, const Secret& password,
                          const std::string& remote_address);
  std::optional<UserRecord> of_directory(const std::string& name, const Secret& password) const;
  std::optional<UserRecord> refreshed(const RefreshRecord& grant) const;
  void check_client(const TokenRequest& request);
  std::vector<std::string> grantable(const UserRecord& user, const std::string& client) const;
  TokenReply reply(const std::string& kind, const UserRecord& user, const TokenRequest& request,
                   const std::vector<std::string>& granted);

  // Guesses cost waiting: after a few failures the same name from the same address has to
  // pause, at most half a minute, so that nobody is locked out for long.
  struct Failures {
    int count = 0;
    Instant until{};
  };
  IdentityStore& store_;
  const Tokens& tokens_;
  Clock& clock_;
  Random& random_;
  OidcSettings oidc_;
  TokenLifetimes lifetimes_;
  ForeignUsers foreign_;
  std::string hash_of_nobody_;  // an unknown name costs as much as a wrong password; under hashing_
  std::mutex mutex_;
  std::map<std::string, Failures> failures_;
  std::mutex hashing_;  // guesses use up one core at most
};

}  // namespace slipway::pks
