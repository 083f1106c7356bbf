#include "cli/issuer.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/http/client.hpp"
#include "base/json_text.hpp"
#include "cli/api.hpp"

namespace slipway::cli {

namespace {

using std::chrono::seconds;

constexpr seconds issuer_patience{30};
constexpr std::string_view https = "https://";
constexpr const char* device_grant = "urn:ietf:params:oauth:grant-type:device_code";

struct Answer {
  int status = 0;
  Json body;
  std::string error() const { return text_or_empty(body, "error"); }
  std::string reason() const {
    const auto text = text_or_empty(body, "error_description");
    return printable(!text.empty() ? text : !error().empty() ? error() : "status " + std::to_string(status));
  }
};

Answer ask(const IssuerClient& issuer, const std::string& url, const Form& fields) {
  return with_context("asking " + printable(url.substr(0, 200)), [&] {
    if (!url.starts_with(https)) throw Error(Fault::invalid, "is no https URL");
    const auto path = std::min(url.find('/', https.size()), url.size());
    http::ClientConfig config;
    config.base_url = url.substr(0, path);
    config.ca_pem = issuer.ca;
    config.timeout = issuer_patience;
    config.max_response_bytes = 1u << 20;
    http::ClientRequest request{.target = path == url.size() ? std::string("/") : url.substr(path)};
    request.headers["Accept"] = "application/json";
    if (!fields.empty()) {
      request.method = "POST";
      request.headers["Content-Type"] = "application/x-www-form-urlencoded";
      request.body = form(fields);
    }
    const auto response = http::Client(config).send(request);
    auto body = Json::parse(response.body, nullptr, false);
    return Answer{response.status, body.is_discarded() ? Json() : std::move(body)};
  });
}

Json discovered(const IssuerClient& issuer) {
  auto base = issuer.url;
  while (base.ends_with('/')) base.pop_back();
  auto answer = ask(issuer, base + "/.well-known/openid-configuration", {});
  if (answer.status != 200 || text_or_empty(answer.body, "issuer") != issuer.url)
    throw Exit(exit_error, "the issuer " + printable(issuer.url) + " does not describe itself: " + answer.reason());
  return std::move(answer.body);
}

// Issuers refuse scopes that they do not know, and some give groups or a refresh token for a scope only.
std::string scopes_for(const Json& discovery) {
  std::string scopes = "openid";
  const auto supported = discovery.value("scopes_supported", Json::array());
  for (const auto* wanted : {"profile", "email", "groups", "offline_access"}) {
    if (std::find(supported.begin(), supported.end(), Json(wanted)) != supported.end())
      scopes += std::string(" ") + wanted;
  }
  return scopes;
}

std::int64_t number_or(const Json& object, const char* key, std::int64_t fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : fallback;
}

IssuerTokens tokens_of(const Answer& answer, const IssuerClient& issuer) {
  IssuerTokens tokens{text_or_empty(answer.body, "id_token"), text_or_empty(answer.body, "refresh_token")};
  if (tokens.id_token.empty())
    throw Exit(exit_error, "the issuer " + printable(issuer.url) + " gives client '" + printable(issuer.client) +
                               "' no identity token");
  return tokens;
}

}  // namespace

IssuerTokens log_in_at(const IssuerClient& issuer, Terminal& terminal, Clock& clock) {
  const auto discovery = discovered(issuer);
  const auto device_url = text_or_empty(discovery, "device_authorization_endpoint");
  const auto token_url = text_or_empty(discovery, "token_endpoint");
  if (device_url.empty())
    throw Exit(exit_error,
               "the issuer " + printable(issuer.url) + " has no device_authorization_endpoint, by which pks logs in");
  const auto begun = ask(issuer, device_url, {{"client_id", issuer.client}, {"scope", scopes_for(discovery)}});
  const auto device_code = text_or_empty(begun.body, "device_code");
  if (begun.status != 200 || device_code.empty())
    throw Exit(exit_error,
               "the issuer does not let client '" + printable(issuer.client) + "' log in: " + begun.reason());
  const auto complete = text_or_empty(begun.body, "verification_uri_complete");
  terminal.err << "Log in at " << printable(complete.empty() ? text_or_empty(begun.body, "verification_uri") : complete)
               << "\nThe code there is " << printable(text_or_empty(begun.body, "user_code")) << "\n"
               << std::flush;
  auto pause = seconds(std::clamp<std::int64_t>(number_or(begun.body, "interval", 5), 1, 60));
  const auto patience = seconds(std::clamp<std::int64_t>(number_or(begun.body, "expires_in", 600), 1, 3600));
  const auto end = clock.monotonic() + patience;
  while (clock.monotonic() < end) {
    clock.sleep_for(pause);
    const auto answer =
        ask(issuer, token_url,
            {{"grant_type", device_grant}, {"device_code", device_code}, {"client_id", issuer.client}});
    if (answer.status == 200) return tokens_of(answer, issuer);
    if (answer.error() == "slow_down") pause += seconds(5);
    if (answer.error() != "slow_down" && answer.error() != "authorization_pending")
      throw Exit(exit_error, "the issuer says no: " + answer.reason());
  }
  throw Exit(exit_error, "nobody logged in at the issuer in time; try again");
}

std::optional<IssuerTokens> refreshed_at(const IssuerClient& issuer, const std::string& refresh_token) {
  if (refresh_token.empty()) return std::nullopt;
  const auto discovery = discovered(issuer);
  const auto answer = ask(
      issuer, text_or_empty(discovery, "token_endpoint"),
      {{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}, {"client_id", issuer.client}});
  if (answer.error() == "invalid_grant") return std::nullopt;
  if (answer.status != 200) throw Exit(exit_error, "the issuer gives no new token: " + answer.reason());
  auto tokens = tokens_of(answer, issuer);
  if (tokens.refresh_token.empty()) tokens.refresh_token = refresh_token;  // it holds on
  return tokens;
}

Json claims_of_own(const std::string& token) {
  const auto first = token.find('.'), second = token.rfind('.');
  if (first == second) throw Error(Fault::invalid, "the issuer's token is no JWT");
  return parse_json(base64url_decode(token.substr(first + 1, second - first - 1)), "the issuer's token");
}

}  // namespace slipway::cli
