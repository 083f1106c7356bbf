#include <doctest/doctest.h>

#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

constexpr const char* job =
    "name: look\ntemplates: {keys: keys, network: network, values: values}\n"
    "properties: {text: {default: none}}\n";

std::string manifest(const std::string& network) {
  return "name: dep\nreleases: [{name: looks, version: latest}]\n"
         "stemcells: [{alias: default, os: debian, version: latest}]\n"
         "update: {canaries: 0, max_in_flight: 9, canary_watch_time: 1000-9000, update_watch_time: 1000-9000}\n"
         "instance_groups:\n- {name: one, instances: 1, azs: [z2], vm_type: small, stemcell: default, persistent_disk: 64, "
         "networks: [{name: " +
         network + "}], jobs: [{name: look, release: looks}]}\n";
}

void add_looks(DirectorWorld& world) {
  world.add_release("looks", "1.5",
                    {{job,
                      {{"keys", "<%= spec.to_h.keys.map(&:to_s).sort.join(' ') %>"},
                       {"network", "<%= spec.networks.methods(false).map { |n| spec.networks[n].to_h.keys.sort.join(' ') }.join %>"},
                       {"values", "<%= [spec.deployment, spec.job.name, spec.name, spec.index, spec.bootstrap, spec.az, "
                                  "spec.ip, spec.address, spec.persistent_disk, spec.dns_domain_name, spec.release.name, "
                                  "spec.release.version].join(' ') %>"}}}});
}

}  // namespace

TEST_CASE("a template's spec has all that releases ask of it") {
  DirectorWorld world;
  add_looks(world);
  world.deploy(manifest("default"));
  CHECK(world.rendered("one", 0, "look/keys") ==
        "address az bootstrap deployment dns_domain_name id index ip job links name networks persistent_disk properties "
        "release");
  CHECK(world.rendered("one", 0, "look/network") == "cloud_properties default dns dns_record_name gateway ip netmask type");
  CHECK(world.rendered("one", 0, "look/values") == "dep one one 0 true z2 10.9.0.10 10.9.0.10 64 bosh looks 1.5");
}

TEST_CASE("templates on a dynamic network see 127.0.0.1, and its name as their address") {
  DirectorWorld world;
  world.set_cloud_config(
      "azs: [{name: z2, cloud_properties: {host: h2}}]\nvm_types: [{name: small, cloud_properties: {cpu: 1}}]\n"
      "networks: [{name: wild, type: dynamic, subnets: [{az: z2, cloud_properties: {bridge: b0}}]}]\n"
      "compilation: {workers: 1, az: z2, network: wild, vm_type: small}\n");
  add_looks(world);
  world.deploy(manifest("wild"));
  const auto id = world.instance("one", 0).id.value;
  CHECK(world.rendered("one", 0, "look/values") ==
        "dep one one 0 true z2 127.0.0.1 " + id + ".one.wild.dep.bosh 64 bosh looks 1.5");
}
