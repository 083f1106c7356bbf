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
    : issuer_url_(std::move(issuer_url)), issuer_ca_pem_(std::move(issuer_ca_pem)) {
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

Response FakeKubernetes::whoami(const Request& request) const {
  if (!request.client_common_name.empty()) {
    return Response::json(200, {{"user", request.client_common_name}, {"groups", Json::array()}});
  }
  const auto header = request.headers.find("Authorization");
  require(header != request.headers.end() && header->second.starts_with("Bearer "), "Unauthorized");
  const auto claims = claims_of(header->second.substr(7));
  return Response::json(
      200, {{"user", "oidc:" + claims.at("user_name").get<std::string>()}, {"groups", claims.at("roles")}});
}

Json FakeKubernetes::claims_of(const std::string& token) const {
  const auto first = token.find('.'), second = token.rfind('.');
  require(first != std::string::npos && first != second, "no token");
  const auto document = fetched(issuer_url_ + "/.well-known/openid-configuration", issuer_ca_pem_);
  require(document.at("issuer") == issuer_url_, "discovery tells another issuer");
  const auto keys = fetched(document.at("jwks_uri").get<std::string>(), issuer_ca_pem_).at("keys");
  const auto header = part(token.substr(0, first));
  require(header.at("alg") == "RS256", "not RS256");
  bool good = false;
  for (const auto& key : keys) {
    if (key.at("kid") != header.at("kid")) continue;
    good = tls::rs256_verify(key.at("value").get<std::string>(), token.substr(0, second),
                             base64url_decode(token.substr(second + 1)));
  }
  require(good, "the signature is wrong");
  const auto claims = part(token.substr(first + 1, second - first - 1));
  require(claims.at("iss") == issuer_url_ && claims.at("aud") == Json{"pks_cluster_client"},
          "not for this cluster");
  require(claims.at("exp").get<std::int64_t>() > to_epoch_seconds(SystemClock().now()), "expired");
  return claims;
}

}  // namespace slipway::cli
