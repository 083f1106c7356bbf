#include "director/domain/manifest.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"

using namespace slipway;
using namespace slipway::director;

namespace manifest_test {

namespace {

constexpr const char* good = R"(
name: dep
releases: [{name: etcd, version: latest}]
stemcells: [{alias: default, os: debian, version: 1.5}]
update: {canaries: 1, max_in_flight: 30%, canary_watch_time: 1000-30000, update_watch_time: 5000}
tags: {team: blue}
instance_groups:
- name: etcd
  instances: 3
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  persistent_disk_type: data
  networks: [{name: default}]
  update: {max_in_flight: 1, serial: false}
  properties: {a: 1}
  jobs:
  - name: etcd
    release: etcd
    properties: {b: 2}
    consumes: {peer: {from: peers, ip_addresses: true}, other: nil, fixed: {instances: [{address: 1.2.3.4}], properties: {p: 1}}}
    provides: {etcd: {as: peers, shared: true}, hidden: nil}
variables: [{name: ca, type: certificate, options: {is_ca: true}}]
features: {use_dns_addresses: true, unknown: 3}
unheard_of: {anything: goes}
)";

Json changed(const std::function<void(Json&)>& change) {
  auto manifest = parse_yaml(good, "test");
  change(manifest);
  return manifest;
}

int code_of(const std::function<void(Json&)>& change) {
  try {
    parse_manifest(changed(change));
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.code();
  }
  return 0;
}

Json& group(Json& manifest) { return manifest["instance_groups"][0]; }

CloudConfig cloud() {
  return parse_cloud_config({{"default", parse_yaml(R"(
azs: [{name: z1}, {name: z2}, {name: z3}]
vm_types: [{name: small}]
disk_types: [{name: data, disk_size: 10}]
networks:
- name: default
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1, z2], static: [10.0.0.10-10.0.0.20], reserved: [10.0.0.5]}]
- {name: wild, type: dynamic}
- {name: public, type: vip}
compilation: {workers: 1, network: default, az: z1}
)", "test")}});
}

std::vector<int> reference_codes(const std::function<void(Json&)>& change) {
  Problems problems;
  check_references(parse_manifest(changed(change)), cloud(), problems);
  std::vector<int> codes;
  for (const auto& problem : problems.items()) codes.push_back(problem.code);
  return codes;
}

}  // namespace

TEST_CASE("a manifest is read into values and unknown keys pass") {
  const auto manifest = parse_manifest(parse_yaml(good, "test"));
  CHECK(manifest.stemcells[0].version == "1.5");
  REQUIRE(manifest.find_group("etcd") != nullptr);
  const auto& etcd = *manifest.find_group("etcd");
  CHECK(etcd.networks[0].default_gateway);
  CHECK(etcd.networks[0].default_dns);
  CHECK(etcd.update.max_in_flight == Amount{1, false});
  CHECK(etcd.update.canaries == Amount{1, false});
  CHECK_FALSE(etcd.update.serial);
  CHECK(manifest.update.serial);
  CHECK(manifest.update.canary_watch_time.max.count() == 30000);
  CHECK(manifest.update.update_watch_time.min == manifest.update.update_watch_time.max);
  const auto& job = etcd.jobs[0];
  CHECK(job.consumes.at("other").blocked);
  CHECK(job.consumes.at("peer").from == "peers");
  CHECK(job.consumes.at("peer").ip_addresses == true);
  CHECK(job.consumes.at("fixed").manual->at("properties").at("p") == 1);
  CHECK(job.provides.at("etcd").shared);
  CHECK(job.provides.at("hidden").blocked);
  CHECK(manifest.features.use_dns_addresses);
}

TEST_CASE("named disks have names that can be file names, each once, and no other disk beside them") {
  const auto with = [](const Json& disks) {
    return [disks](Json& m) {
      group(m).erase("persistent_disk_type");
      group(m)["persistent_disks"] = disks;
    };
  };
  const auto both = with({{{"name", "data"}, {"type", "small"}}, {{"name", "log.1"}, {"type", "large"}}});
  const auto disks = parse_manifest(changed(both)).instance_groups[0].persistent_disks;
  REQUIRE(disks.size() == 2);
  CHECK(disks[1].name == "log.1");
  CHECK(disks[1].type == "large");

  CHECK(code_of(with({{{"name", "a"}, {"type", "t"}}, {{"name", "a"}, {"type", "u"}}})) == code::group_several_disks);
  CHECK(code_of(with({{{"name", ""}, {"type", "t"}}})) == code::invalid_value);
  CHECK(code_of(with({{{"name", "../a"}, {"type", "t"}}})) == code::group_several_disks);
  CHECK(code_of(with({{{"name", std::string(64, 'a')}, {"type", "t"}}})) == code::group_several_disks);
  CHECK(code_of(with({{{"type", "t"}}})) == code::missing_field);
  CHECK(code_of(with({{{"name", "a"}}})) == code::missing_field);
  CHECK(code_of(with("all")) == code::wrong_type);
  CHECK(code_of([](Json& m) { group(m)["persistent_disks"] = {{{"name", "a"}, {"type", "t"}}}; }) == code::group_several_disks);
}

TEST_CASE("each wrong entry of a manifest is refused with BOSH's code") {
  CHECK(code_of([](Json& m) { m.erase("name"); }) == code::missing_field);
  CHECK(code_of([](Json& m) { m["releases"].push_back(m["releases"][0]); }) == code::duplicate_release);
  CHECK(code_of([](Json& m) { m["stemcells"].push_back(m["stemcells"][0]); }) == code::stemcell_alias_taken);
  CHECK(code_of([](Json& m) { m["stemcells"][0]["name"] = "x"; }) == code::stemcell_both_name_and_os);
  CHECK(code_of([](Json& m) { m["stemcells"] = Json::array(); }) == code::stemcells_missing);
  CHECK(code_of([](Json& m) { m["update"]["canary_watch_time"] = "soon"; }) == code::invalid_watch_time);
  CHECK(code_of([](Json& m) { m["update"]["canary_watch_time"] = "9-3"; }) == code::invalid_watch_time);
  CHECK(code_of([](Json& m) { m["update"]["canaries"] = "101%"; }) == code::invalid_value);
  CHECK(code_of([](Json& m) { m["update"].erase("canaries"); }) == code::missing_field);
  CHECK(code_of([](Json& m) { m["update"]["vm_strategy"] = "hope"; }) == code::invalid_value);
  CHECK(code_of([](Json& m) { m["jobs"] = Json::array({1}); }) == code::bad_manifest);
  CHECK(code_of([](Json& m) { group(m)["instances"] = -1; }) == code::below_minimum);
  CHECK(code_of([](Json& m) { group(m)["instances"] = "three"; }) == code::wrong_type);
  CHECK(code_of([](Json& m) { group(m)["jobs"][0]["release"] = "nope"; }) == code::group_unknown_release);
  CHECK(code_of([](Json& m) { group(m)["jobs"].push_back(group(m)["jobs"][0]); }) == code::group_invalid_jobs);
  CHECK(code_of([](Json& m) { group(m).erase("vm_type"); }) == code::group_several_sizes);
  CHECK(code_of([](Json& m) { group(m)["vm_resources"] = {{"cpu", 1}, {"ram", 1}, {"ephemeral_disk_size", 1}}; }) == code::group_several_sizes);
  CHECK(code_of([](Json& m) { group(m)["persistent_disk"] = 1; }) == code::group_several_disks);
  CHECK(code_of([](Json& m) { group(m)["stemcell"] = "nope"; }) == code::group_unknown_stemcell);
  CHECK(code_of([](Json& m) { group(m)["networks"] = Json::array(); }) == code::group_without_network);
  CHECK(code_of([](Json& m) { group(m)["networks"].push_back({{"name", "b"}}); }) == code::missing_network_default);
  CHECK(code_of([](Json& m) { group(m)["networks"][0]["default"] = {"fame"}; }) == code::invalid_network_default);
  CHECK(code_of([](Json& m) {
          group(m)["networks"] = {{{"name", "a"}, {"default", {"dns", "gateway"}}}, {{"name", "b"}, {"default", {"dns"}}}};
        }) == code::several_network_defaults);
  CHECK(code_of([](Json& m) { group(m)["azs"] = Json::array(); }) == code::group_azs_missing);
  CHECK(code_of([](Json& m) { group(m)["networks"][0]["static_ips"] = {"10.0.0.10"}; }) == code::static_ip_count);
  CHECK(code_of([](Json& m) { group(m)["networks"][0]["static_ips"] = {"0.0.0.0/0"}; }) == code::static_ip_count);
  CHECK(code_of([](Json& m) { group(m)["networks"][0]["static_ips"] = {"ten"}; }) == code::invalid_static_ips);
  CHECK(code_of([](Json& m) { group(m)["lifecycle"] = "eternal"; }) == code::invalid_lifecycle);
  CHECK(code_of([](Json& m) { group(m)["jobs"][0]["consumes"]["peer"] = 3; }) == code::invalid_link);
  CHECK(code_of([](Json& m) { m["variables"] = 3; }) == code::variables_format);
  CHECK(code_of([](Json& m) { m["features"] = 3; }) == code::features_unknown_type);
  CHECK(code_of([](Json& m) { m["addons"] = {{{"name", "a"}, {"include", {{"deployments", {"dep"}}}}}}; }) ==
        code::addon_deployment_filter);
  CHECK(code_of([](Json& m) { m["features"]["use_dns_addresses"] = "yes"; }) == code::features_unknown_type);
  CHECK(code_of([](Json& m) {
          auto twin = group(m);
          twin["name"] = "ETCD";
          m["instance_groups"].push_back(twin);
        }) == code::group_name_taken);
  CHECK(code_of([](Json& m) {
          auto heir = group(m);
          heir["name"] = "heir";
          heir["migrated_from"] = {{{"name", "etcd"}}};
          m["instance_groups"].push_back(heir);
        }) == code::invalid_migrated_from);
}

TEST_CASE("all problems of a manifest are told at once, each with its place") {
  try {
    parse_manifest(changed([](Json& m) {
      m["update"]["canaries"] = "many";
      group(m)["instances"] = "three";
      group(m)["jobs"][0]["name"] = Json::array();
    }));
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("update.canaries") != std::string::npos);
    CHECK(text.find("instance_groups[0].instances") != std::string::npos);
    CHECK(text.find("instance_groups[0].jobs[0].name") != std::string::npos);
  }
}

TEST_CASE("what the cloud config does not have is refused with what it has") {
  using Codes = std::vector<int>;
  CHECK(reference_codes([](Json&) {}).empty());
  CHECK(reference_codes([](Json& m) { group(m)["vm_type"] = "huge"; }) == Codes{code::group_unknown_vm_type});
  CHECK(reference_codes([](Json& m) { group(m)["vm_extensions"] = {"x"}; }) == Codes{100});
  CHECK(reference_codes([](Json& m) { group(m)["persistent_disk_type"] = "x"; }) == Codes{code::group_unknown_disk_type});
  CHECK(reference_codes([](Json& m) {
          group(m).erase("persistent_disk_type");
          group(m)["persistent_disks"] = {{{"name", "a"}, {"type", "x"}}};
        }) == Codes{code::group_unknown_disk_type});
  CHECK(reference_codes([](Json& m) { group(m)["azs"] = {"z1", "z9"}; }) == Codes{code::group_unknown_az});
  CHECK(reference_codes([](Json& m) { group(m)["azs"] = {"z3"}; }) == Codes{code::network_misses_az});
  CHECK(reference_codes([](Json& m) { group(m).erase("azs"); }) == Codes{code::network_misses_az});
  CHECK(reference_codes([](Json& m) { group(m)["networks"][0]["name"] = "x"; }) == Codes{code::group_unknown_network});
}

TEST_CASE("static addresses must be in a static range of their network") {
  using Codes = std::vector<int>;
  const auto with_ip = [](const std::string& network, const std::string& ip) {
    return reference_codes([&](Json& m) {
      group(m)["instances"] = 1;
      group(m)["networks"] = {{{"name", network}, {"static_ips", {ip}}}};
    });
  };
  CHECK(with_ip("default", "10.0.0.10").empty());
  CHECK(with_ip("default", "10.0.0.30") == Codes{code::ip_wrong_pool});
  CHECK(with_ip("default", "10.0.0.5") == Codes{code::ip_reserved});
  CHECK(with_ip("default", "10.9.0.5") == Codes{code::ip_outside_subnet});
  CHECK(with_ip("wild", "10.0.0.10") == Codes{code::static_ip_on_dynamic_network});
}

TEST_CASE("a percentage rounds down and knows its floor") {
  CHECK(Amount::parse("30%")->of(10, 1) == 3);
  CHECK(Amount::parse("30%")->of(3, 0) == 0);
  CHECK(Amount::parse("30%")->of(3, 1) == 1);
  CHECK(Amount::parse("5")->of(3, 0) == 5);
  CHECK_FALSE(Amount::parse("-1"));
  CHECK_FALSE(Amount::parse("%"));
  CHECK_FALSE(Amount::parse("1.5"));
}

TEST_CASE("a manifest with any one value replaced by rubbish is read or refused, never worse") {
  const auto original = parse_yaml(good, "test");
  const auto flat = original.flatten();
  const std::vector<Json> rubbish = {Json(), 0, -1, 1.5, true, "", "x", Json::array(), Json::object(), Json::array({Json()}),
                                     std::string(300, 'y'), 18446744073709551615ull};
  for (const auto& [path, unused] : flat.items()) {
    for (auto pointer = Json::json_pointer(path); !pointer.empty(); pointer.pop_back()) {
      for (const auto& value : rubbish) {
        auto manifest = original;
        manifest[pointer] = value;
        try {
          Problems problems;
          check_references(parse_manifest(manifest), cloud(), problems);
        } catch (const Error& error) {
          CHECK(error.fault() == Fault::invalid);
        }
      }
    }
  }
}

}  // namespace manifest_test
