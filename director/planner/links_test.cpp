#include <doctest/doctest.h>

#include "director/domain/error_codes.hpp"
#include "director/planner/test_plans.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::test;

namespace links_test {

namespace {

constexpr const char* two_groups = R"(
name: dep
releases: [{name: etcd, version: latest}]
stemcells: [{alias: default, os: debian, version: latest}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- name: etcd
  instances: 2
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks: [{name: default, default: [dns, gateway]}, {name: wild}]
  jobs: [{name: etcd, release: etcd, properties: {port: 2379}}]
- name: app
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: client, release: etcd}]
)";

Json& job(Json& m, std::size_t group) { return m["instance_groups"][group]["jobs"][0]; }

// The link of the app's job.
Json link_of(const std::function<void(Json&)>& change = {}, World have = world()) {
  SeededRandom random(1);
  const auto out = assign(desired(manifest(two_groups, change)), have, random);
  const auto& links = out.instances.back().jobs[0].links;
  return links.contains("etcd") ? links["etcd"] : Json();
}

int code_of(const std::function<void(Json&)>& change, World have = world()) {
  try {
    link_of(change, std::move(have));
  } catch (const Error& error) {
    return error.code();
  }
  return 0;
}

}  // namespace

TEST_CASE("a link is found by its type and carries instances and exported properties") {
  const auto link = link_of();
  REQUIRE(link["instances"].size() == 2);
  CHECK(link["properties"] == Json({{"port", 2379}, {"tls", {{"on", true}}}}));
  CHECK(link["instances"][0]["address"] == "10.0.1.10");
  CHECK(link["instances"][0]["bootstrap"] == true);
  CHECK(link["instances"][1]["az"] == "z2");
  CHECK(link["instances"][1]["name"] == "etcd");
  CHECK(link["instance_group"] == "etcd");
  CHECK(link["default_network"] == "default");
  CHECK(link["deployment_name"] == "dep");
  CHECK(link["domain"] == "bosh");
}

TEST_CASE("a job that provides and consumes one type finds itself") {
  SeededRandom random(1);
  const auto out = assign(desired(), world(), random);
  for (const auto& instance : out.instances) CHECK(instance.jobs[0].links["peers"]["instances"].size() == 3);
}

TEST_CASE("links use names where the deployment or the consumer asks for them") {
  const auto by_feature = link_of([](Json& m) { m["features"]["use_dns_addresses"] = true; });
  CHECK(by_feature["instances"][0]["address"].get<std::string>().ends_with(".etcd.default.dep.bosh"));
  const auto by_consumer = link_of([](Json& m) { job(m, 1)["consumes"] = {{"etcd", {{"ip_addresses", false}}}}; });
  CHECK(by_consumer["instances"][0]["address"].get<std::string>().ends_with(".etcd.default.dep.bosh"));
  const auto dynamic = link_of([](Json& m) { job(m, 1)["consumes"] = {{"etcd", {{"network", "wild"}}}}; });
  CHECK(dynamic["instances"][0]["address"].get<std::string>().ends_with(".etcd.wild.dep.bosh"));
  CHECK(dynamic["default_network"] == "wild");
}

TEST_CASE("an explicit link follows its alias, and a blocked one is not there") {
  CHECK(link_of([](Json& m) {
          job(m, 0)["provides"] = {{"etcd", {{"as", "main"}}}};
          job(m, 1)["consumes"] = {{"etcd", {{"from", "main"}}}};
        })["instances"].size() == 2);
  CHECK(code_of([](Json& m) {
          job(m, 0)["provides"] = {{"etcd", {{"as", "main"}}}};
          job(m, 1)["consumes"] = {{"etcd", {{"from", "etcd"}}}};
        }) == code::invalid_link);
  CHECK(link_of([](Json& m) { job(m, 1)["consumes"] = {{"etcd", "nil"}}; }).is_null());
}

TEST_CASE("an optional link may miss, a required one may not") {
  CHECK(link_of([](Json& m) {
          job(m, 0)["provides"] = {{"etcd", "nil"}};
          job(m, 0)["consumes"] = {{"peers", "nil"}};
        }).is_null());
  CHECK(code_of([](Json& m) { job(m, 0)["provides"] = {{"etcd", "nil"}}; }) == code::invalid_link);
}

TEST_CASE("two providers of a type must be told apart") {
  const auto twice = [](Json& m) {
    auto second = m["instance_groups"][0];
    second["name"] = "etcd2";
    m["instance_groups"].insert(m["instance_groups"].begin(), second);
  };
  CHECK(code_of(twice) == code::invalid_link);
  CHECK(link_of([&](Json& m) {
          twice(m);
          job(m, 0)["provides"] = {{"etcd", {{"as", "second"}}}};
          job(m, 0)["consumes"] = {{"peers", {{"from", "second"}}}};
          job(m, 1)["consumes"] = {{"peers", {{"from", "etcd"}}}};
          job(m, 2)["consumes"] = {{"etcd", {{"from", "second"}}}};
        })["instance_group"] == "etcd2");
}

TEST_CASE("a link given by hand is taken as it is") {
  const auto link = link_of([](Json& m) {
    job(m, 1)["consumes"] = {{"etcd", {{"instances", {{{"address", "1.2.3.4"}}}}, {"properties", {{"port", 1}}}}}};
  });
  CHECK(link["instances"][0]["address"] == "1.2.3.4");
  CHECK(link["properties"]["port"] == 1);
}

TEST_CASE("a link or alias that the job does not have is refused") {
  CHECK(code_of([](Json& m) { job(m, 1)["consumes"] = {{"nope", {{"from", "etcd"}}}}; }) == code::invalid_link);
  CHECK(code_of([](Json& m) { job(m, 0)["provides"] = {{"nope", {{"as", "x"}}}}; }) == code::invalid_link);
  CHECK(code_of([](Json& m) { job(m, 1)["consumes"] = {{"etcd", {{"network", "flat"}}}}; }) == code::invalid_link);
}

TEST_CASE("a shared link crosses deployments") {
  SeededRandom random(1);
  const auto provider = assign(desired(manifest(two_groups, [](Json& m) {
                                 m["name"] = "first";
                                 job(m, 0)["provides"] = {{"etcd", {{"as", "main"}, {"shared", true}}}};
                               })),
                               world(), random);
  REQUIRE(provider.shared_links.size() == 1);
  auto have = world();
  have.shared_links = provider.shared_links;
  const auto consume = [](const std::string& from) {
    return [from](Json& m) {
      m["instance_groups"].erase(0);
      job(m, 0)["consumes"] = {{"etcd", {{"from", from}, {"deployment", "first"}}}};
    };
  };
  const auto link = link_of(consume("main"), have);
  CHECK(link["deployment_name"] == "first");
  CHECK(link["instances"][0]["address"] == "10.0.1.10");
  CHECK_FALSE(link["instances"][0].contains("addresses"));
  CHECK(code_of(consume("other"), have) == code::invalid_link);
  CHECK(code_of(consume("main")) == code::invalid_link);
}

}  // namespace links_test
