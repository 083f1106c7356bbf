#include "base/digest.hpp"
#include "base/http/client.hpp"
#include "pks-api/api/api.hpp"

namespace slipway::pks {

namespace {

using http::Request;
using http::Response;

constexpr std::size_t max_form_bytes = 64u << 10;

std::string form_decoded(std::string text) {
  for (auto& c : text) {
    if (c == '+') c = ' ';
  }
  return http::url_decode(text);
}

// application/x-www-form-urlencoded. A field that is there twice is refused.
std::map<std::string, std::string> read_form(Request& request) {
  const auto text = request.body->read_all(max_form_bytes);
  std::map<std::string, std::string> fields;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('&', begin), text.size());
    const auto pair = text.substr(begin, end - begin);
    const auto equals = std::min(pair.find('='), pair.size());
    const auto value = equals == pair.size() ? "" : form_decoded(pair.substr(equals + 1));
    const auto name = form_decoded(pair.substr(0, equals));
    if (!name.empty() && !fields.emplace(name, value).second) {
      throw OauthError{400, "invalid_request", "parameter '" + name + "' is there twice"};
    }
    begin = end + 1;
  }
  return fields;
}

void read_client(const Request& request, const std::map<std::string, std::string>& form,
                 TokenRequest& token) {
  const auto field = [&](const char* name) { return form.contains(name) ? form.at(name) : std::string(); };
  token.client = field("client_id");
  token.client_secret = Secret(field("client_secret"));
  const auto header = request.headers.find("Authorization");
  if (header == request.headers.end() || !header->second.starts_with("Basic ")) return;
  const auto pair = base64_decode(header->second.substr(6));
  const auto colon = std::min(pair.find(':'), pair.size());
  token.client = http::url_decode(pair.substr(0, colon));
  token.client_secret = Secret(colon == pair.size() ? "" : http::url_decode(pair.substr(colon + 1)));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Response no_store(Response response) {
  response.headers["Cache-Control"] = "no-store";
  return response;
}

// No token without a line in the audit log, and none of the line's words is a secret.
TokenReply issue_and_note(Services& services, const TokenRequest& token, AuditEntry entry) {
  try {
    auto reply = services.identity.issue(token);
    entry.outcome = "done";
    entry.status = 200;
    services.audit.append(entry, true);
    return reply;
  } catch (const OauthError& error) {
    entry.outcome = "refused";
    entry.status = error.status;
    services.audit.append(entry, false);
    throw;
  } catch (const Error&) {
    entry.outcome = "failed";
    entry.status = 503;
    services.audit.append(entry, false);
    throw;
  }
}

Response issue_token(Services& services, Request& request) {
  const auto form = read_form(request);
  const auto field = [&](const char* name) { return form.contains(name) ? form.at(name) : std::string(); };
  TokenRequest token;
  read_client(request, form, token);
  token.grant_type = field("grant_type");
  token.user = field("username");
  token.password = Secret(field("password"));
  token.refresh_token = field("refresh_token");
  token.scope = field("scope");
  token.remote_address = request.remote_address;
  const auto who = token.user.empty() ? "client:" + token.client : token.user;
  const AuditEntry attempt{
      who, request.remote_address, "token " + token.grant_type.substr(0, 40), token.client, "", 0};
  const auto reply = issue_and_note(services, token, attempt);
  services.log.info("identity.token",
                    {{"grant", token.grant_type}, {"user", token.user}, {"client", token.client}});
  Json body = {{"access_token", reply.access_token},
               {"token_type", "bearer"},
               {"expires_in", reply.expires_in},
               {"scope", joined(reply.scopes)},
               {"jti", reply.id}};
  if (!reply.refresh_token.empty()) body["refresh_token"] = reply.refresh_token;
  if (!reply.id_token.empty()) body["id_token"] = reply.id_token;
  return no_store(Response::json(200, body));
}

Response oauth_problem(const OauthError& error) {
  auto response =
      Response::json(error.status, {{"error", error.error}, {"error_description", error.description}});
  if (error.retry_after_seconds > 0)
    response.headers["Retry-After"] = std::to_string(error.retry_after_seconds);
  return no_store(std::move(response));
}

// OpenID Connect Discovery 1.0. There is no authorization endpoint: users log in by password.
Json discovery(const Services& services) {
  const auto& issuer = services.oidc.issuer_url;
  const auto base = issuer.substr(0, issuer.size() - services.oidc.path().size());
  return {{"issuer", issuer},
          {"token_endpoint", base + "/oauth/token"},
          {"jwks_uri", base + "/token_keys"},
          {"response_types_supported", {"id_token", "token"}},
          {"grant_types_supported", {"password", "refresh_token", "client_credentials"}},
          {"subject_types_supported", {"public"}},
          {"id_token_signing_alg_values_supported", {"RS256"}},
          {"token_endpoint_auth_methods_supported", {"client_secret_basic", "client_secret_post"}},
          {"scopes_supported", {"openid", "roles"}},
          {"claims_supported", {"iss", "aud", "azp", "sub", "user_name", "roles", "iat", "exp", "jti"}}};
}

http::Handler guarded(Services& services, http::Handler handler) {
  return [&services, handler = std::move(handler)](Request& request) {
    try {
      return handler(request);
    } catch (const OauthError& error) {
      services.log.warn("identity.refused", {{"error", error.error}, {"from", request.remote_address}});
      return oauth_problem(error);
    } catch (const Error& error) {
      if (error.fault() == Fault::invalid || error.fault() == Fault::exhausted) {
        return oauth_problem({400, "invalid_request", error.what(), 0});
      }
      services.log.error("identity.error", {{"error", error.what()}});
      if (error.fault() == Fault::retryable) {
        return oauth_problem({503, "temporarily_unavailable", "Users cannot be looked up right now; try again", 0});
      }
      return oauth_problem({500, "server_error", "The log of the API tells more", 0});
    }
  };
}

}  // namespace

http::Handler identity_handler(Services& s) {
  auto router = std::make_shared<http::Router>();
  router->add("POST", "/oauth/token", guarded(s, [&s](Request& request) { return issue_token(s, request); }));
  router->add("POST", "/oauth/revoke", guarded(s, [&s](Request& request) {
                const auto form = read_form(request);
                if (form.contains("token")) s.identity.revoke(form.at("token"));
                return Response::empty(200);
              }));
  router->add("GET", "/token_keys", [&s](Request&) {
    return Response::json(200, {{"keys", Json::array({s.tokens.public_key_jwk()})}});
  });
  router->add("GET", "/token_key", [&s](Request&) { return Response::json(200, s.tokens.public_key_jwk()); });
  if (!s.oidc.issuer_url.empty()) {
    router->add("GET", s.oidc.path() + "/.well-known/openid-configuration",
                [&s](Request&) { return Response::json(200, discovery(s)); });
  }
  const auto info = [](Request&) {
    return Response::json(
        200, {{"app", {{"name", "Slipway identity"}, {"version", "0.1.0"}}},
              {"prompts", {{"username", {"text", "Email"}}, {"password", {"password", "Password"}}}}});
  };
  router->add("GET", "/info", info);
  router->add("GET", "/login", info);
  router->add("GET", "/healthz", [](Request&) { return Response::text(200, "ok\n"); });
  return [router](Request& request) { return (*router)(request); };
}

}  // namespace slipway::pks
