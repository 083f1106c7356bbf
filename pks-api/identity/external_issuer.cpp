#include "pks-api/identity/external_issuer.hpp"

#include <algorithm>
#include <regex>

#include "base/file.hpp"
#include "base/json_text.hpp"
#include "pks-api/identity/identity.hpp"
#include "pks-api/identity/jws.hpp"

namespace slipway::pks {

namespace {

constexpr std::size_t max_token_bytes = 16u << 10;  // some issuers name hundreds of groups
constexpr std::int64_t clock_skew_seconds = 60;     // for what is to begin; what ends has ended

// RFC 7519: one text or a list of them.
std::vector<std::string> texts(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (found->is_string()) return {found->get<std::string>()};
  std::vector<std::string> list;
  if (!found->is_array()) return list;
  for (const auto& one : *found) {
    if (one.is_string()) list.push_back(one.get<std::string>());
  }
  return list;
}

// Claims and clients get into manifests, where "((" would name a variable of the director.
void check_word(const std::string& word, const std::string& key) {
  static const std::regex allowed("[A-Za-z0-9._~:/@+#?=-]{1,256}");
  if (std::regex_match(word, allowed)) return;
  throw Error(Fault::invalid,
              key + " is '" + word.substr(0, 80) + "', allowed are 1 to 256 letters, digits and ._~:/@+#?=-");
}

std::optional<double> number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

}  // namespace

ExternalIssuerSettings read_external_issuer_settings(Config& in) {
  ExternalIssuerSettings s;
  s.url = in.string("external_issuer.url", "",
                    "an OpenID Connect issuer whose tokens are taken, as their 'iss' has it; empty: none");
  s.ca_file = in.path("external_issuer.ca_file", "", "PEM CA of its certificate; empty: public authorities");
  s.audience = in.string("external_issuer.audience", "", "what a token's 'aud' has to name");
  s.cluster_client = in.string("external_issuer.cluster_client", "",
                               "what 'aud' of tokens for clusters has to name, another word than audience; empty: its "
                               "users cannot log in to clusters");
  s.user_claim = in.string("external_issuer.user_claim", "sub", "the claim that names the user");
  s.groups_claim = in.string("external_issuer.groups_claim", "groups", "the claim that lists the user's groups");
  const auto scopes =
      in.value("external_issuer.scopes", Json::object(), "scopes by the name of a group: {GROUP: [SCOPE…]}");
  s.timeout = std::chrono::seconds(
      in.integer("external_issuer.timeout_seconds", 10, 1, 120, "for each request of the issuer's keys"));
  if (s.url.empty()) return s;
  check_issuer_url(s.url, "external_issuer.url");
  if (s.audience.empty())
    throw Error(Fault::invalid, "external_issuer.audience is missing, and external_issuer.url is set");
  check_word(s.user_claim, "external_issuer.user_claim");
  check_word(s.groups_claim, "external_issuer.groups_claim");
  if (!s.cluster_client.empty()) check_word(s.cluster_client, "external_issuer.cluster_client");
  // Whoever runs a cluster sees the tokens its users send it.
  if (s.cluster_client == s.audience) {
    throw Error(Fault::invalid, "external_issuer.cluster_client is '" + s.cluster_client.substr(0, 80) +
                                    "', as external_issuer.audience is: tokens that clusters see would open this API; "
                                    "another client of the issuer is allowed");
  }
  s.scopes = read_group_scopes(scopes, "external_issuer.scopes");
  return s;
}

ExternalIssuer::ExternalIssuer(ExternalIssuerSettings settings, Clock& clock)
    : settings_(std::move(settings)),
      clock_(clock),
      keys_(settings_.url, settings_.ca_file.empty() ? "" : read_file(settings_.ca_file), settings_.timeout, clock) {}

bool ExternalIssuer::is_valid_now(const Json& claims) const {
  const auto now = static_cast<double>(to_epoch_seconds(clock_.now()));
  const auto expires = number(claims, "exp");
  if (!expires || *expires <= now) return false;
  for (const auto* begin : {"nbf", "iat"}) {
    if (claims.contains(begin) && number(claims, begin).value_or(now + 1e9) > now + clock_skew_seconds) return false;
  }
  return true;
}

std::optional<ExternalIssuer::User> ExternalIssuer::user_of(const std::string& compact) {
  if (compact.size() > max_token_bytes) return std::nullopt;
  UnverifiedJws token;
  try {
    token = parse_jws(compact);
  } catch (const Error&) {
    return std::nullopt;
  }
  const auto& claims = token.body;
  const auto audiences = texts(claims, "aud");
  const auto name = text_or_empty(claims, settings_.user_claim);
  // An address that nobody has proved is anybody's.
  const bool is_proved = settings_.user_claim != "email" || claims.value("email_verified", Json(true)) == Json(true);
  const auto is_for = [&](const std::string& audience) {
    return std::find(audiences.begin(), audiences.end(), audience) != audiences.end();
  };
  if (text_or_empty(claims, "iss") != settings_.url || !is_valid_now(claims) || !is_proved || !may_be_user(name) ||
      !is_for(settings_.audience)) {
    return std::nullopt;
  }
  // One that names both may have been shown to any cluster.
  if (!settings_.cluster_client.empty() && is_for(settings_.cluster_client)) return std::nullopt;
  const auto keys = keys_.with_id(text_or_empty(token.header, "kid"));
  const bool is_signed = std::any_of(keys.begin(), keys.end(), [&](const Json& key) {
    try {
      return is_signed_by(token, key);
    } catch (const Error&) {  // a key that is none
      return false;
    }
  });
  if (!is_signed) return std::nullopt;
  return User{external_prefix + name, scopes_of(settings_.scopes, texts(claims, settings_.groups_claim))};
}

}  // namespace slipway::pks
