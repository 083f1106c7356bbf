#include <doctest/doctest.h>

#include "pks-api/api/api_fixture.hpp"

namespace slipway::pks::profiles_test {

namespace {

Json customized(const std::string& component, const Json& arguments, const char* list = "customizations") {
  return {{"name", "p"}, {list, Json::array({{{"component", component}, {"arguments", arguments}}})}};
}

struct Makers : ApiFixture {
  Makers() {
    add_user("owner", {scope_manage});
    add_user("other", {scope_manage});
    add_user("admin", {scope_admin});
  }
  std::string problem(const std::string& kind, const Json& request) {
    const auto response = send("admin", "POST", "/v1/" + kind + "-profiles", request);
    return response.status == 400 ? json(response).at("body").get<std::string>()
                                  : std::to_string(response.status);
  }
  Json manifest(const std::string& cluster) {
    return manifest_of(*parts().clusters_store.find(cluster), parts().intents);
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Json zones_of(const Json& manifest, std::size_t group) {
  return manifest.at("instance_groups").at(group).at("azs");
}

}  // namespace

TEST_CASE("a cluster's profiles become blanks and zones of its manifest") {
  Makers f;
  REQUIRE(f.problem("network", {{"name", "n"}, {"parameters", "{\"pod_network\":\"10.1.0.0/16\"}"}}) ==
          "201");
  REQUIRE(f.problem("compute", {{"name", "c"},
                                {"parameters", {{"master_azs", {"z2"}}, {"worker_azs", {"z2", "z3"}}}}}) ==
          "201");
  REQUIRE(
      f.problem(
          "kubernetes",
          {{"name", "k"},
           {"customizations", Json::array({{{"component", "kubelet"}, {"arguments", {{"max-pods", "50"}}}}})},
           {"experimental_customizations",
            Json::array({{{"component", "kubelet"}, {"arguments", {{"v", "4"}, {"max-pods", "9"}}}}})}}) ==
      "201");
  const Json request = {{"name", "demo"},
                        {"plan_name", "kube"},
                        {"network_profile_name", "n"},
                        {"compute_profile_name", "c"},
                        {"kubernetes_profile_name", "k"},
                        {"parameters", {{"kubernetes_master_host", "demo.lab"}}}};
  REQUIRE(f.send("owner", "POST", "/v1/clusters", request).status == 202);
  const auto manifest = f.manifest("demo");
  CHECK(zones_of(manifest, 0) == Json{"z2"});
  CHECK(zones_of(manifest, 1) == Json{"z2", "z3"});
  const auto properties = manifest.at("instance_groups")[0].at("jobs")[0].at("properties");
  CHECK(properties.at("cluster") == Json{{"pod_range", "10.1.0.0/16"},
                                         {"service_range", "10.100.200.0/24"},
                                         {"dns_address", "10.100.200.10"},
                                         {"api_address", "10.100.200.1"},
                                         {"nameservers", Json::array()}});
  const auto kubelet = manifest.at("instance_groups")[1].at("jobs")[0].at("properties").at("arguments");
  CHECK(kubelet == Json{{"max-pods", "50"}, {"v", "4"}});
  const auto shown = ApiFixture::json(f.send("owner", "GET", "/v1/clusters/demo"));
  CHECK(shown.at("kubernetes_profile_name") == "k");

  // In use, whoever asks; the owner of another cluster is not told whose.
  const auto refused = f.send("admin", "DELETE", "/v1/compute-profiles/c");
  CHECK(refused.status == 409);
  CHECK(has(ApiFixture::json(refused).at("body").get<std::string>(), "in use by demo"));
}

TEST_CASE("an update changes nameservers, and not the networks that pods and services have addresses of") {
  Makers f;
  const auto make = [&](const char* name, const std::string& parameters) {
    REQUIRE(f.problem("network", {{"name", name}, {"parameters", parameters}}) == "201");
  };
  make("wide", "{\"pod_network\":\"10.1.0.0/16\"}");
  make("asking", "{\"pod_network\":\"10.1.0.0/16\",\"nameservers\":[\"10.0.0.1\"]}");
  make("other", "{\"pod_network\":\"10.2.0.0/16\"}");
  make("resolver", "{\"nameservers\":[\"10.0.0.1\"]}");
  make("same", "{\"pod_network\":\"10.200.0.0/16\"}");
  f.add_cluster("owner", "demo", "kube", 2);
  const auto update = [&](const char* profile) {
    return f.send("owner", "PATCH", "/v1/clusters/demo?dry_run=true", {{"network_profile_name", profile}});
  };
  const auto refusal = [&](const char* profile) {
    const auto response = update(profile);
    CHECK(response.status == 400);
    return ApiFixture::json(response).at("body").get<std::string>();
  };
  CHECK(update("resolver").status == 200);
  CHECK(update("same").status == 200);  // as the plan has it
  CHECK(has(refusal("wide"), "pod_network of cluster demo is 10.200.0.0/16 and would become 10.1.0.0/16"));

  auto& store = f.parts().clusters_store;
  auto demo = *store.find("demo");
  demo.profiles["network_profile_name"] = "wide";
  REQUIRE(store.begin(demo, demo.operation));
  CHECK(update("asking").status == 200);
  CHECK(has(refusal("other"), "is 10.1.0.0/16 and would become 10.2.0.0/16"));
  CHECK(has(refusal(""), "would become 10.200.0.0/16"));
}

TEST_CASE("a profile that is not there, or of no use to the plan, is refused") {
  Makers f;
  REQUIRE(f.problem("network", {{"name", "n"}, {"parameters", "{\"nameservers\":[\"10.0.0.1\"]}"}}) == "201");
  const auto refused = [&](const char* plan, const char* field, const char* name) {
    const auto response = f.send("owner", "POST", "/v1/clusters",
                                 {{"name", "demo"},
                                  {"plan_name", plan},
                                  {field, name},
                                  {"parameters", {{"kubernetes_master_host", "d.lab"}}}});
    CHECK(response.status == 400);
    return ApiFixture::json(response).at("body").get<std::string>();
  };
  CHECK(has(refused("kube", "network_profile_name", "none"), "'none' does not exist"));
  REQUIRE(f.problem("kubernetes", customized("kube-apiserver", {{"event-ttl", "2h"}})) == "201");
  CHECK(has(refused("kube", "kubernetes_profile_name", "p"), "takes no arguments for kube-apiserver"));
  CHECK(has(refused("small", "network_profile_name", "n"), "plan 'small' has no use for nameservers"));
}

TEST_CASE("networks have to fit those of the plan, and the nodes that a cluster has") {
  Makers f;
  const auto order = [&](const char* profile, const std::string& parameters, int nodes) {
    f.send("admin", "DELETE", std::string("/v1/network-profiles/") + profile);
    REQUIRE(f.problem("network", {{"name", profile}, {"parameters", parameters}}) == "201");
    const auto response = f.send("owner", "POST", "/v1/clusters",
                                 {{"name", profile},
                                  {"plan_name", "kube"},
                                  {"network_profile_name", profile},
                                  {"parameters",
                                   {{"kubernetes_master_host", std::string(profile) + ".lab"},
                                    {"kubernetes_worker_instances", nodes}}}});
    return response.status == 202 ? "202" : ApiFixture::json(response).at("body").get<std::string>();
  };
  CHECK(has(order("over", "{\"pod_network\":\"10.100.0.0/16\"}", 1),
            "service_network 10.100.200.0/24 and pod_network 10.100.0.0/16 overlap; plan 'kube' has what"));
  CHECK(has(order("few", "{\"pod_network\":\"10.1.0.0/22\"}", 4), "has room for 4 nodes with 256 addresses each"));
  CHECK(order("enough", "{\"pod_network\":\"10.1.0.0/22\"}", 3) == "202");
  // Nor can it grow beyond.
  auto& store = f.parts().clusters_store;
  auto made = *store.find("enough");
  made.state = succeeded;
  REQUIRE(store.begin(made, made.operation));
  const auto resized = f.send("owner", "PATCH", "/v1/clusters/enough?dry_run=true", {{"kubernetes_worker_instances", 4}});
  CHECK(resized.status == 400);
  CHECK(has(ApiFixture::json(resized).at("body").get<std::string>(), "cluster enough would have 4"));
  CHECK(order("services", "{\"service_network\":\"172.20.0.0/28\"}", 1) == "202");
  const auto cluster = f.manifest("services").at("instance_groups")[0].at("jobs")[0].at("properties").at("cluster");
  CHECK(cluster.at("api_address") == "172.20.0.1");
  CHECK(cluster.at("dns_address") == "172.20.0.10");
}

TEST_CASE(
    "a Kubernetes profile takes arguments that are known, others as experimental, and none that are the "
    "release's") {
  Makers f;
  CHECK(f.problem("kubernetes", customized("kubelet", {{"max-pods", "50"}})) == "201");
  CHECK(f.problem("kubernetes", customized("kubelet", {{"max-pods", "50"}})) == "409");
  CHECK(has(f.problem("kubernetes", customized("kubelet", {{"v", "4"}})), "is not validated for kubelet"));
  for (const auto* reserved : {"kubeconfig", "tls-cert-file", "client-ca-file", "authorization-mode",
                               "token-auth-file", "etcd-servers", "secure-port", "anonymous-auth"}) {
    INFO(reserved);
    CHECK(has(f.problem("kubernetes",
                        customized("kube-apiserver", {{reserved, "x"}}, "experimental_customizations")),
              "is set by the cluster's release"));
  }
  CHECK(has(f.problem("kubernetes", customized("docker", Json::object())), "allowed: kube-apiserver"));
  CHECK(has(f.problem("kubernetes", customized("kubelet", {{"max-pods", 50}})), "one line of text"));
  CHECK(has(f.problem("kubernetes", customized("kubelet", {{"max-pods", "1\n2"}})), "one line of text"));
  CHECK(has(f.problem("kubernetes", customized("kubelet", {{"a b", "1"}})), "no argument's name"));
  CHECK(has(f.problem("kubernetes", {{"name", "p"}}), "sets nothing"));
}

TEST_CASE("network and compute profiles say what is wrong with them") {
  Makers f;
  const auto network = [&](const std::string& parameters) {
    return f.problem("network", {{"name", "n"}, {"parameters", parameters}});
  };
  CHECK(has(network("{"), "no JSON in a text"));
  CHECK(has(network("{\"pod_network\":\"10.1.0.0\"}"), "no network such as"));
  CHECK(has(network("{\"pod_network\":\"10.1.0.256/16\"}"), "no network such as"));
  CHECK(has(network("{\"pod_network\":\"10.1.0.1/16\"}"), "bits set behind the network's; allowed is 10.1.0.0/16"));
  CHECK(has(network("{\"pod_network\":\"10.1.0.0/25\"}"), "from /8 to /24"));
  CHECK(has(network("{\"pod_network\":\"127.1.0.0/16\"}"), "lies in 127.0.0.0/8"));
  CHECK(has(network("{\"service_network\":\"169.254.0.0/24\"}"),
            "parameters.service_network: is '169.254.0.0/24', which lies in 169.254.0.0/16"));
  CHECK(has(network("{\"pod_network\":\"240.0.0.0/8\"}"), "lies in 224.0.0.0/3"));
  CHECK(has(network("{\"pod_network\":\"10.1.0.0/16\",\"service_network\":\"10.1.200.0/24\"}"),
            "service_network: is '10.1.200.0/24', which overlaps pod_network '10.1.0.0/16'"));
  CHECK(has(network("{\"nameservers\":[\"dns\"]}"), "no IPv4 address"));
  CHECK(has(network("{\"lb_size\":\"small\"}"), "unknown key"));
  CHECK(has(network("{}"), "sets nothing"));
  const auto compute = [&](const Json& parameters) {
    return f.problem("compute", {{"name", "c"}, {"parameters", parameters}});
  };
  CHECK(has(compute({{"worker_azs", {"z1", "z1"}}}), "names a zone twice"));
  CHECK(has(compute({{"worker_azs", {"z/1"}}}), "no zone's name"));
  CHECK(has(compute({{"azs", Json::array({{{"name", "z9"}}})}}), "the cloud config's"));
  CHECK(has(f.problem("compute", {{"name", "../x"}, {"parameters", {{"worker_azs", {"z1"}}}}}), "name"));
  CHECK(has(f.problem("compute", Json::array()), "mapping"));
}

TEST_CASE("a profile names no variable of the director") {
  Makers f;
  CHECK(has(f.problem("kubernetes", customized("kubelet", {{"max-pods", "((/slipway/other/kubernetes_ca.private_key))"}})),
            "arguments.max-pods: has '((', which is not allowed"));
  CHECK(has(f.problem("compute", {{"name", "c"}, {"parameters", {{"worker_azs", {"((a))"}}}}}), "worker_azs[0]: has '(('"));
}

}  // namespace slipway::pks::profiles_test
