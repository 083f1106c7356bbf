#include <doctest/doctest.h>

#include "director/cleanup/cleanup_task.hpp"
#include "director/executor/export_release.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace slipway::director;

namespace {

struct Store : DirectorWorld {
  void add_release(const std::string& name, const std::string& version) {
    stores.releases.insert({.name = name, .version = version, .commit_hash = "x"}, clock.now());
  }
  Json would_go(const CleanupOptions& options) { return to_json(find_cleanable(stores, options)); }
  std::string clean(const CleanupOptions& options) {
    std::string end;
    run(0, [&](TaskContext& context) { end = clean_up(services, artifacts, context, options); });
    return end;
  }
  std::vector<std::string> versions_of(const std::string& name) {
    std::vector<std::string> versions;
    for (const auto& release : stores.releases.versions())
      if (release.name == name) versions.push_back(release.version);
    return versions;
  }
};

}  // namespace

TEST_CASE("a clean-up keeps what is in use and the two newest unused versions, by number") {
  Store world;
  world.deploy(simple_manifest(1));
  for (const char* version : {"1.9", "1.10", "1.2"}) world.add_release("other", version);
  for (const char* version : {"3.0", "2.0", "10.0"}) world.add_stemcell(version);
  const auto plan = world.would_go({});
  CHECK(plan["releases"] == parse_json(R"([{"name": "other", "versions": ["1.2"]}])", "releases"));
  REQUIRE(plan["stemcells"].size() == 1);
  CHECK(plan["stemcells"][0]["version"] == "2.0");
  CHECK(world.clean({}).starts_with("Deleted 1 release(s), 1 stemcell(s), 0 extra compiled package(s), "));
  CHECK(world.versions_of("other") == std::vector<std::string>{"1.9", "1.10"});
  CHECK(world.versions_of("app") == std::vector<std::string>{"1.0"});
  CHECK(world.would_go({})["releases"].empty());
  world.deploy(simple_manifest(2));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("cleaning up all leaves nothing that is not in use, and a dry run leaves everything") {
  Store world;
  world.deploy(simple_manifest(2));
  world.deploy(simple_manifest(1));
  world.add_release("other", "1");
  const auto exported = [&] {
    world.run(0, [&](TaskContext& context) {
      export_release(world.services, context,
                     {.deployment = "dep", .release = "app", .version = "1.0", .stemcell_os = "debian", .stemcell_version = "1.0"});
    });
    return world.stores.exported_releases.all().at(0).blob;
  }();
  const auto plan = world.would_go({.remove_all = true});
  CHECK(plan["orphaned_disks"].size() == 1);
  CHECK(plan["exported_releases"] == Json::array({exported.value}));
  CHECK(plan["compiled_packages"].empty());
  CHECK(plan["dns_blobs"].empty());
  CHECK(world.would_go({.remove_all = true, .keep_orphaned_disks = true})["orphaned_disks"].empty());
  CHECK(world.blobs.exists(exported));

  world.clean({.remove_all = true});
  CHECK_FALSE(world.blobs.exists(exported));
  CHECK(world.stores.exported_releases.all().empty());
  CHECK(world.cloud.disks().size() == 1);
  CHECK(world.versions_of("other").empty());
  CHECK(world.inconsistencies() == std::vector<std::string>{});

  world.remove("dep", true);
  CHECK(world.would_go({.remove_all = true})["dns_blobs"].size() == 1);
  world.clean({.remove_all = true});
  CHECK(world.stores.releases.versions().empty());
  CHECK(world.stores.releases.all_compiled().empty());
  CHECK(world.cloud.stemcells().empty());
  CHECK(world.blobs.list().empty());
}

TEST_CASE("compiled packages go with the last stemcell of their major version") {
  Store world;
  world.deploy(simple_manifest(1));
  const auto package = world.stores.releases.find("app", "1.0")->packages.at(0).id;
  for (const char* version : {"1.5", "7.0"}) {
    CompiledPackageRecord compiled;
    compiled.package_id = package;
    compiled.stemcell_os = "debian";
    compiled.stemcell_version = version;
    compiled.dependency_key = "[]";
    compiled.blob = BlobId{"compiled-" + std::string(version == std::string("7.0") ? "7" : "1")};
    world.stores.releases.insert_compiled(compiled);
  }
  const auto plan = world.would_go({.remove_all = true});
  REQUIRE(plan["compiled_packages"].size() == 1);
  CHECK(plan["compiled_packages"][0]["stemcell_version"] == "7.0");
  CHECK(world.would_go({})["compiled_packages"].empty());
}

TEST_CASE("what a cloud refuses to delete is told after all the rest has gone, and goes the next time") {
  Store world;
  for (const char* version : {"1", "2", "3"}) world.add_release("other", version);
  world.cpi.fail_next("delete_stemcell", cpi::CallFault::error_before);
  CHECK_THROWS_WITH_AS(world.clean({.remove_all = true}), doctest::Contains("simulated-debian/1.0"), Error);
  CHECK(world.versions_of("other").empty());
  CHECK(world.stores.stemcells.all().size() == 1);
  world.clean({.remove_all = true});
  CHECK(world.stores.stemcells.all().empty());
}
