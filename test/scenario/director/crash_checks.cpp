#include "test/scenario/director/crash_checks.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

namespace slipway::test {

namespace {

std::string manifest_of(const Wanted& wanted) {
  auto manifest = wanted.named.empty() ? simple_manifest(wanted.instances, wanted.property, wanted.disk_mib)
                                       : named_disks_manifest(wanted.instances, wanted.named, wanted.property);
  if (wanted.short_names) manifest += "features: {use_link_dns_names: true}\n";
  const std::string update = "update: {";
  if (wanted.swap) manifest.insert(manifest.find(update) + update.size(), "vm_strategy: create-swap-delete, ");
  return manifest;
}

void expect_none(const Findings& problems) {
  std::string text;
  for (const auto& problem : problems) text += problem + "\n";
  constexpr std::size_t enough = 4000;
  CHECK(text.substr(0, enough) == "");
}

}  // namespace

Findings missed_of(DirectorWorld& world, const Wanted& wanted) {
  Findings missed;
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) missed.push_back(what);
  };
  expect(world.cloud.vms().size() == static_cast<std::size_t>(wanted.instances),
         "there are " + std::to_string(world.cloud.vms().size()) + " VMs");
  expect(world.stores.disks.orphaned().size() == wanted.orphans,
         "there are " + std::to_string(world.stores.disks.orphaned().size()) + " orphaned disks");
  const auto deployment = world.stores.deployments.find("dep");
  expect(deployment && deployment->manifest == manifest_of(wanted), "the manifest is not the deployed one");
  const auto names = world.database.run("SELECT id FROM dns_versions").rows;
  expect(names.size() == 1, std::to_string(names.size()) + " versions of names are kept");
  for (int i = 0; i < wanted.instances; ++i) {
    const auto instance = world.instance("server", i);
    const auto vm = world.vm("server", i);
    const auto name = "server/" + std::to_string(i);
    expect(instance.update_completed, name + " is still being updated");
    expect(world.agents.job_state(vm.agent) == "running", name + " does not run");
    expect(world.agents.spec(vm.agent) == instance.spec, name + " runs something else than recorded");
    expect(vm.stemcell.version == wanted.stemcell, name + " has stemcell " + vm.stemcell.version);
    const auto calls = world.agents.calls(vm.agent);
    expect(std::count(calls.begin(), calls.end(), "run_script:post-deploy") >= wanted.post_deploys,
           name + " was not told that the deploy is over");
    expect(vm.permanent_nats_certificate, name + " has a certificate that does not last");
    expect(world.agents.dns_version(vm.agent) == names.back().integer("id"), name + " does not know all names");
    const auto disks = world.stores.disks.of_instance(instance.id);
    if (!wanted.named.empty()) {
      std::map<std::string, std::string> sizes, cids;
      for (const auto& disk : disks) {
        sizes[disk.name] = disk.size_mib == 512 ? "small" : "large";
        cids[disk.name] = disk.cid.value;
        expect(world.agents.data_on(disk.cid.value) == instance.id.value, name + " lost the data of " + disk.name);
      }
      expect(disks.size() == wanted.named.size() && sizes == wanted.named, name + " has not the disks it should have");
      expect(world.agents.linked(vm.agent) == cids, name + " has not just its disks linked");
      expect(world.agents.mounted(vm.agent).empty(), name + " has a disk mounted");
      continue;
    }
    const bool sized = disks.size() == 1 && disks[0].size_mib == wanted.disk_mib;
    expect(sized, name + " has not the disk it should have");
    expect(!sized || world.agents.mounted(vm.agent) == std::set<std::string>{disks[0].cid.value},
           name + " has not just its disk mounted");
    expect(!sized || world.agents.data_on(disks[0].cid.value) == instance.id.value, name + " lost its data");
  }
  return missed;
}

std::function<void(DirectorWorld&)> deployed(const Wanted& wanted) {
  return [wanted](DirectorWorld& world) { world.deploy(manifest_of(wanted)); };
}

std::function<Json(DirectorWorld&)> always(const Json& arguments) {
  return [arguments](DirectorWorld&) { return arguments; };
}

Scenario deploy(const Wanted& wanted, const Json& options) {
  return {.type = "create_deployment",
          .arguments = always({{"manifest", manifest_of(wanted)}, {"options", options}}),
          .missed = [wanted](DirectorWorld& world) { return missed_of(world, wanted); }};
}

Scenario change(const std::string& state, std::function<Findings(DirectorWorld&)> missed) {
  return {.type = "change_instances",
          .arguments = always({{"deployment", "dep"}, {"group", "server"}, {"state", state}}),
          .before = deployed({}),
          .missed = std::move(missed)};
}

Scenario after(const Wanted& before, Scenario scenario) {
  scenario.before = deployed(before);
  return scenario;
}

std::function<Findings(DirectorWorld&)> missed_unless(std::function<bool(DirectorWorld&)> reached) {
  return [reached](DirectorWorld& world) { return reached(world) ? Findings{} : Findings{"its purpose"}; };
}

void survives_deaths(const Scenario& scenario, int at_least) {
  Findings problems;
  const int deaths = CrashCourse(scenario).with_deaths(problems);
  MESSAGE(deaths << " deaths");
  CHECK(deaths >= at_least);
  expect_none(problems);
}

void is_fenced(const Scenario& scenario, int at_least) {
  Findings problems;
  const int sleepers = CrashCourse(scenario).with_sleepers(problems);
  MESSAGE(sleepers << " sleepers");
  CHECK(sleepers >= at_least);
  expect_none(problems);
}

}  // namespace slipway::test
