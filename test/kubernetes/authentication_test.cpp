#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

#include "base/http/client.hpp"
#include "base/process.hpp"
#include "director/templates/test_jobs.hpp"
#include "pks-api/identity/test_issuer.hpp"
#include "test/free_port.hpp"

// What kube-apiserver itself makes of the job's authentication.yml. It needs no node: its program, an etcd and two
// issuers on the loopback.

namespace slipway::test {

namespace {

namespace fs = std::filesystem;
using pks::TestIssuer;
using pks::TestKey;

constexpr std::chrono::seconds patience{120};
constexpr const char* authentication_template =
    "releases/kubernetes/jobs/kube-apiserver/templates/authentication.yml.erb";

fs::path kubernetes_program() {
  fs::path newest;
  std::error_code none;
  for (const auto& blobs : fs::directory_iterator("build/blobs", none)) {
    const auto program = fs::absolute(blobs.path() / "kubernetes/kubernetes");
    if (fs::exists(program) && program > newest) newest = program;
  }
  if (newest.empty())
    FAIL("build/blobs has no kubernetes-*/kubernetes/kubernetes; make it with: ./dev release kubernetes");
  return newest;
}

Json believed(const TestIssuer& issuer, const char* client, const char* user, const char* groups, const char* prefix) {
  return {{"issuer_url", issuer.url()}, {"client_id", client}, {"username_claim", user},  {"username_prefix", prefix},
          {"groups_claim", groups},     {"groups_prefix", prefix}, {"ca", issuer.ca_pem()}};
}

class ApiServer {
 public:
  TestKey own_key{"own"}, external_key{"external"};
  TestIssuer own, external;
  SystemClock clock;

  ApiServer() {
    own.publish({own_key.jwk()});
    external.publish({external_key.jwk()});
    auto oidc = believed(own, "pks_cluster_client", "user_name", "roles", "oidc:");
    oidc["external"] = believed(external, "clusters", "preferred_username", "groups", "external:");
    director::Renderer renderer;
    keep("authentication.yml",
         director::render_one(renderer, read_file(authentication_template),
                              {{"oidc", oidc}, {"cluster", {{"domain", "cluster.local"}}}}));
    start_etcd();
    start_api();
  }

  http::ClientResponse ask(const std::string& method, const std::string& target, const std::string& token,
                           const Json& body = nullptr) const {
    http::ClientConfig config;
    config.base_url = "https://127.0.0.1:" + std::to_string(port_);
    config.ca_pem = authority_.ca().certificate_pem;
    if (token.empty()) {
      config.client_certificate_pem = admin_.certificate_pem;
      config.client_private_key_pem = admin_.private_key_pem;
    }
    http::ClientRequest request{.method = method, .target = target, .headers = {{"Content-Type", "application/json"}}};
    if (!token.empty()) request.headers["Authorization"] = "Bearer " + token;
    if (!body.is_null()) request.body = dump(body);
    return http::Client(config).send(request);
  }
  // {username, groups}, or null for somebody who is not known.
  Json whoami(const std::string& token) const {
    const auto answer = ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", token,
                            {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "SelfSubjectReview"}});
    if (answer.status == 401) return nullptr;
    REQUIRE_MESSAGE(answer.status == 201, answer.body);
    return answer.json().at("status").at("userInfo");
  }
  std::string own_token(const std::string& name, const Json& roles) const {
    auto claims = own.claims(name, "pks_cluster_client", clock.now());
    claims.update({{"user_name", name}, {"roles", roles}});
    return own_key.sign(claims);
  }
  std::string external_token(const std::string& name, const Json& groups,
                             const std::string& audience = "clusters") const {
    auto claims = external.claims("7f3a", audience, clock.now());
    claims.update({{"preferred_username", name}, {"groups", groups}});
    return external_key.sign(claims);
  }
  // Keys are fetched at its own time, the first ones a while after it is ready.
  void wait_until_known(const std::string& token) {
    wait_until([&] { return !whoami(token).is_null(); });
  }
  void wait_until_allowed(const std::string& target, const std::string& token) {
    wait_until([&] { return ask("GET", target, token).status == 200; });
  }

 private:
  std::string keep(const std::string& name, const std::string& text) const {
    write_file_atomically(folder_.path() / name, text, 0600);
    return (folder_.path() / name).string();
  }
  void wait_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end || !api_->running()) FAIL("kube-apiserver says:\n" << log());
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }
  std::string log() {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }
  void start_etcd() {
    const auto url = [](int port) { return "http://127.0.0.1:" + std::to_string(port); };
    const auto peer = url(free_port());
    etcd_url_ = url(free_port());
    ChildProcess::Options options;
    options.argv = {"/usr/bin/etcd",
                    "--data-dir=" + (folder_.path() / "etcd").string(),
                    "--listen-client-urls=" + etcd_url_,
                    "--advertise-client-urls=" + etcd_url_,
                    "--listen-peer-urls=" + peer,
                    "--initial-advertise-peer-urls=" + peer,
                    "--initial-cluster=default=" + peer};
    options.on_stderr_line = [](std::string_view) {};
    options.pipe_stdio = false;
    etcd_ = std::make_unique<ChildProcess>(std::move(options));
  }
  void start_api() {
    tls::CertificateRequest admin;
    admin.subject = {.common_name = "admin", .organization = "system:masters"};
    admin.usage = tls::Usage::client;
    admin_ = tls::issue(authority_.ca(), admin, clock.now());
    const auto server = authority_.issue("127.0.0.1");
    const auto accounts = tls::create_rsa_key();
    const auto program = folder_.path() / "kube-apiserver";
    fs::create_symlink(kubernetes_program(), program);
    port_ = free_port();
    ChildProcess::Options options;
    options.argv = {program.string(),
                    "--bind-address=127.0.0.1",
                    "--secure-port=" + std::to_string(port_),
                    "--endpoint-reconciler-type=none",
                    "--etcd-servers=" + etcd_url_,
                    "--authorization-mode=RBAC",
                    "--authentication-config=" + (folder_.path() / "authentication.yml").string(),
                    "--client-ca-file=" + keep("ca.crt", authority_.ca().certificate_pem),
                    "--tls-cert-file=" + keep("server.crt", server.certificate_pem),
                    "--tls-private-key-file=" + keep("server.key", server.private_key_pem.reveal()),
                    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                    "--service-account-key-file=" + keep("accounts.pub", accounts.public_key_pem),
                    "--service-account-signing-key-file=" + keep("accounts.key", accounts.private_key_pem.reveal()),
                    "--service-cluster-ip-range=10.100.200.0/24"};
    options.on_stderr_line = [this](std::string_view line) {
      const std::lock_guard lock(log_mutex_);
      log_ += std::string(line) + "\n";
    };
    options.pipe_stdio = false;
    api_ = std::make_unique<ChildProcess>(std::move(options));
    wait_until([&] {
      try {
        return ask("GET", "/readyz", "").status == 200;
      } catch (const Error&) {
        return false;
      }
    });
  }

  TempDir folder_{"kube-apiserver"};
  const Authority authority_{"cluster CA"};
  tls::KeyPair admin_;
  std::string etcd_url_;
  int port_ = 0;
  std::mutex log_mutex_;
  std::string log_;
  std::unique_ptr<ChildProcess> etcd_, api_;
};

Json with_authenticated(Json groups) {
  groups.push_back("system:authenticated");
  return groups;
}

}  // namespace

TEST_CASE(
    "kube-apiserver tells users of the external issuer from those of the API, and takes no token that is not for it") {
  ApiServer api;
  api.wait_until_known(api.own_token("naomi", {"developers"}));
  api.wait_until_known(api.external_token("naomi", {"developers"}));
  const auto own = api.whoami(api.own_token("naomi", {"developers"}));
  CHECK(own.at("username") == "oidc:naomi");
  CHECK(own.at("groups") == with_authenticated({"oidc:developers"}));
  const auto external = api.whoami(api.external_token("naomi", {"developers", "system:masters", "cluster-admins"}));
  CHECK(external.at("username") == "external:naomi");
  CHECK(external.at("groups") ==
        with_authenticated({"external:developers", "external:system:masters", "external:cluster-admins"}));
  CHECK(api.whoami(api.external_token("oidc:naomi", Json::array())).at("username") == "external:oidc:naomi");

  CHECK(api.whoami(api.external_token("naomi", Json::array(), "pks")).is_null());
  CHECK(api.whoami(api.external_token("naomi", Json::array(), "pks_cluster_client")).is_null());
  auto claims = api.external.claims("7f3a", "clusters", api.clock.now());
  CHECK(api.whoami(api.external_key.sign(claims)).is_null());  // of nobody
  claims["preferred_username"] = "naomi";
  CHECK_FALSE(api.whoami(api.external_key.sign(claims)).is_null());
  CHECK(api.whoami(TestKey("external").sign(claims)).is_null());
  claims["iss"] = api.own.url();
  CHECK(api.whoami(api.external_key.sign(claims)).is_null());
  claims = api.external.claims("7f3a", "clusters", api.clock.now() - std::chrono::hours(2));
  claims["preferred_username"] = "naomi";
  CHECK(api.whoami(api.external_key.sign(claims)).is_null());

  // What is bound to the one name is not the other one's. The role is what "view" is made of, by a controller that does
  // not run here.
  const auto naomi = api.external_token("naomi", Json::array()), namesake = api.own_token("naomi", Json::array());
  const auto pods = "/api/v1/namespaces/default/pods";
  CHECK(api.ask("GET", pods, naomi).status == 403);
  const auto bound = api.ask(
      "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", "",
      {{"apiVersion", "rbac.authorization.k8s.io/v1"},
       {"kind", "RoleBinding"},
       {"metadata", {{"name", "naomi"}}},
       {"roleRef",
        {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "system:aggregate-to-view"}}},
       {"subjects",
        Json::array({{{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "User"}, {"name", "external:naomi"}}})}});
  REQUIRE_MESSAGE(bound.status == 201, bound.body);
  api.wait_until_allowed(pods, naomi);
  CHECK(api.ask("GET", pods, namesake).status == 403);
  CHECK(api.ask("GET", "/api/v1/namespaces/kube-system/pods", naomi).status == 403);
}

}  // namespace slipway::test
