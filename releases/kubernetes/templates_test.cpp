#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "director/templates/test_jobs.hpp"

// What jobs make of networks that do not suit them; what runs is the suite kubernetes' matter.
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

}  // namespace slipway::director::templates_test
