#include <doctest/doctest.h>

#include "director/executor/problems/problem_tasks.hpp"
#include "test/scenario/director/crash_checks.hpp"

using namespace slipway;
using namespace slipway::test;

namespace crash_care_test {

namespace {

constexpr const char* smoke = "name: smoke\ntemplates: {run.erb: bin/run}\nproperties: {}\n";

// A server that has the errand "smoke", and a group "acceptance" that is an errand.
std::string manifest_with_errands() {
  auto yaml = simple_manifest(1);
  const std::string releases = "releases: [", jobs = "jobs: [";
  yaml.insert(yaml.find(releases) + releases.size(), "{name: tests, version: latest}, ");
  yaml.insert(yaml.find(jobs) + jobs.size(), "{name: smoke, release: tests}, ");
  return yaml +
         "- name: acceptance\n  lifecycle: errand\n  instances: 1\n  azs: [z1]\n  vm_type: small\n"
         "  stemcell: default\n  persistent_disk: 512\n  networks: [{name: default}]\n"
         "  jobs: [{name: smoke, release: tests}]\n";
}

Scenario errand(const std::string& name, const Json& instances, bool agents_know_request_ids = true) {
  return {.type = "run_errand",
          .arguments = always({{"deployment", "dep"}, {"errand", name}, {"request", {{"instances", instances}}}}),
          .before =
              [agents_know_request_ids](DirectorWorld& world) {
                world.agents.knows_request_ids = agents_know_request_ids;
                world.add_release("tests", "1.0", {{smoke, {{"run.erb", "#!/bin/sh\n"}}}});
                world.deploy(manifest_with_errands());
              },
          .missed =
              [agents_know_request_ids](DirectorWorld& world) {
                Findings missed;
                const int most = agents_know_request_ids ? 1 : 3;  // once more for each death
                if (world.agents.errands_begun() < 1) missed.push_back("the errand never ran");
                if (world.agents.errands_begun() > most)
                  missed.push_back("it ran " + std::to_string(world.agents.errands_begun()) + " times");
                if (world.cloud.vms().size() != 1) missed.push_back("an errand's VM is left");
                if (world.agents.job_state(world.vm("server", 0).agent) != "running") missed.push_back("the server");
                return missed;
              }};
}

// What cck or the health monitor finds.
void lose_first(DirectorWorld& world) {
  deployed({})(world);
  world.cloud.lose_vm(*world.vm("server", 0).cid);
}

Findings repaired(DirectorWorld& world) {
  auto missed = missed_of(world, {});
  if (world.cloud.vms_made() > 2) missed.push_back(std::to_string(world.cloud.vms_made()) + " VMs were made");
  if (!world.stores.problems.open("dep").empty()) missed.push_back("the problem is still open");
  return missed;
}

}  // namespace

TEST_CASE("an errand with a VM of its own runs once and ends, and so does the VM, whenever its director dies") {
  survives_deaths(errand("acceptance", Json::array()), 60);
}

TEST_CASE("an errand on a running instance runs once and ends, whenever its director dies") {
  survives_deaths(errand("smoke", {{{"group", "server"}}}), 15);
}

TEST_CASE("an errand of an agent that cannot tell what it has begun ends all the same, whenever its director dies") {
  survives_deaths(errand("smoke", {{{"group", "server"}}}, false), 15);
}

TEST_CASE("a lost VM is made anew once by cck, whenever its director dies") {
  survives_deaths({.type = "cck_apply",
                   .arguments =
                       [](DirectorWorld& world) {
                         Json choices = Json::object();
                         for (const auto& problem : world.stores.problems.open("dep"))
                           choices[std::to_string(problem.id)] = "recreate_vm";
                         return Json{{"deployment", "dep"}, {"resolutions", choices}};
                       },
                   .before =
                       [](DirectorWorld& world) {
                         lose_first(world);
                         world.run_body(director::scan_deployment, {{"deployment", "dep"}});
                       },
                   .missed = repaired},
                  60);
}

TEST_CASE("a lost VM is found and made anew once for the health monitor, whenever its director dies") {
  survives_deaths({.type = "scan_and_fix",
                   .arguments =
                       [](DirectorWorld& world) {
                         const auto id = world.instance("server", 0).id.value;
                         return Json{{"deployment", "dep"}, {"jobs", {{"server", {id}}}}};
                       },
                   .before = lose_first,
                   .missed = repaired},
                  60);
}

namespace {

// Its VM is silent, and the cloud can still say something of it.
Scenario repair_of_silent(std::chrono::hours hold) {
  return {.type = "scan_and_fix",
          .arguments =
              [](DirectorWorld& world) {
                const auto id = world.instance("server", 0).id.value;
                return Json{{"deployment", "dep"}, {"jobs", {{"server", {id}}}}};
              },
          .before =
              [hold](DirectorWorld& world) {
                deployed({.instances = 1})(world);
                world.agents.silence(world.vm("server", 0).agent);
                world.services.settings.failed_vms.hold = hold;
              },
          .missed =
              [hold](DirectorWorld& world) {
                Findings missed;
                const auto vm = world.vm("server", 0);
                if (world.agents.job_state(vm.agent) != "running") missed.push_back("it does not run");
                if (world.agents.mounted(vm.agent).size() != 1) missed.push_back("it has not its disk");
                if (world.cloud.vms_made() > 1) missed.push_back("more VMs than one were made");
                const auto bundles = world.stores.temporary_blobs.bundles_of("dep");
                if (bundles.size() != 1) missed.push_back(std::to_string(bundles.size()) + " bundles are kept");
                for (const auto& bundle : bundles)
                  if (!world.blobs.exists(bundle)) missed.push_back("a bundle is not there");
                std::size_t held = 0;
                for (const auto& [cid, one] : world.cloud.vms()) held += one.off ? 1 : 0;
                const std::size_t wanted = hold.count() > 0 ? 1 : 0;
                if (held != wanted || world.stores.orphaned_vms.all().size() != wanted)
                  missed.push_back(std::to_string(held) + " VMs are held");
                return missed;
              }};
}

}  // namespace

TEST_CASE("a failed VM's logs are kept once before it is replaced, whenever the director dies") {
  survives_deaths(repair_of_silent(std::chrono::hours{0}), 80);
}

TEST_CASE("a failed VM is held once, whenever the director dies") {
  survives_deaths(repair_of_silent(std::chrono::hours{24}), 80);
}

TEST_CASE("a new stemcell comes by create-swap-delete, whenever its director dies") {
  auto scenario = deploy({.instances = 1, .stemcell = "1.1", .swap = true});
  scenario.before = [](DirectorWorld& world) {
    deployed({.instances = 1, .swap = true})(world);
    world.add_stemcell("1.1");
  };
  scenario.two_vms = true;
  survives_deaths(scenario, 80);
}

}  // namespace crash_care_test
