#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/yaml.hpp"
#include "director/templates/test_jobs.hpp"

// What jobs make of networks and issuers that do not suit them; what runs is the suite kubernetes' matter.
namespace slipway::director::templates_test {

namespace {

std::string template_of(const std::string& job, const std::string& name) {
  return read_file("releases/kubernetes/jobs/" + job + "/templates/" + name);
}

Json api_link(const Json& cluster) {
  return {{"kube-apiserver",
           {{"instances", Json::array()},
            {"properties", {{"cluster", cluster}, {"kube-apiserver", {{"port", 6443}}}}}}}};
}

Json cluster_with(const std::string& pods, const std::string& services) {
  return {{"pod_range", pods}, {"service_range", services}, {"dns_address", "10.100.200.10"}, {"domain", "cluster.local"}};
}

std::string kubelet(Renderer& renderer, const Json& cluster) {
  try {
    return render_one(renderer, template_of("kubelet", "kubelet.yml.erb"),
                      {{"kubelet", {{"max_pods", 110}, {"seccomp_default", true}}}}, api_link(cluster));
  } catch (const Error& error) {
    return error.what();
  }
}

std::string name_service(Renderer& renderer, const Json& nameservers) {
  try {
    return render_one(renderer, template_of("apply-addons", "coredns.yml.erb"),
                      {{"addons", {{"coredns", {{"replicas", 2}, {"nameservers", nameservers}}}}}},
                      api_link(cluster_with("10.200.0.0/16", "10.100.200.0/24")));
  } catch (const Error& error) {
    return error.what();
  }
}

constexpr const char* ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

Json own_issuer() {
  return {{"issuer_url", "https://api.lab:8443/oauth/token"}, {"client_id", "pks_cluster_client"},
          {"username_claim", "user_name"},                    {"username_prefix", "oidc:"},
          {"groups_claim", "roles"},                          {"groups_prefix", "oidc:"}};
}

Json external_issuer() {
  return {{"issuer_url", "https://login.lab/realms/company"},
          {"client_id", "clusters"},
          {"username_claim", "preferred_username"},
          {"username_prefix", "external:"},
          {"groups_claim", "groups"},
          {"groups_prefix", "external:"},
          {"ca", ca_pem}};
}

// kube-apiserver's file, or why there is none.
std::string authentication(Renderer& renderer, const Json& oidc) {
  try {
    return render_one(renderer, template_of("kube-apiserver", "authentication.yml.erb"),
                      {{"oidc", oidc}, {"cluster", {{"domain", "cluster.local"}}}});
  } catch (const Error& error) {
    return error.what();
  }
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a node refuses networks that have its own address") {
  Renderer renderer;
  CHECK(has(kubelet(renderer, cluster_with("10.200.0.0/16", "10.100.200.0/24")), "clusterDNS: [10.100.200.10]"));
  CHECK(has(kubelet(renderer, cluster_with("10.0.0.0/16", "10.100.200.0/24")),
            "cluster.pod_range 10.0.0.0/16 has the node's own address 10.0.0.9 of network 'default'"));
  CHECK(has(kubelet(renderer, cluster_with("10.200.0.0/16", "10.0.0.0/24")), "cluster.service_range 10.0.0.0/24 has"));
}

TEST_CASE("named nameservers are asked in place of the nodes' own, except for instances") {
  Renderer renderer;
  const auto own = name_service(renderer, Json::array());
  CHECK(has(own, "forward . /etc/resolv.conf {"));
  CHECK_FALSE(has(own, "bosh:53"));
  const auto named = name_service(renderer, {"192.0.2.1", "192.0.2.2"});
  CHECK(has(named, "forward . 192.0.2.1 192.0.2.2 {"));
  CHECK(has(named, "    bosh:53 {\n        errors\n        forward . /etc/resolv.conf {"));
  CHECK(has(name_service(renderer, {"1.1.1.1 {\n}"}), "is no IPv4 address"));
}

TEST_CASE("users of two issuers are told apart by what their names begin with") {
  Renderer renderer;
  CHECK_FALSE(parse_yaml(authentication(renderer, Json::object()), "none").contains("jwt"));
  auto oidc = own_issuer();
  const auto alone = parse_yaml(authentication(renderer, oidc), "one");
  CHECK(alone.at("jwt").size() == 1);
  oidc["external"] = external_issuer();
  const auto file = parse_yaml(authentication(renderer, oidc), "two");
  REQUIRE(file.at("jwt").size() == 2);
  CHECK(file.at("jwt")[0] == alone.at("jwt")[0]);
  CHECK(file.at("jwt")[1] == Json{{"issuer",
                                   {{"url", "https://login.lab/realms/company"},
                                    {"audiences", {"clusters"}},
                                    {"certificateAuthority", ca_pem}}},
                                  {"claimMappings",
                                   {{"username", {{"claim", "preferred_username"}, {"prefix", "external:"}}},
                                    {"groups", {{"claim", "groups"}, {"prefix", "external:"}}}}}});
  const auto only = parse_yaml(authentication(renderer, {{"external", external_issuer()}}), "only");
  CHECK(only.at("jwt") == Json::array({file.at("jwt")[1]}));
}

TEST_CASE("a second issuer that is the first one, is not proved, or whose users could be others is refused") {
  Renderer renderer;
  const auto refusal = [&](const std::string& setting, const Json& value) {
    auto oidc = own_issuer();
    oidc["external"] = external_issuer();
    oidc["external"][setting] = value;
    return authentication(renderer, oidc);
  };
  for (const auto* url : {"http://login.lab", "https://", "https://login.lab/?realm=a", "https://a@login.lab", ""}) {
    INFO(url);
    CHECK(has(refusal("issuer_url", url), "oidc.external.issuer_url is '" + std::string(url) + "'; https://HOST:PORT"));
  }
  for (const auto* url : {"https://api.lab:8443/oauth/token", "https://api.lab:8443/oauth/token/",
                          "https://kubernetes.default.svc.cluster.local"}) {
    INFO(url);
    CHECK(has(refusal("issuer_url", url), "which the cluster believes already"));
  }
  for (const auto* name : {"client_id", "username_claim", "groups_claim"}) {
    CHECK(has(refusal(name, " "), "oidc.external." + std::string(name) + " is empty"));
  }
  for (const auto* name : {"username_prefix", "groups_prefix"}) {
    const auto place = "oidc.external." + std::string(name);
    INFO(place);
    for (const auto* prefix : {"", "external", "sys", "o", "a:b:"}) {
      CHECK(has(refusal(name, prefix), place + " is '" + prefix + "'; allowed are"));
    }
    for (const auto* prefix : {"oidc:", "system:", "slipway:"}) {
      CHECK(has(refusal(name, prefix), place + " is '" + prefix + "', and '" + prefix + "' begins names of others"));
    }
    auto nameless = own_issuer();
    nameless[name] = "";  // then all names are that issuer's
    nameless["external"] = external_issuer();
    CHECK(has(authentication(renderer, nameless), "and '' begins names of others"));
  }
  CHECK(has(refusal("ca", ""), "oidc.external.ca has no certificate"));
  auto audience = own_issuer();
  audience["external"] = external_issuer();
  audience["external"].erase("client_id");
  CHECK(has(authentication(renderer, audience), "oidc.external.client_id"));
}

}  // namespace slipway::director::templates_test
