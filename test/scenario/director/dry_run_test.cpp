#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "base/file.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

// Every row of every table and every file of the director's folder but the database's own.
std::set<std::string> dump_of(DirectorWorld& world) {
  std::set<std::string> all;
  for (const auto& table : world.database.run("SELECT name FROM sqlite_master WHERE type = 'table'").rows) {
    const auto name = table.text("name");
    std::string columns;
    for (const auto& column : world.database.run("PRAGMA table_info(" + name + ")").rows) {
      columns += (columns.empty() ? "" : " || ' ' || ") + ("quote(\"" + column.text("name") + "\")");
    }
    int number = 0;
    for (const auto& row : world.database.run("SELECT " + columns + " AS line FROM " + name).rows) {
      all.insert(name + " " + std::to_string(number++) + " " + row.text("line"));
    }
  }
  for (const auto& file : std::filesystem::recursive_directory_iterator(world.folder.path())) {
    const auto path = file.path().string();
    if (file.is_regular_file() && path.find("director.db") == std::string::npos) all.insert(path + " " + read_file(path));
    if (file.is_directory()) all.insert(path);
  }
  return all;
}

// The task's rows of the plan, as `bosh deploy --dry-run` prints them.
std::vector<std::string> planned(DirectorWorld& world) {
  std::vector<std::string> rows;
  for (const auto& line : world.events) {
    const auto event = Json::parse(line);
    if (event.value("stage", "") == "Planned changes" && event.value("state", "") == "started") rows.push_back(event["task"]);
  }
  return rows;
}

void dry_run(DirectorWorld& world, const std::string& manifest, director::DeployOptions options = {}) {
  world.events.clear();
  world.results.clear();
  options.dry_run = true;
  world.deploy(manifest, options);
}

const std::string with_variables =
    "variables:\n- {name: word, type: password}\n"
    "- {name: ca, type: certificate, options: {is_ca: true, common_name: ca}}\n"
    "- {name: leaf, type: certificate, options: {ca: ca, common_name: leaf}}\n";

}  // namespace

TEST_CASE("a dry run of a first deploy writes nothing, though its variables are not there yet") {
  DirectorWorld world;
  const auto before = dump_of(world);
  dry_run(world, simple_manifest(3, "((word))((leaf.certificate))") + with_variables);
  CHECK(dump_of(world) == before);
  CHECK(world.cpi.calls().empty());
  const auto rows = planned(world);
  REQUIRE(rows.size() == 4);
  CHECK(rows[0] == "server/new (0): create (is new); CPI: create_vm, set_vm_metadata, create_disk, attach_disk; batch 1 (canary)");
  CHECK(rows[3].starts_with("3 of 3 instances change, 0 do not; 2 packages are compiled first; how long"));
}

TEST_CASE("a dry run of an update writes nothing and says what, why, in which order and for how long") {
  DirectorWorld world;
  world.deploy(simple_manifest(3, "((word))") + with_variables);
  world.deploy(simple_manifest(3, "two"));
  const auto before = dump_of(world);
  dry_run(world, simple_manifest(2, "three", 2048));
  CHECK(dump_of(world) == before);
  auto rows = planned(world);
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].find("remove (the group has 2 instances now); CPI: detach_disk, delete_vm") != std::string::npos);
  CHECK(rows[1].find("update (rendered configuration") != std::string::npos);
  CHECK(rows[1].find("CPI: create_disk, attach_disk, detach_disk; batch 1 (canary); about 1 s") != std::string::npos);
  CHECK(rows[3] == "3 of 3 instances change, 0 do not; how long it takes is not known yet: some of this was never done here");

  world.deploy(simple_manifest(2, "three", 2048));
  dry_run(world, simple_manifest(1, "four", 2048));
  rows = planned(world);
  CHECK(rows.back().find("about 1 s by earlier deploys of it") != std::string::npos);
  const auto whole = Json::parse(world.results.back());
  CHECK(whole["plan_hash"].get<std::string>().size() == 64);
  CHECK(whole["changed_instances"] == 2);
  const auto first = Json::parse(world.results.front());
  CHECK(first["order"] == 1);
  CHECK(first["action"] == "remove");
  CHECK(first["cpi_calls"][1]["method"] == "delete_vm");
}

TEST_CASE("a dry run of what runs already says that nothing changes") {
  DirectorWorld world;
  world.deploy(simple_manifest(2));
  dry_run(world, simple_manifest(2));
  CHECK(planned(world) == std::vector<std::string>{"0 of 2 instances change, 2 do not"});
}
