#include <doctest/doctest.h>

#include <map>

#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;

namespace properties_schema_scenario {

namespace {

constexpr const char* schema = R"({"$schema": "https://json-schema.org/draft/2020-12/schema",
  "properties": {
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "password": {"type": "string", "minLength": 8},
    "tls": {"properties": {"certificate": {"type": "certificate"}, "key": {"type": ["string", "null"]}}}}})";

constexpr const char* job =
    "name: web\ntemplates: {conf: conf}\n"
    "properties: {port: {default: 8080}, password: {}, tls.certificate: {}, tls.key: {}}\n";

void add_web(DirectorWorld& world) {
  world.add_release("site", "1.0", {{job, {{"conf", "<%= p('port') %> <%= p('tls.certificate').lines.first %>"}}, schema}});
}

std::string manifest(const std::string& properties, const std::string& password = "long-enough") {
  return "name: dep\nreleases: [{name: site, version: latest}]\n"
         "stemcells: [{alias: default, os: debian, version: latest}]\n"
         "update: {canaries: 0, max_in_flight: 9, canary_watch_time: 1000-9000, update_watch_time: 1000-9000}\n"
         "variables:\n- {name: ca, type: certificate, options: {is_ca: true, common_name: ca}}\n"
         "- {name: leaf, type: certificate, options: {ca: ca, common_name: leaf}}\n"
         "- {name: word, type: password}\n"
         "instance_groups:\n- {name: web, instances: 2, azs: [z1], vm_type: small, stemcell: default, "
         "networks: [{name: default}], jobs: [{name: web, release: site, properties: {" +
         properties + ", password: " + password + "}}]}\n";
}

const std::string with_certificate = "tls: {certificate: ((leaf.certificate))}";

std::string refusal(DirectorWorld& world, const std::string& yaml, bool dry_run = false) {
  try {
    world.deploy(yaml, {.dry_run = dry_run});
    return "(deployed)";
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
}

// What cloud and agents were told, but for questions how they are.
std::map<std::string, int> touched(DirectorWorld& world) {
  auto calls = world.cpi.calls();
  for (const auto& vm : world.stores.vms.all()) {
    for (const auto& call : world.agents.calls(vm.agent)) {
      if (call != "get_state" && call != "ping") ++calls[vm.agent.value + " " + call];
    }
  }
  return calls;
}

}  // namespace

TEST_CASE("properties that fit a job's schema are deployed, defaults and variables among them") {
  DirectorWorld world;
  add_web(world);
  world.deploy(manifest(with_certificate, "((word))"));
  CHECK(world.rendered("web", 1, "web/conf").starts_with("8080 -----BEGIN CERTIFICATE-----"));
  CHECK(world.inconsistencies().empty());
}

TEST_CASE("a deploy whose properties a schema refuses fails with all of it and makes nothing") {
  DirectorWorld world;
  add_web(world);
  for (const bool dry_run : {true, false}) {
    CAPTURE(dry_run);
    CHECK(refusal(world, manifest("port: 0, tls: {certificate: ((word)), key: [1]}", "s3cr3t"), dry_run) ==
          "Unable to render instance groups for deployment. Errors are:\n"
          "  - Unable to render jobs for instance group 'web'. Errors are:\n"
          "    - Unable to render templates for job 'web'. Errors are:\n"
          "      - Error validating properties: 'password' is shorter than 8 [instances 0, 1]\n"
          "      - Error validating properties: 'port' is less than 1 [instances 0, 1]\n"
          "      - Error validating properties: 'tls.certificate' is a string, but no certificate in PEM [instances 0, 1]\n"
          "      - Error validating properties: 'tls.key' is an array, allowed is string or null [instances 0, 1]");
    CHECK(world.cpi.calls().empty());
    CHECK(world.stores.vms.all().empty());
  }
  for (const auto* texts : {&world.events, &world.results, &world.debugs}) {
    for (const auto& text : *texts) CHECK(text.find("s3cr3t") == std::string::npos);
  }
}

TEST_CASE("what runs is not touched by a deploy whose properties a schema refuses") {
  DirectorWorld world;
  add_web(world);
  world.deploy(manifest(with_certificate));
  const auto before = touched(world);
  CHECK(refusal(world, manifest("port: 70000, " + with_certificate)).find("'port' is more than 65535") != std::string::npos);
  CHECK(touched(world) == before);
  CHECK(world.rendered("web", 0, "web/conf").starts_with("8080 "));
  world.deploy(manifest("port: 70, " + with_certificate));
  CHECK(world.rendered("web", 0, "web/conf").starts_with("70 "));
}

TEST_CASE("a job of an older upload whose schema is none fails the deploy that uses it, and names it") {
  DirectorWorld world;
  world.add_release("site", "1.0", {{job, {{"conf", "x"}}, R"({"$schema": "https://json-schema.org/draft/2020-12/schema",
      "properties": {"port": {"$ref": "http://127.0.0.1:1/port.json"}}})"}});
  CHECK(refusal(world, manifest(with_certificate))
            .find("for job 'web'. Errors are:\n      - Error validating properties: properties_schema.json: "
                  "#/properties/port/$ref: \"http://127.0.0.1:1/port.json\" is nothing in this schema") != std::string::npos);
  CHECK(world.cpi.calls().empty());
}

}  // namespace properties_schema_scenario
