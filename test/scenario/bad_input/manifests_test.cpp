#include <doctest/doctest.h>

#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// With a release, a stemcell and a cloud config of five addresses.
DirectorProcess& director() {
  static DirectorProcess one;
  static const bool prepared = [] {
    REQUIRE(one.upload("/releases", SampleRelease{}.bytes()).state == "done");
    REQUIRE(one.upload("/stemcells", sample_stemcell()).state == "done");
    REQUIRE(one.send("POST", "/cloud_configs", sample_cloud_config(5)).status == 201);
    return true;
  }();
  REQUIRE(prepared);
  return one;
}

void check_nothing_made() {
  CHECK(director().cloud().value("vms", Json::object()).empty());
  CHECK(director().cloud().value("disks", Json::object()).empty());
  const auto instances = director().send("GET", "/deployments/dep/instances");
  CHECK((instances.status == 404 || instances.json().empty()));
}

void check_refused(const std::string& manifest, const std::vector<std::string>& parts) {
  const auto end = director().deploy(manifest);
  CAPTURE(end.result);
  CHECK(end.state == "error");
  for (const auto& part : parts) {
    CAPTURE(part);
    CHECK(end.says(part));
  }
  check_nothing_made();
}

struct Measured {
  http::ClientResponse response;
  double cpu_seconds;
  long growth_kib;
};

Measured measure(const std::string& target, const std::string& body) {
  const auto before = director().start_of_measurement();
  const auto begun = director().cpu_seconds();
  auto response = director().send("POST", target, body);
  return {std::move(response), director().cpu_seconds() - begun, director().highest_memory() - before};
}

std::string yaml_bomb() {
  std::string text = "name: dep\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int n = 1; n < 10; ++n) text += ", " + before;
    text += "]\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a wrong type in a manifest is told with its place and what is allowed") {
  check_refused(changed(sample_manifest(), "instances: 1", "instances: three"), {"instances", "three"});
  check_refused(changed(sample_manifest(), "jobs: [", "jobs: {a: 1} #"), {"jobs"});
  check_refused(changed(sample_manifest(), "azs: [z1]", "azs: z1"), {"azs"});
  check_refused(changed(sample_manifest(), "canary_watch_time: 1000-5000", "canary_watch_time: soon"),
                {"canary_watch_time", "soon"});
}

TEST_CASE("an unknown reference in a manifest is told with the names that are known") {
  check_refused(changed(sample_manifest(), "vm_type: small", "vm_type: giant"), {"giant", "small", "server"});
  check_refused(changed(sample_manifest(), "azs: [z1]", "azs: [z9]"), {"z9", "z1", "server"});
  check_refused(changed(sample_manifest(), "{name: default}", "{name: dmz}"), {"dmz", "default", "server"});
  check_refused(changed(sample_manifest(), "stemcell: default", "stemcell: other"), {"other", "default", "server"});
  check_refused(changed(sample_manifest(), "name: web", "name: db"), {"db", "web"});
  check_refused(changed(sample_manifest(), "{name: app, version: latest}", "{name: app, version: '9'}"), {"app", "9", "1.0"});
  check_refused(changed(sample_manifest(), "os: debian-12", "os: plan-9"), {"plan-9", "debian-12"});
}

TEST_CASE("several mistakes are told at once") {
  auto manifest = changed(sample_manifest(), "vm_type: small", "vm_type: giant");
  check_refused(changed(manifest, "{name: default}", "{name: dmz}"), {"giant", "dmz"});
}

TEST_CASE("more instances than addresses are refused with the network and its AZ") {
  check_refused(sample_manifest(6), {"default", "z1"});
  check_refused(changed(sample_manifest(), "{name: default}", "{name: default, static_ips: [10.99.0.1]}"), {"10.99.0.1", "default", "10.9.0.0/24"});
}

TEST_CASE("a bad cloud config stops the deploy and names place, value and what is allowed") {
  const auto refused = [](const std::string& config, const std::vector<std::string>& parts) {
    CAPTURE(config);
    const auto answer = director().send("POST", "/cloud_configs", config);
    if (answer.status == 201) {
      check_refused(sample_manifest(), parts);
    } else {
      CAPTURE(answer.body);
      CHECK(answer.status == 400);
      for (const auto& part : parts) CHECK(answer.body.find(part) != std::string::npos);
    }
  };
  const auto good = sample_cloud_config(5);
  const std::string range = "  - {range: 10.9.0.0/24,";
  refused(changed(good, range, "  - {range: 10.9.0.0/25, gateway: 10.9.0.1, azs: [z1]}\n" + range),
          {"10.9.0.0/25", "10.9.0.0/24", "networks[0].subnets"});
  refused(changed(good, "range: 10.9.0.0/24", "range: [10]"), {"networks[0].subnets[0].range", "a list", "text"});
  refused(changed(good, "gateway: 10.9.0.1", "gateway: 10.7.0.1"), {"10.7.0.1", "10.9.0.0/24"});
  refused(changed(good, "az: z1", "az: z7"), {"z7", "z1", "compilation"});
  refused(changed(good, "vm_types: [{name: small}]", "vm_types: [{name: 3}, {name: 3}]"), {"vm_types"});
  refused("azs: [\n", {"line"});
  REQUIRE(director().send("POST", "/cloud_configs", good).status == 201);
}

TEST_CASE("a YAML bomb is refused at once and in little memory") {
  for (const std::string target : {"/deployments", "/cloud_configs", "/deployments/dep/diff"}) {
    CAPTURE(target);
    const auto bomb = measure(target, yaml_bomb());
    CAPTURE(bomb.response.body);
    // A diff that fails is told inside a 200, as the bosh CLI wants it.
    CHECK(bomb.response.body.find("alias") != std::string::npos);
    CHECK((bomb.cpu_seconds < 3 || !measures));
    CHECK((bomb.growth_kib < 256 * mib || !measures));
  }
  check_nothing_made();
}

TEST_CASE("a manifest of 10 MB is answered in bounded time and memory") {
  std::string properties;
  for (int i = 0; properties.size() < (10u << 20); ++i)
    properties += "  key" + std::to_string(i) + ": " + std::string(60, 'v') + "\n";
  const auto before = director().start_of_measurement();
  const auto begun = director().cpu_seconds();
  const auto end = director().deploy(changed(sample_manifest(), "vm_type: small", "vm_type: giant") + "properties:\n" + properties);
  CAPTURE(end.result);
  CHECK(end.says("giant"));
  const auto growth = director().highest_memory() - before;
  const auto seconds = director().cpu_seconds() - begun;
  MESSAGE("memory grew by ", growth, " KiB in ", seconds, " s of processor time");
  CHECK((growth < 640 * mib || !measures));
  CHECK((seconds < 30 || !measures));
  check_nothing_made();
}

TEST_CASE("a manifest beyond the limit is refused with the limit") {
  const auto huge = measure("/deployments", "name: dep\ntext: " + std::string(40u << 20, 'x') + "\n");
  CAPTURE(huge.response.body);
  CHECK((huge.response.status == 413 || huge.response.status == 507 || huge.response.status == 400));
  CHECK(huge.response.body.find("16") != std::string::npos);
  CHECK((huge.growth_kib < 128 * mib || !measures));
}

TEST_CASE("a template that raises is told with group, job, template and line, and holds no address") {
  SampleRelease raising{.version = "2.0", .erb = "one\ntwo\n<%= raise 'no such luck' %>\n"};
  REQUIRE(director().upload("/releases", raising.bytes()).state == "done");
  check_refused(sample_manifest(5), {"'server'", "'web'", "'config.erb'", "line 3", "no such luck"});
  check_refused(sample_manifest(5), {"no such luck"});
  // All five addresses are free for another deployment.
  const auto other = director().deploy(changed(sample_manifest(5), "name: dep\n", "name: other\n"));
  CHECK(other.says("no such luck"));
}
