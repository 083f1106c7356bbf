#include "cli/scenario/fake_kubernetes.hpp"

#include "base/digest.hpp"
#include "base/http/client.hpp"

namespace slipway::cli {

namespace {

using http::Request;
using http::Response;

Json fetched(const std::string& url, const std::string& ca_pem) {
  const auto path = url.find('/', std::string_view("https://").size());
  http::ClientConfig config;
  config.base_url = url.substr(0, path);
  config.ca_pem = ca_pem;
  const auto response = http::Client(config).send({.target = url.substr(path)});
  if (response.status != 200)
    throw Error(Fault::unauthenticated, url + " answers " + std::to_string(response.status));
  return response.json();
}

Json part(const std::string& text) { return parse_json(base64url_decode(text), "token"); }

void require(bool good, const std::string& what) {
  if (!good) throw Error(Fault::unauthenticated, what);
}

}  // namespace

FakeKubernetes::FakeKubernetes(const tls::KeyPair& ca, std::string issuer_url, std::string issuer_ca_pem)
    : issuers_{{std::move(issuer_url), std::move(issuer_ca_pem), "pks_cluster_client", "user_name", "oidc:", "roles",
                "oidc:"}} {
  tls::CertificateRequest request;
  request.subject = {.common_name = "kubernetes"};
  request.alternative_names = {"127.0.0.1"};
  request.key = tls::KeyType::ec_p256;
  const auto pair = tls::issue(ca, request, SystemClock().now());
  const auto keep = [&](const char* name, const std::string& text) {
    write_file_atomically(folder_.path() / name, text, 0600);
    return (folder_.path() / name).string();
  };
  http::ServerConfig config;
  config.certificate_file = keep("crt", pair.certificate_pem);
  config.private_key_file = keep("key", pair.private_key_pem.reveal());
  config.client_ca_file = keep("ca", ca.certificate_pem);
  server_ = std::make_unique<http::Server>(
      config,
      [this](Request& r) {
        try {
          return whoami(r);
        } catch (const Error& error) {
          return Response::json(
              401, {{"kind", "Status"}, {"status", "Failure"}, {"message", error.what()}, {"code", 401}});
        }
      },
      Log::discard());
}

FakeKubernetes::~FakeKubernetes() { server_->stop(); }

std::string FakeKubernetes::url() const { return "https://127.0.0.1:" + std::to_string(server_->port()); }

void FakeKubernetes::believe(const Json& external) {
  const auto text = [&](const char* key) { return external.at(key).get<std::string>(); };
  const std::lock_guard lock(mutex_);
  issuers_.push_back({text("issuer_url"), text("ca"), text("client_id"), text("username_claim"),
                      text("username_prefix"), text("groups_claim"), text("groups_prefix")});
}

Response FakeKubernetes::whoami(const Request& request) const {
  if (!request.client_common_name.empty()) {
    return Response::json(200, {{"user", request.client_common_name}, {"groups", Json::array()}});
  }
  const auto header = request.headers.find("Authorization");
  require(header != request.headers.end() && header->second.starts_with("Bearer "), "Unauthorized");
  const auto token = header->second.substr(7);
  const auto first = token.find('.'), second = token.rfind('.');
  require(first != std::string::npos && first != second, "no token");
  const auto claims = part(token.substr(first + 1, second - first - 1));
  const auto issuer = issuer_of(claims);
  verify(token, claims, issuer);
  auto groups = Json::array();
  for (const auto& group : claims.value(issuer.groups_claim, Json::array()))
    groups.push_back(issuer.groups_prefix + group.get<std::string>());
  const auto name = issuer.user_prefix + claims.at(issuer.user_claim).get<std::string>();
  return Response::json(200, {{"user", name}, {"groups", groups}});
}

FakeKubernetes::Issuer FakeKubernetes::issuer_of(const Json& claims) const {
  const std::lock_guard lock(mutex_);
  for (const auto& issuer : issuers_) {
    if (claims.at("iss") == issuer.url) return issuer;
  }
  throw Error(Fault::unauthenticated, "of an issuer that is not believed");
}

void FakeKubernetes::verify(const std::string& token, const Json& claims, const Issuer& issuer) {
  const auto document = fetched(issuer.url + "/.well-known/openid-configuration", issuer.ca_pem);
  require(document.at("issuer") == issuer.url, "discovery tells another issuer");
  const auto keys = fetched(document.at("jwks_uri").get<std::string>(), issuer.ca_pem).at("keys");
  const auto header = part(token.substr(0, token.find('.')));
  require(header.at("alg") == "RS256", "not RS256");
  const auto end = token.rfind('.');
  bool good = false;
  for (const auto& key : keys) {
    if (key.at("kid") != header.at("kid")) continue;
    good = tls::rs256_verify(key.at("value").get<std::string>(), token.substr(0, end),
                             base64url_decode(token.substr(end + 1)));
  }
  require(good, "the signature is wrong");
  const auto audience = claims.at("aud");
  require(audience == issuer.client || audience == Json{issuer.client}, "not for this cluster");
  require(claims.at("exp").get<std::int64_t>() > to_epoch_seconds(SystemClock().now()), "expired");
}

ProcessResult run_kubectl(const User& user, const FakeKubernetes& kubernetes) {
  ProcessSpec spec;
  spec.argv = {kubectl, "--server", kubernetes.url(), "get", "--raw", "/whoami"};
  spec.env["HOME"] = user.home().string();
  spec.timeout = std::chrono::seconds(60);
  return run(spec);
}

}  // namespace slipway::cli
