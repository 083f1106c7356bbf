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

TEST_CASE("short names are made of numbers: recorded ones, and the next ones for what has none") {
  auto have = world();
  have.dns_numbers.networks = {{"other", 3}, {"default", 7}};
  have.dns_numbers.groups = {{"dep/app", 4}};
  const auto short_names = [](Json& m) { m["features"] = {{"use_dns_addresses", true}, {"use_short_dns_addresses", true}}; };
  const auto link = link_of(short_names, have);
  CHECK(link["instances"][0]["address"] == "q-m1n7s0.q-g5.bosh");
  CHECK(link["instances"][1]["address"] == "q-m2n7s0.q-g5.bosh");
  CHECK(link["short_dns"] == Json({{"group", "q-g5"}, {"network", "n7"}}));

  SeededRandom random(1);
  const auto out = assign(desired(manifest(two_groups, short_names)), have, random);
  CHECK(out.dns_numbers.networks == DnsNumbering::ByName{{"default", 7}, {"wild", 8}});
  CHECK(out.dns_numbers.groups == DnsNumbering::ByName{{"dep/app", 4}, {"dep/etcd", 5}});
  CHECK(out.dns_numbers.instances.size() == 3);
  CHECK(out.instances[0].spec_for_templates["address"] == "q-m1n7s0.q-g5.bosh");
  // As in BOSH, this one stays long.
  CHECK(out.instances[0].networks["default"]["dns_record_name"] == "0.etcd.default.dep.bosh");
  CHECK(out.link_groups.empty());
}

TEST_CASE("addresses stay numbers where only names are to be short") {
  const auto link = link_of([](Json& m) { m["features"] = {{"use_short_dns_addresses", true}}; });
  CHECK(link["instances"][0]["address"] == "10.0.1.10");
  CHECK(link["short_dns"]["group"] == "q-g1");
}

TEST_CASE("names by links are those of all that provide it") {
  const auto by_links = [](Json& m) { m["features"] = {{"use_link_dns_names", true}}; };
  const auto link = link_of(by_links);
  CHECK(link["instances"][1]["address"] == "q-m2n1s0.q-g3.bosh");
  CHECK(link["short_dns"]["group"] == "q-g3");
  SeededRandom random(1);
  const auto out = assign(desired(manifest(two_groups, by_links)), world(), random);
  CHECK(out.dns_numbers.groups.at("dep/link/etcd-etcd") == 3);
  CHECK(out.link_groups.at("etcd") == std::set<std::string>{"dep/link/etcd-etcd"});
  // The instance itself goes by its group's name.
  CHECK(out.instances[1].spec_for_templates["address"] == "q-m2n1s0.q-g1.bosh");
  CHECK(code_of([](Json& m) {
          m["features"] = {{"use_link_dns_names", true}, {"use_dns_addresses", false}};
        }) == code::features_unknown_type);
}

TEST_CASE("a shared link has its provider's short names in each network") {
  const auto shared_by = [](Json& m) {
    m["features"] = {{"use_dns_addresses", true}, {"use_short_dns_addresses", true}};
    m["instance_groups"][0]["jobs"][0]["provides"] = {{"etcd", {{"shared", true}}}};
  };
  SeededRandom random(1);
  auto have = world();
  have.shared_links = assign(desired(manifest(two_groups, shared_by)), world(), random).shared_links;
  const auto link = link_of(
      [](Json& m) {
        m["name"] = "second";
        m["features"] = {{"use_dns_addresses", true}};
        m["instance_groups"][1]["jobs"][0]["consumes"] = {{"etcd", {{"from", "etcd"}, {"deployment", "dep"}, {"network", "wild"}}}};
      },
      have);
  CHECK(link["instances"][0]["address"] == "q-m1n2s0.q-g1.bosh");
  CHECK(link["short_dns"] == Json({{"group", "q-g1"}, {"network", "n2"}}));
}

}  // namespace links_test
