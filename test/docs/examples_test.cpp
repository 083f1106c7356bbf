#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "director/domain/cloud_config.hpp"
#include "director/domain/manifest.hpp"
#include "director/domain/runtime_config.hpp"
#include "pks-api/clusters/sinks.hpp"
#include "pks-api/plans/plan.hpp"

using namespace slipway;

namespace {

director::CloudConfig cloud_config() {
  return director::parse_cloud_config(
      {{"default", parse_yaml(read_file("examples/cloud-config.yml"), "cloud-config.yml")}});
}

// Every problem there is with a manifest in the example's cloud.
std::vector<Problem> problems_of(const std::string& yaml) {
  const auto manifest = director::parse_manifest(parse_yaml(yaml, "manifest"));
  Problems problems;
  director::check_references(manifest, cloud_config(), problems);
  return problems.items();
}

const pks::Blanks network_defaults = {{"network_profile.pod_network", "10.200.0.0/16"},
                                      {"network_profile.service_network", "10.100.200.0/24"},
                                      {"network_profile.dns_address", "10.100.200.10"},
                                      {"network_profile.api_address", "10.100.200.1"},
                                      {"network_profile.nameservers", Json::array()}};

}  // namespace

TEST_CASE("the example of a cloud config is one") { CHECK(cloud_config().azs.size() == 3); }

TEST_CASE("the example of a manifest fits the example of a cloud config") {
  const auto yaml = pks::fill_blanks(read_file("examples/etcd.yml"), {{"deployment", "service-instance-demo"},
                                                                      {"external_hostname", "demo.lab"}});
  CHECK(problems_of(yaml).empty());
}

TEST_CASE("the example of a runtime config is one") {
  const auto config =
      director::parse_runtime_config({{"syslog", parse_yaml(read_file("examples/syslog.yml"), "syslog.yml")}});
  REQUIRE(config.addons.size() == 1);
  CHECK(config.releases.front().name == "syslog");
}

TEST_CASE("every example of a plan can be ordered in the example's cloud") {
  for (const auto& plan : pks::load_plans("examples/plans")) {
    CAPTURE(plan.name);
    auto blanks = network_defaults;
    blanks["deployment"] = "service-instance-demo";
    blanks["external_hostname"] = "demo.lab";
    const auto manifest = pks::manifest_for(plan, blanks, plan.default_nodes);
    const auto with_sinks = [&](const Json& sinks) {
      auto placed = manifest;
      pks::place_sinks(placed, sinks);
      return placed;
    };
    const auto sinks = with_sinks(Json::array({{{"name", "audit"}, {"host", "logs.example.org"}, {"port", 6514}}}));
    CHECK(problems_of(to_yaml(with_sinks(Json::array()))).empty());
    CHECK(problems_of(to_yaml(sinks)).empty());
    CHECK(sinks.at("releases").size() == with_sinks(Json::array()).at("releases").size() + 1);
    CHECK(dump(sinks).find("((sinks") == std::string::npos);
  }
}

namespace {

const pks::Plan& plan_named(const std::vector<pks::Plan>& plans, const std::string& name) {
  const auto found =
      std::find_if(plans.begin(), plans.end(), [&](const auto& plan) { return plan.name == name; });
  REQUIRE(found != plans.end());
  return *found;
}

Json& group_of(Json& manifest, const std::string& name) {
  for (auto& group : manifest["instance_groups"]) {
    if (group.at("name") == name) return group;
  }
  FAIL("no instance group " << name);
  return manifest;
}

// Without what pks-api fills besides names. Networks have to be those that the release has of itself.
Json without_settings(const pks::Plan& plan) {
  auto manifest = pks::manifest_for(plan, network_defaults, plan.default_nodes);
  pks::place_sinks(manifest, Json::array());
  for (auto& group : manifest["instance_groups"]) {
    for (auto& job : group["jobs"]) {
      const auto name = job.at("name").get<std::string>();
      if (!job.contains("properties")) continue;
      auto& properties = job["properties"];
      properties.erase("oidc");
      if (properties.contains("addons")) properties["addons"].erase("coredns");
      if (properties.contains("cluster")) {
        CHECK(properties.at("cluster") == Json{{"pod_range", "10.200.0.0/16"},
                                               {"service_range", "10.100.200.0/24"},
                                               {"dns_address", "10.100.200.10"}});
        properties.erase("cluster");
      }
      properties.erase("drain");
      if (properties.contains(name)) properties[name].erase("extra_args");
      if (properties.contains(name) && properties[name].empty()) properties.erase(name);
    }
  }
  return manifest;
}

}  // namespace

TEST_CASE("a plan and the manifest of the same service order the same instances") {
  const auto plans = pks::load_plans("examples/plans");
  const auto etcd = parse_yaml(read_file("examples/etcd.yml"), "etcd.yml");
  CHECK(without_settings(plan_named(plans, "etcd")).at("instance_groups") == etcd.at("instance_groups"));
  CHECK(without_settings(plan_named(plans, "small")) ==
        parse_yaml(read_file("examples/kubernetes.yml"), "kubernetes.yml"));
}

TEST_CASE("plan medium is plan small with three of each and one address for all masters") {
  const auto plans = pks::load_plans("examples/plans");
  auto medium = plan_named(plans, "medium").manifest;
  auto& masters = group_of(medium, "master");
  CHECK(std::exchange(masters["instances"], 1) == 3);
  CHECK(std::exchange(group_of(medium, "worker")["instances"], 2) == 3);
  for (auto& job : masters["jobs"]) {
    if (job.at("name") != "load-balancer") continue;
    CHECK(job.at("properties").at("load-balancer").at("virtual_ip") == "((external_hostname))");
    job.erase("properties");
  }
  auto& variables = medium["variables"];
  CHECK(variables.back().at("name") == "kubernetes_load_balancer_secret");
  variables.erase(variables.size() - 1);
  CHECK(medium == plan_named(plans, "small").manifest);
}
