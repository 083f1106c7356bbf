#include <doctest/doctest.h>

#include <algorithm>

#include "director/executor/bodies.hpp"
#include "director/executor/care/care_tasks.hpp"
#include "director/executor/problems/problem_tasks.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using director::DiskState;
using director::InstanceState;

namespace named_disks_test {

namespace {

using Links = std::map<std::string, std::string>;

const NamedDisks two = {{"data", "small"}, {"log", "large"}};

// Of one instance: name → cid, as the store has the active ones.
Links recorded(DirectorWorld& world, int index = 0) {
  Links disks;
  for (const auto& disk : world.stores.disks.of_instance(world.instance("server", index).id)) {
    if (disk.state == DiskState::active) disks[disk.name] = disk.cid.value;
  }
  return disks;
}

Links linked(DirectorWorld& world, int index = 0) { return world.agents.linked(world.vm("server", index).agent); }

// What stands where it should: rows, links, the cloud's attachments, and nothing mounted.
void check_in_order(DirectorWorld& world, int index = 0) {
  CHECK(linked(world, index) == recorded(world, index));
  CHECK(world.agents.mounted(world.vm("server", index).agent).empty());
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

std::vector<std::string> orphan_names(DirectorWorld& world) {
  std::vector<std::string> names;
  for (const auto& disk : world.stores.disks.orphaned()) names.push_back(disk.name);
  std::sort(names.begin(), names.end());
  return names;
}

Json attachment(DirectorWorld& world, const std::string& disk, const std::string& properties = "") {
  return {{"deployment", "dep"},
          {"group", "server"},
          {"instance", world.instance("server", 0).id.value},
          {"disk_cid", disk},
          {"disk_properties", properties}};
}

void stop(DirectorWorld& world) {
  world.deploy(named_disks_manifest(1, two),
               {.only_group = "server", .only_instance = "0", .set_state = InstanceState::stopped});
}

void start(DirectorWorld& world) {
  world.deploy(named_disks_manifest(1, two),
               {.only_group = "server", .only_instance = "0", .set_state = InstanceState::started});
}

std::vector<director::ProblemRecord> scan(DirectorWorld& world) {
  world.run_body(director::scan_deployment, {{"deployment", "dep"}});
  return world.stores.problems.open("dep");
}

void resolve_all(DirectorWorld& world, const std::string& resolution) {
  Json choices = Json::object();
  for (const auto& problem : world.stores.problems.open("dep")) choices[std::to_string(problem.id)] = resolution;
  world.run_body(director::apply_resolutions, {{"deployment", "dep"},
                                               {"resolutions", choices},
                                               {"max_in_flight_overrides", Json::object()}});
}

bool said(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("each named disk is made by its type, attached and linked, and never mounted") {
  DirectorWorld world;
  world.deploy(named_disks_manifest(2, two));
  for (int index : {0, 1}) {
    check_in_order(world, index);
    CHECK(recorded(world, index).size() == 2);
  }
  const auto disks = recorded(world);
  CHECK(world.cloud.find_disk(cpi::DiskCid{disks.at("data")})->size_mib == 512);
  CHECK(world.cloud.find_disk(cpi::DiskCid{disks.at("log")})->cloud_properties == Json{{"kind", "ssd"}});
  const auto calls = world.agents.calls(world.vm("server", 0).agent);
  CHECK(std::count(calls.begin(), calls.end(), "add_persistent_disk") == 2);
  CHECK(std::count(calls.begin(), calls.end(), "mount_disk") == 0);

  SUBCASE("the lists of instances name all of them, and none as the mounted one") {
    const auto rows = world.list("dep");
    CHECK(rows.at(0).at("disk_cids").size() == 2);
    CHECK(rows.at(0).at("disk_cid").is_null());
  }
  SUBCASE("the same manifest again changes nothing") {
    const auto made = world.cloud.disks().size();
    world.deploy(named_disks_manifest(2, two));
    CHECK(world.cloud.disks().size() == made);
    CHECK(recorded(world) == disks);
  }
  SUBCASE("scaled down, they become orphans that keep their names") {
    world.deploy(named_disks_manifest(1, two));
    CHECK(orphan_names(world) == std::vector<std::string>{"data", "log"});
    check_in_order(world);
  }
  SUBCASE("on a new VM they are the same") {
    world.deploy(named_disks_manifest(2, two), {.recreate = true});
    CHECK(recorded(world) == disks);
    check_in_order(world);
  }
  SUBCASE("a stopped instance without a VM gets them back") {
    const director::DeployOptions detach{.only_group = "server", .set_state = InstanceState::detached};
    world.deploy(named_disks_manifest(2, two), detach);
    CHECK(world.cloud.vms().empty());
    CHECK(recorded(world) == disks);
    world.deploy(named_disks_manifest(2, two), {.only_group = "server", .set_state = InstanceState::started});
    CHECK(recorded(world) == disks);
    check_in_order(world);
  }
  SUBCASE("deleted with their deployment, nothing is left") {
    world.remove("dep", true);
    CHECK(world.nothing_left());
  }
}

TEST_CASE("of named disks each is changed by itself, and a new one is empty") {
  DirectorWorld world;
  world.deploy(named_disks_manifest(1, two));
  const auto before = recorded(world);

  SUBCASE("another type: a new disk, the old one an orphan, the other stays") {
    world.deploy(named_disks_manifest(1, {{"data", "large"}, {"log", "large"}}));
    const auto after = recorded(world);
    CHECK(after.at("log") == before.at("log"));
    CHECK(after.at("data") != before.at("data"));
    CHECK(world.agents.origin_of(after.at("data")) == after.at("data"));
    CHECK(orphan_names(world) == std::vector<std::string>{"data"});
  }
  SUBCASE("one more and one less") {
    world.deploy(named_disks_manifest(1, {{"data", "small"}, {"spare", "small"}}));
    const auto after = recorded(world);
    CHECK(after.at("data") == before.at("data"));
    CHECK(after.contains("spare"));
    CHECK_FALSE(after.contains("log"));
    CHECK(orphan_names(world) == std::vector<std::string>{"log"});
  }
  SUBCASE("all new ones, because that is asked for") {
    world.deploy(named_disks_manifest(1, two), {.recreate_persistent_disks = true});
    CHECK(recorded(world).at("data") != before.at("data"));
    CHECK(recorded(world).at("log") != before.at("log"));
    CHECK(orphan_names(world) == std::vector<std::string>{"data", "log"});
  }
  SUBCASE("with a new VM in the same deploy") {
    world.add_stemcell("1.1");
    world.deploy(named_disks_manifest(1, {{"data", "large"}, {"log", "large"}}));
    CHECK(recorded(world).at("log") == before.at("log"));
    CHECK(orphan_names(world) == std::vector<std::string>{"data"});
  }
  check_in_order(world);
}

TEST_CASE("the one mounted disk is made anew with its data when that is asked for") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  const auto before = recorded(world).at("");
  world.deploy(simple_manifest(1), {.recreate_persistent_disks = true});
  const auto after = recorded(world).at("");
  CHECK(after != before);
  CHECK(world.agents.origin_of(after) == before);
  CHECK(orphan_names(world) == std::vector<std::string>{""});
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a dry run tells what becomes of named disks, and does nothing") {
  DirectorWorld world;
  world.deploy(named_disks_manifest(1, two));
  const auto disks = world.cloud.disks().size();
  world.debugs.clear();
  world.events.clear();
  world.results.clear();
  world.deploy(named_disks_manifest(1, {{"data", "large"}, {"spare", "small"}}), {.dry_run = true});
  CHECK(world.cloud.disks().size() == disks);
  auto told = world.debugs;
  told.insert(told.end(), world.results.begin(), world.results.end());
  told.insert(told.end(), world.events.begin(), world.events.end());
  CHECK(said(told, "persistent disk 'data' 512 MiB → 2048 MiB; the new one is empty"));
  CHECK(said(told, "persistent disk 'spare' none → 512 MiB"));
  CHECK(said(told, "persistent disk 'log' 2048 MiB → none"));
  CHECK(said(told, "CPI: create_disk, attach_disk, detach_disk, create_disk, attach_disk, detach_disk"));
}

TEST_CASE("an orphan comes back under the name it had, and is refused where no disk has that name") {
  DirectorWorld world;
  world.deploy(named_disks_manifest(1, two));
  const auto old = recorded(world);
  world.deploy(named_disks_manifest(1, two), {.recreate_persistent_disks = true});
  stop(world);

  SUBCASE("it takes the place of the one that has the name now") {
    const auto log = recorded(world).at("log");
    world.run_body(director::attach_disk, attachment(world, old.at("data")));
    CHECK(recorded(world) == Links{{"data", old.at("data")}, {"log", log}});
    check_in_order(world);
    start(world);
    CHECK(recorded(world) == Links{{"data", old.at("data")}, {"log", log}});
  }
  SUBCASE("what the director does not know could be either") {
    const auto strange = world.cloud.create_disk(512, Json::object(), std::nullopt);
    CHECK_THROWS_WITH(world.run_body(director::attach_disk, attachment(world, strange.value)),
                      doctest::Contains("has the named disks 'data' and 'log'"));
    world.cloud.delete_disk(strange);
  }
  SUBCASE("one that is taken away has no link any more") {
    world.run_body(director::orphan_disk, {{"disk_cid", recorded(world).at("data")}});
    CHECK(recorded(world).size() == 1);
    check_in_order(world);
    start(world);
    CHECK(recorded(world).size() == 2);
  }
  check_in_order(world);
}

TEST_CASE("a disk the director does not know becomes the only named one") {
  DirectorWorld world;
  const NamedDisks one = {{"data", "small"}};
  world.deploy(named_disks_manifest(1, one));
  world.deploy(named_disks_manifest(1, one), {.only_group = "server", .set_state = InstanceState::stopped});
  const auto restored = world.cloud.create_disk(512, Json::object(), std::nullopt);
  world.run_body(director::attach_disk, attachment(world, restored.value, "copy"));
  CHECK(recorded(world) == Links{{"data", restored.value}});
  world.deploy(named_disks_manifest(1, one), {.only_group = "server", .set_state = InstanceState::started});
  CHECK(recorded(world) == Links{{"data", restored.value}});
  check_in_order(world);
}

TEST_CASE("a check of the cloud finds nothing wrong with named disks, and what is wrong with them") {
  DirectorWorld world;
  world.deploy(named_disks_manifest(1, two));
  const auto before = recorded(world);
  CHECK(scan(world).empty());

  SUBCASE("one that came off its VM is put back") {
    world.cloud.detach_disk(*world.vm("server", 0).cid, cpi::DiskCid{before.at("data")});
    const auto problems = scan(world);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].type == director::ProblemType::mount_info_mismatch);
    CHECK(problems[0].description.find("('data') should be attached to") != std::string::npos);
    resolve_all(world, "reattach_disk");
    CHECK(recorded(world) == before);
  }
  SUBCASE("one that is gone is forgotten, and the next deploy makes another") {
    world.cloud.lose_disk(cpi::DiskCid{before.at("data")});
    const auto problems = scan(world);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].type == director::ProblemType::missing_disk);
    resolve_all(world, "delete_disk_reference");
    CHECK(recorded(world) == Links{{"log", before.at("log")}});
    CHECK(linked(world) == recorded(world));
    world.run_body(director::delete_orphan_disk, {{"disk_cid", before.at("data")}});
    world.deploy(named_disks_manifest(1, two));
    CHECK(recorded(world).size() == 2);
  }
  SUBCASE("one that nobody knows to be used is used again") {
    world.stores.disks.set_state(cpi::DiskCid{before.at("data")}, DiskState::inactive, world.clock.now());
    REQUIRE(scan(world).size() == 1);
    resolve_all(world, "activate_disk");
    CHECK(recorded(world) == before);
  }
  SUBCASE("one that is used no more goes, and its link") {
    world.stores.disks.set_state(cpi::DiskCid{before.at("data")}, DiskState::inactive, world.clock.now());
    REQUIRE(scan(world).size() == 1);
    resolve_all(world, "delete_disk");
    CHECK(recorded(world) == Links{{"log", before.at("log")}});
  }
  SUBCASE("a VM that is gone is made anew with them") {
    world.cloud.lose_vm(*world.vm("server", 0).cid);
    REQUIRE(scan(world).size() == 1);
    resolve_all(world, "recreate_vm");
    CHECK(recorded(world) == before);
  }
  check_in_order(world);
  CHECK(scan(world).empty());
}

TEST_CASE("a VM is not made anew while one of its named disks is missing") {
  DirectorWorld world;
  world.deploy(named_disks_manifest(1, two));
  const auto data = cpi::DiskCid{recorded(world).at("data")};
  world.stores.disks.set_state(data, DiskState::orphaned, world.clock.now());
  world.cloud.lose_vm(*world.vm("server", 0).cid);
  scan(world);
  CHECK_THROWS_WITH(resolve_all(world, "recreate_vm"), doctest::Contains("no persistent disk 'data' any more"));
}

TEST_CASE("all named disks have snapshots") {
  DirectorWorld world;
  world.services.settings.enable_snapshots = true;
  world.deploy(named_disks_manifest(1, two));
  world.deploy(named_disks_manifest(1, two, "two"));
  CHECK(world.cloud.snapshots().size() == 2);
  world.remove("dep", true);
  CHECK(world.nothing_left());
  CHECK(world.cloud.snapshots().empty());
}

TEST_CASE("a job learns the name of its disk by a link") {
  DirectorWorld world;
  world.add_release("app2", "1", {{"name: reader\ntemplates: {t.erb: config/t}\nconsumes: [{name: data, type: disk}]\n",
                                   {{"t.erb", "<%= link('data').p('name') %> <%= link('data').instances.size %>"}}}});
  auto manifest = named_disks_manifest(1, two);
  const auto replace = [&](const std::string& what, const std::string& by) {
    manifest.replace(manifest.find(what), what.size(), by);
  };
  replace("{name: app, version: latest}", "{name: app2, version: latest}");
  replace("{name: server, release: app, properties: {value: one}}",
          "{name: reader, release: app2, consumes: {data: {from: log}}}");
  world.deploy(manifest);
  CHECK(world.rendered("server", 0, "reader/config/t") == "log 0");

  replace(", consumes: {data: {from: log}}", "");
  CHECK_THROWS_WITH(world.deploy(manifest), doctest::Contains("choose one with 'from'"));
}

}  // namespace named_disks_test
