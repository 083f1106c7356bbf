#include <doctest/doctest.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "director/domain/cloud_config.hpp"
#include "director/domain/manifest.hpp"
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

}  // namespace

TEST_CASE("the example of a cloud config is one") { CHECK(cloud_config().azs.size() == 3); }

TEST_CASE("the example of a manifest fits the example of a cloud config") {
  const auto yaml = pks::fill_blanks(read_file("examples/etcd.yml"), {{"deployment", "service-instance-demo"},
                                                                      {"external_hostname", "demo.lab"}});
  CHECK(problems_of(yaml).empty());
}

TEST_CASE("every example of a plan can be ordered in the example's cloud") {
  for (const auto& plan : pks::load_plans("examples/plans")) {
    CAPTURE(plan.name);
    const pks::Blanks blanks = {{"deployment", "service-instance-demo"}, {"external_hostname", "demo.lab"}};
    CHECK(problems_of(to_yaml(pks::manifest_for(plan, blanks, plan.default_nodes))).empty());
  }
}

namespace {

const pks::Plan& plan_of_kind(const std::vector<pks::Plan>& plans, const std::string& kind) {
  const auto found =
      std::find_if(plans.begin(), plans.end(), [&](const auto& plan) { return plan.kind == kind; });
  REQUIRE(found != plans.end());
  return *found;
}

}  // namespace

TEST_CASE("a plan and the manifest of the same service order the same instances") {
  const auto plans = pks::load_plans("examples/plans");
  const auto etcd = parse_yaml(read_file("examples/etcd.yml"), "etcd.yml");
  CHECK(plan_of_kind(plans, "etcd").manifest.at("instance_groups") == etcd.at("instance_groups"));

  // That of Kubernetes has what pks-api fills besides.
  auto kubernetes = plan_of_kind(plans, "kubernetes").manifest;
  for (auto& group : kubernetes["instance_groups"]) {
    for (auto& job : group["jobs"]) {
      const auto name = job.at("name").get<std::string>();
      if (!job.contains("properties")) continue;
      auto& properties = job["properties"];
      properties.erase("oidc");
      properties.erase("drain");
      if (properties.contains(name)) properties[name].erase("extra_args");
      if (properties.contains(name) && properties[name].empty()) properties.erase(name);
    }
  }
  CHECK(kubernetes == parse_yaml(read_file("examples/kubernetes.yml"), "kubernetes.yml"));
}
