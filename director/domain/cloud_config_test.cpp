#include "director/domain/cloud_config.hpp"

#include <doctest/doctest.h>

#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"

using namespace slipway;
using namespace slipway::director;

namespace cloud_config_test {

namespace {

constexpr const char* good = R"(
azs:
- {name: z1, cloud_properties: {host: h1}}
- {name: z2, cpi: other}
vm_types:
- {name: small, cloud_properties: {cpu: 1}}
vm_extensions:
- {name: big-disk, cloud_properties: {disk: 9}}
disk_types:
- {name: data, disk_size: 1024}
networks:
- name: default
  type: manual
  subnets:
  - {range: 10.0.1.0/24, gateway: 10.0.1.1, dns: [10.0.1.2], az: z1, reserved: [10.0.1.2-10.0.1.9], static: [10.0.1.100-10.0.1.110], cloud_properties: {bridge: b}}
  - {range: 10.0.2.0/24, gateway: 10.0.2.1, azs: [z2]}
- {name: wild, type: dynamic, cloud_properties: {x: 1}}
- {name: public, type: vip}
compilation: {workers: 2, network: default, az: z1, vm_type: small, reuse_compilation_vms: true}
)";

CloudConfig parse(const std::string& text) { return parse_cloud_config({{"default", parse_yaml(text, "test")}}); }

// The message and code a config is refused with.
std::pair<std::string, int> refusal(Json config) {
  try {
    parse_cloud_config({{"default", std::move(config)}});
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return {error.what(), error.code()};
  }
  return {"accepted", 0};
}

Json with(const std::function<void(Json&)>& change) {
  auto config = parse_yaml(good, "test");
  change(config);
  return config;
}

}  // namespace

TEST_CASE("a cloud config is read into values") {
  const auto cloud = parse(good);
  CHECK(cloud.find_az("z2")->cpi == "other");
  CHECK(cloud.find_disk_type("data")->size_mib == 1024);
  CHECK(cloud.find_vm_type("absent") == nullptr);
  const auto& network = *cloud.find_network("default");
  REQUIRE(network.subnets.size() == 2);
  CHECK(network.subnets[0].reserved.size() == 8);
  CHECK(network.subnets[0].static_ips.size() == 11);
  CHECK(network.subnet_of(*Ipv4::parse("10.0.2.77")) == &network.subnets[1]);
  CHECK(network.serves("z1"));
  CHECK_FALSE(network.serves(""));
  CHECK(cloud.find_network("wild")->serves("z1"));
  CHECK(cloud.compilation->reuse_compilation_vms);
}

TEST_CASE("each wrong entry is refused with its code and with what is allowed") {
  const auto code_of = [](const std::function<void(Json&)>& change) { return refusal(with(change)).second; };
  const auto subnet = [](Json& config) -> Json& { return config["networks"][0]["subnets"][0]; };
  CHECK(code_of([&](Json& c) { subnet(c)["gateway"] = "10.0.9.1"; }) == code::invalid_gateway);
  CHECK(code_of([&](Json& c) { subnet(c)["gateway"] = "10.0.1.255"; }) == code::invalid_gateway);
  CHECK(code_of([&](Json& c) { subnet(c)["range"] = "10.0.1.0/32"; }) == code::invalid_range);
  CHECK(code_of([&](Json& c) { subnet(c)["range"] = 7; }) == code::invalid_range);
  CHECK(code_of([&](Json& c) { subnet(c)["reserved"] = {"10.0.7.1"}; }) == code::reserved_out_of_range);
  CHECK(code_of([&](Json& c) { subnet(c)["static"] = {"10.0.1.5"}; }) == code::static_out_of_range);
  CHECK(code_of([&](Json& c) { subnet(c)["dns"] = {"dns.example"}; }) == code::invalid_dns);
  CHECK(code_of([&](Json& c) { subnet(c)["az"] = "z9"; }) == code::subnet_unknown_az);
  CHECK(code_of([&](Json& c) { subnet(c).erase("az"); }) == code::subnet_az_rule);
  CHECK(code_of([&](Json& c) { subnet(c)["range"] = "10.0.0.0/14"; }) == code::overlapping_subnets);
  CHECK(code_of([&](Json& c) { c["networks"][0]["type"] = "magic"; }) == code::invalid_network_type);
  CHECK(code_of([&](Json& c) { c["networks"][0].erase("subnets"); }) == code::missing_field);
  CHECK(code_of([&](Json& c) { c["networks"][1]["name"] = "Default"; }) == code::network_name_taken);
  CHECK(code_of([&](Json& c) { c["azs"].push_back({{"name", "z1"}}); }) == code::duplicate_az);
  CHECK(code_of([&](Json& c) { c["disk_types"][0]["disk_size"] = -1; }) == code::disk_type_size);
  CHECK(code_of([&](Json& c) { c["disk_types"][0]["disk_size"] = "big"; }) == code::wrong_type);
  CHECK(code_of([&](Json& c) { c["compilation"]["network"] = "nope"; }) == code::compilation_unknown_network);
  CHECK(code_of([&](Json& c) { c["compilation"]["vm_type"] = "nope"; }) == code::compilation_unknown_vm_type);
  CHECK(code_of([&](Json& c) { c["compilation"]["az"] = "z9"; }) == code::compilation_unknown_az);
  CHECK(code_of([&](Json& c) { c["compilation"]["vm_extensions"] = {"nope"}; }) == code::compilation_unknown_vm_extension);
  CHECK(code_of([&](Json& c) { c["compilation"]["cloud_properties"] = {{"cpu", 1}}; }) == code::compilation_several_sizes);
  CHECK(code_of([&](Json& c) { c["vm_types"].push_back(c["vm_types"][0]); }) == code::duplicate_vm_type);
  CHECK(code_of([&](Json& c) { c["vm_extensions"].push_back(c["vm_extensions"][0]); }) == code::duplicate_vm_extension);
  CHECK(code_of([&](Json& c) { c["disk_types"].push_back(c["disk_types"][0]); }) == code::duplicate_disk_type);
  CHECK(code_of([&](Json& c) { c["networks"] = Json::array(); }) == code::no_networks);
  CHECK(code_of([&](Json& c) { c["compilation"]["workers"] = 0; }) == code::below_minimum);
  CHECK(code_of([&](Json& c) { c.erase("compilation"); }) == code::missing_field);
  CHECK(code_of([&](Json& c) { c["networks"] = 3; }) == code::wrong_type);
  CHECK(refusal(Json("text")).second == code::wrong_type);
  const auto [message, number] = refusal(with([](Json& c) { c["compilation"]["vm_type"] = "nope"; }));
  CHECK(message.find("compilation.vm_type") != std::string::npos);
  CHECK(message.find("known are 'small'") != std::string::npos);
}

TEST_CASE("named cloud configs are joined and only one may say how to compile") {
  const auto extra = parse_yaml("vm_types: [{name: large}]", "test");
  const auto cloud = parse_cloud_config({{"default", parse_yaml(good, "test")}, {"more", extra}});
  CHECK(cloud.find_vm_type("large") != nullptr);
  const auto second = parse_yaml("compilation: {workers: 1, network: default, az: z1}", "test");
  try {
    parse_cloud_config({{"default", parse_yaml(good, "test")}, {"more", second}});
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == code::several_compilation_sections);
    CHECK(std::string(error.what()).find("config 'more'.compilation") != std::string::npos);
  }
}

TEST_CASE("cloud properties are merged key by key, the last one wins") {
  const Json a = {{"x", {{"deep", 1}}}, {"y", 1}}, b = {{"x", 2}};
  CHECK(merged_cloud_properties({&a, nullptr, &b}) == Json({{"x", 2}, {"y", 1}}));
}

}  // namespace cloud_config_test
