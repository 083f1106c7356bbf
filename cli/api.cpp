#include "cli/api.hpp"

#include "base/digest.hpp"
#include "base/json_text.hpp"

namespace slipway::cli {

namespace {

constexpr int default_port = 9021, default_identity_port = 8443;
constexpr std::chrono::seconds patience{60};

struct Endpoint {
  std::string host;
  int port = default_port;
  std::string url(int other_port) const { return "https://" + host + ":" + std::to_string(other_port); }
};

Endpoint parse_endpoint(std::string text) {
  if (text.starts_with("http://")) throw UsageError("the API speaks https only: " + text);
  if (text.starts_with("https://")) text = text.substr(8);
  while (!text.empty() && text.back() == '/') text.pop_back();
  Endpoint endpoint;
  const auto colon = text.rfind(':');
  endpoint.host = text.substr(0, colon);
  if (colon != std::string::npos) {
    const auto number = text.substr(colon + 1);
    const bool digits =
        !number.empty() && number.size() <= 5 && number.find_first_not_of("0123456789") == std::string::npos;
    endpoint.port = digits ? std::stoi(number) : 0;
    if (endpoint.port < 1 || endpoint.port > 65535) throw UsageError("'" + text + "' has no valid port");
  }
  if (endpoint.host.empty() || endpoint.host.find('/') != std::string::npos) {
    throw UsageError("'" + text + "' is no HOST or https://HOST:PORT");
  }
  return endpoint;
}

http::ClientConfig config_for(const std::string& url, const Credentials& credentials) {
  http::ClientConfig config;
  config.base_url = url;
  config.ca_pem = credentials.ca;
  config.verify_peer = !credentials.skip_ssl_validation;
  config.timeout = patience;
  return config;
}

Json body_of(const http::ClientResponse& response) {
  const auto body = Json::parse(response.body, nullptr, false);
  return body.is_discarded() ? Json() : body;
}

ApiError api_error(const http::ClientResponse& response) {
  const auto body = body_of(response);
  for (const char* key : {"body", "error_description", "error"}) {
    if (const auto text = text_or_empty(body, key); !text.empty()) return {response.status, printable(text)};
  }
  return {response.status, "the API answered with status " + std::to_string(response.status)};
}

Json ask_for_token(const Credentials& credentials, const Secret& client_secret, const std::string& body) {
  const http::Client client(config_for(credentials.identity, credentials));
  http::ClientRequest request{.method = "POST", .target = "/oauth/token"};
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"},
                     {"Authorization", "Basic " + base64_encode(http::url_encode(credentials.client) + ":" +
                                                                http::url_encode(client_secret.reveal()))}};
  request.body = body;
  const auto response = client.send(request);
  if (response.status != 200) throw api_error(response);
  auto token = body_of(response);
  if (text_or_empty(token, "access_token").empty())
    throw ApiError(response.status, "the token endpoint sent no token");
  return token;
}

Json info_of(const std::string& api, const Credentials& credentials) {
  const auto response = http::Client(config_for(api, credentials)).send({.target = "/info"});
  auto body = body_of(response);
  return response.status == 200 && body.is_object() ? body : Json::object();
}

Credentials session_of(const LoginRequest& request, const Endpoint& endpoint) {
  Credentials c;
  c.api = endpoint.url(endpoint.port);
  c.ca = request.ca;
  c.skip_ssl_validation = request.skip_ssl_validation;
  return c;
}

}  // namespace

std::string form(const Form& fields) {
  std::string text;
  for (const auto& [name, value] : fields)
    text += (text.empty() ? "" : "&") + name + "=" + http::url_encode(value);
  return text;
}

std::optional<ExternalIssuer> external_issuer_of(const Json& info) {
  if (!info.is_object() || !info.contains("external_issuer")) return std::nullopt;
  const auto& said = info.at("external_issuer");
  const auto url = text_or_empty(said, "url"), ca = text_or_empty(said, "ca");
  return ExternalIssuer{{url, ca, text_or_empty(said, "client")},
                        {url, ca, text_or_empty(said, "cluster_client")},
                        text_or_empty(said, "user_claim"),
                        text_or_empty(said, "user_prefix"),
                        text_or_empty(said, "cluster_user_prefix")};
}

std::string user_of(const ExternalIssuer& issuer, const std::string& token) {
  const auto name = text_or_empty(claims_of_own(token), issuer.user_claim);
  if (!name.empty()) return name;
  throw Error(Fault::invalid,
              "the issuer's token has no text '" + printable(issuer.user_claim) + "', which would name its user");
}

Credentials log_in(const LoginRequest& request) {
  const auto endpoint = parse_endpoint(request.api);
  auto c = session_of(request, endpoint);
  // One that does not tell where its token endpoint is has it on the usual port.
  c.identity = endpoint.url(info_of(c.api, c).value("identity_port", default_identity_port));
  const bool as_client = !request.client_name.empty();
  c.client = as_client ? request.client_name : request.public_client;
  c.username = as_client ? request.client_name : request.username;
  std::vector<std::pair<std::string, std::string>> fields = {{"grant_type", "client_credentials"}};
  if (!as_client) {
    fields = {
        {"grant_type", "password"}, {"username", request.username}, {"password", request.password.reveal()}};
  }
  if (!request.scope.empty()) fields.emplace_back("scope", request.scope);
  const auto token = ask_for_token(c, request.client_secret, form(fields));
  c.access_token = text_or_empty(token, "access_token");
  c.refresh_token = text_or_empty(token, "refresh_token");
  c.id_token = text_or_empty(token, "id_token");
  return c;
}

Credentials log_in_by_issuer(const LoginRequest& request, Terminal& terminal, Clock& clock) {
  auto c = session_of(request, parse_endpoint(request.api));
  const auto issuer = external_issuer_of(info_of(c.api, c));
  if (!issuer) throw Exit(exit_error, "the API at " + c.api + " takes no users of an external issuer");
  const auto tokens = log_in_at(issuer->api, terminal, clock);
  c.username = issuer->user_prefix + user_of(*issuer, tokens.id_token);
  c.client = issuer->api.client;
  c.issuer = issuer->api.url;
  c.issuer_ca = issuer->api.ca;
  c.access_token = tokens.id_token;
  c.refresh_token = tokens.refresh_token;
  return c;
}

void log_out(const Credentials& credentials) {
  if (credentials.refresh_token.empty() || credentials.identity.empty()) return;
  try {
    http::ClientRequest request{.method = "POST", .target = "/oauth/revoke"};
    request.headers["Content-Type"] = "application/x-www-form-urlencoded";
    request.body = form({{"token", credentials.refresh_token}});
    request.timeout = std::chrono::seconds(5);
    http::Client(config_for(credentials.identity, credentials)).send(request);
  } catch (const Error&) {
  }
}

Api::Api(CredentialsFile& file) : file_(&file) {
  auto credentials = file.load();
  if (!credentials) throw Exit(exit_error, "You are not logged in; log in with: pks login -a API -u USER");
  credentials_ = std::move(*credentials);
  client_ = std::make_unique<http::Client>(config_for(credentials_.api, credentials_));
}

Api::Api(Credentials session) : credentials_(std::move(session)) {
  client_ = std::make_unique<http::Client>(config_for(credentials_.api, credentials_));
}

http::ClientResponse Api::send(const std::string& method, const std::string& target,
                               const std::string& body) {
  http::ClientRequest request{.method = method, .target = target};
  request.headers = {{"Authorization", "Bearer " + credentials_.access_token},
                     {"Accept", "application/json"}};
  if (!body.empty()) request.headers["Content-Type"] = "application/json";
  request.body = body;
  return client_->send(request);
}

void Api::refresh() {
  if (credentials_.refresh_token.empty())
    throw Exit(exit_error, "Your session has expired; log in again: pks login");
  if (!credentials_.issuer.empty()) {
    const auto tokens =
        refreshed_at({credentials_.issuer, credentials_.issuer_ca, credentials_.client}, credentials_.refresh_token);
    if (!tokens) throw Exit(exit_error, "Your session has expired; log in again: pks login --sso");
    credentials_.access_token = tokens->id_token;
    credentials_.refresh_token = tokens->refresh_token;
    if (file_) file_->save(credentials_);
    return;
  }
  try {
    const auto token =
        ask_for_token(credentials_, Secret(),
                      form({{"grant_type", "refresh_token"}, {"refresh_token", credentials_.refresh_token}}));
    credentials_.access_token = text_or_empty(token, "access_token");
    if (const auto next = text_or_empty(token, "refresh_token"); !next.empty()) credentials_.refresh_token = next;
  } catch (const ApiError&) {
    throw Exit(exit_error, "Your session has expired; log in again: pks login");
  }
  if (file_) file_->save(credentials_);
}

Json Api::call(const std::string& method, const std::string& target, const std::string& body) {
  auto response = send(method, target, body);
  if (response.status == 401) {
    refresh();
    response = send(method, target, body);
  }
  if (response.status < 200 || response.status > 299) throw api_error(response);
  return body_of(response);
}

}  // namespace slipway::cli
