#include "pks-api/identity/identity.hpp"

#include <algorithm>
#include <regex>
#include <sstream>

#include "base/digest.hpp"
#include "base/tls.hpp"
#include "pks-api/identity/directory.hpp"
#include "pks-api/identity/external_issuer.hpp"

namespace slipway::pks {

namespace {

constexpr const char* public_client = "pks_cli";
constexpr const char* scope_openid = "openid";
constexpr const char* scope_roles = "roles";
// Of users whose tokens the store knows nothing of: it counts from 1.
constexpr std::int64_t directory_epoch = 0;
constexpr int free_failures = 5;
constexpr int max_pause_seconds = 30;
constexpr std::size_t max_failures_kept = 10'000;

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Asked for ⊆ granted; nothing asked for means all of it.
std::vector<std::string> narrowed(const std::vector<std::string>& granted, const std::string& asked) {
  std::istringstream words(asked);
  std::vector<std::string> scopes;
  for (std::string word; words >> word;) {
    if (!contains(granted, word))
      throw OauthError{400, "invalid_scope", "scope '" + word + "' is not granted"};
    scopes.push_back(word);
  }
  return scopes.empty() ? granted : scopes;
}

OauthError bad_credentials() { return {401, "unauthorized", "Bad credentials"}; }

}  // namespace

void check_scopes(const std::vector<std::string>& scopes) {
  if (scopes.empty()) throw Error(Fault::invalid, "at least one scope is needed");
  for (const auto& scope : scopes) {
    if (scope != scope_admin && scope != scope_manage && scope != scope_admin_read) {
      throw Error(Fault::invalid, "scope '" + scope + "' is unknown, allowed: " + scope_admin + ", " +
                                      scope_manage + ", " + scope_admin_read);
    }
  }
}

void check_groups(const std::vector<std::string>& groups) {
  static const std::regex allowed("[A-Za-z0-9][A-Za-z0-9 ._@:/=,-]{0,127}");
  for (const auto& group : groups) {
    if (std::regex_match(group, allowed)) continue;
    throw Error(Fault::invalid,
                "group '" + group.substr(0, 80) +
                    "' is not allowed: 1 to 128 letters, digits, blanks and ._@:/=,- that begin with "
                    "a letter or digit");
  }
}

bool may_be_user(const std::string& name) {
  static const std::regex allowed("[A-Za-z0-9._@-]{1,128}");
  return std::regex_match(name, allowed);
}

void check_issuer_url(const std::string& url, const std::string& key) {
  static const std::regex allowed("https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?");
  if (url.empty() || std::regex_match(url, allowed)) return;
  throw Error(Fault::invalid,
              key + " is '" + url.substr(0, 200) + "', expected is https://HOST:PORT/PATH");
}

std::string OidcSettings::path() const {
  const auto slash = issuer_url.find('/', std::string_view("https://").size());
  auto path = slash == std::string::npos ? "" : issuer_url.substr(slash);
  while (path.ends_with('/')) path.pop_back();
  return path;
}

bool Caller::has(const char* scope) const { return contains(scopes, scope); }

Identity::Identity(IdentityStore& store, const Tokens& tokens, Clock& clock, Random& random,
                   OidcSettings oidc, TokenLifetimes lifetimes, ForeignUsers foreign)
    : store_(store),
      tokens_(tokens),
      clock_(clock),
      random_(random),
      oidc_(std::move(oidc)),
      lifetimes_(lifetimes),
      foreign_(foreign) {}

std::optional<UserRecord> Identity::of_directory(const std::string& name, const Secret& password) const {
  if (!foreign_.directory || !may_be_user(name)) return std::nullopt;
  const auto found = foreign_.directory->authenticate(name, password);
  if (!found || !may_be_user(found->name) || store_.find_user("user", found->name)) return std::nullopt;
  return UserRecord{found->name, "", found->scopes, directory_epoch, found->groups};
}

// The user as he is now, if the grant still is his.
std::optional<UserRecord> Identity::refreshed(const RefreshRecord& grant) const {
  auto user = store_.find_user("user", grant.subject);
  if (grant.epoch != directory_epoch) return user && user->epoch == grant.epoch ? user : std::nullopt;
  if (user || !foreign_.directory) return std::nullopt;
  const auto found = foreign_.directory->find(grant.subject);
  if (!found || found->name != grant.subject) return std::nullopt;
  return UserRecord{grant.subject, "", found->scopes, directory_epoch, found->groups};
}

UserRecord Identity::authenticate(const std::string& kind, const std::string& name, const Secret& password,
                                  const std::string& remote_address) {
  auto key = kind + ":" + name.substr(0, 256) + "@" + remote_address;
  // A directory takes ALANA for alana: another way to write a name gives no more guesses.
  std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
  {
    const std::lock_guard lock(mutex_);
    const auto known = failures_.find(key);
    if (known != failures_.end() && clock_.monotonic() < known->second.until) {
      const auto left =
          std::chrono::ceil<std::chrono::seconds>(known->second.until - clock_.monotonic()).count();
      throw OauthError{401, "unauthorized",
                       "Too many failed attempts; try again in " + std::to_string(left) + " seconds",
                       static_cast<int>(left)};
    }
  }
  auto user = store_.find_user(kind, name);
  bool right = false;
  if (!user && kind == "user") {
    user = of_directory(name, password);
    right = user.has_value();
  }
  if (!right) {
    const std::lock_guard lock(hashing_);
    // Made when it is first needed: it takes as long as a check, and every start would wait for it.
    if (!user && hash_of_nobody_.empty()) hash_of_nobody_ = tls::hash_password(Secret(random_.hex(16)));
    right = tls::check_password(password, user ? user->password_hash : hash_of_nobody_);
  }
  const std::lock_guard lock(mutex_);
  if (user && right) {
    failures_.erase(key);
    return *user;
  }
  if (failures_.size() >= max_failures_kept) failures_.clear();
  auto& failure = failures_[key];
  if (++failure.count >= free_failures) {
    const auto pause = std::min(1 << std::min(failure.count - free_failures, 10), max_pause_seconds);
    failure.until = clock_.monotonic() + std::chrono::seconds(pause);
  }
  throw bad_credentials();
}

void Identity::check_client(const TokenRequest& request) {
  if (request.client == public_client || request.client == cluster_client) {
    if (request.client_secret.empty()) return;
    throw bad_credentials();
  }
  authenticate("client", request.client, request.client_secret, request.remote_address);
}

// Whoever logs in to a cluster is told who he is and gets no right over clusters by it.
std::vector<std::string> Identity::grantable(const UserRecord& user, const std::string& client) const {
  if (client != cluster_client) return user.scopes;
  if (!oidc_.issuer_url.empty()) return {scope_openid, scope_roles};
  throw OauthError{400, "invalid_request",
                   "This identity is no issuer for clusters: oidc.issuer_url is not set"};
}

TokenReply Identity::reply(const std::string& kind, const UserRecord& user, const TokenRequest& request,
                           const std::vector<std::string>& granted) {
  TokenReply reply;
  reply.scopes = narrowed(granted, request.scope);
  reply.id = random_.hex(16);
  reply.expires_in = static_cast<int>(lifetimes_.access.count());
  reply.access_token = tokens_.sign({kind, user.name, request.client, reply.scopes, user.epoch, reply.id},
                                    clock_.now(), lifetimes_.access);
  if (kind == "user" && contains(reply.scopes, scope_openid)) {
    const auto groups = contains(reply.scopes, scope_roles) ? user.groups : std::vector<std::string>{};
    reply.id_token = tokens_.sign_id({oidc_.issuer_url, user.name, request.client, reply.id, groups},
                                     clock_.now(), lifetimes_.access);
  }
  return reply;
}

TokenReply Identity::issue(const TokenRequest& request) {
  if (request.grant_type == "client_credentials") {
    const auto client = authenticate("client", request.client, request.client_secret, request.remote_address);
    return reply("client", client, request, client.scopes);
  }
  if (request.grant_type != "password" && request.grant_type != "refresh_token") {
    throw OauthError{400, "unsupported_grant_type",
                     "grant_type has to be password, client_credentials or refresh_token"};
  }
  check_client(request);
  if (request.grant_type == "password") {
    const auto user = authenticate("user", request.user, request.password, request.remote_address);
    auto tokens = reply("user", user, request, grantable(user, request.client));
    tokens.refresh_token = random_.hex(32);
    store_.add_refresh(
        sha256_hex(tokens.refresh_token),
        {user.name, request.client, tokens.scopes, user.epoch, clock_.now() + lifetimes_.refresh},
        clock_.now());
    return tokens;
  }
  const auto grant = store_.find_refresh(sha256_hex(request.refresh_token));
  const bool holds = grant && grant->expires_at > clock_.now() && grant->client == request.client;
  const auto user = holds ? refreshed(*grant) : std::nullopt;
  if (!user) {
    throw OauthError{401, "invalid_token", "The refresh token is unknown, expired or revoked"};
  }
  // Of what was granted, what the user has not lost since.
  const auto grantable_now = grantable(*user, request.client);
  auto granted = grant->scopes;
  std::erase_if(granted, [&](const auto& scope) { return !contains(grantable_now, scope); });
  auto tokens = reply("user", *user, request, granted);
  tokens.refresh_token = request.refresh_token;
  return tokens;
}

void Identity::revoke(const std::string& refresh_token) { store_.remove_refresh(sha256_hex(refresh_token)); }

std::optional<Caller> Identity::caller(const std::string& authorization) const {
  constexpr std::string_view bearer = "bearer ";
  if (authorization.size() <= bearer.size()) return std::nullopt;
  for (std::size_t i = 0; i < bearer.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(authorization[i])) != bearer[i]) return std::nullopt;
  }
  const auto token = authorization.substr(bearer.size());
  const auto claims = tokens_.read(token, clock_.now());
  if (!claims) {
    const auto user = foreign_.issuer ? foreign_.issuer->user_of(token) : std::nullopt;
    if (!user) return std::nullopt;
    return Caller{.name = user->name, .scopes = user->scopes, .is_external = true};
  }
  const auto user = store_.find_user(claims->subject_kind, claims->subject);
  const bool is_of_directory = claims->epoch == directory_epoch && claims->subject_kind == "user";
  if (is_of_directory ? user.has_value() || !foreign_.directory : !user || user->epoch != claims->epoch)
    return std::nullopt;
  // A client never owns what a user of the same name owns.
  const bool is_client = claims->subject_kind == "client";
  return Caller{.name = is_client ? "client:" + claims->subject : claims->subject,
                .scopes = claims->scopes,
                .is_user = !is_client};
}

}  // namespace slipway::pks
