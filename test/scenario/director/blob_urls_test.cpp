#include <doctest/doctest.h>

#include <algorithm>

#include "director/executor/fetch_logs.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

bool asked(DirectorWorld& world, const std::string& method) {
  const auto calls = world.agents.calls(world.vm("server", 0).agent);
  return std::find(calls.begin(), calls.end(), method) != calls.end();
}

Json blobstores_of_env(DirectorWorld& world) {
  return world.cloud.find_vm(*world.vm("server", 0).cid)->env.at("bosh").at("blobstores");
}

void fetch_logs(DirectorWorld& world) {
  world.run(0, [&](director::TaskContext& task) {
    director::fetch_logs(world.services, task, "dep", {world.instance("server", 0).id}, {.types = "job"});
  });
}

}  // namespace

TEST_CASE("an agent of a stemcell of API version 3 works by signed URLs and never learns the password") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  fetch_logs(world);
  CHECK(blobstores_of_env(world) ==
        Json::array({{{"provider", "dav"}, {"options", {{"endpoint", "https://blobs/"}}}}}));
  CHECK(asked(world, "sync_dns_with_signed_url"));
  CHECK(asked(world, "fetch_logs_with_signed_url"));
  for (const char* method : {"sync_dns", "fetch_logs"}) CHECK_FALSE(asked(world, method));
  CHECK(dump(world.instance("server", 0).spec).find("signed_url") == std::string::npos);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("an agent of an older stemcell is given the password and no URL") {
  DirectorWorld world;
  world.add_stemcell("2.0", 2);
  world.deploy(simple_manifest(1));
  fetch_logs(world);
  CHECK(blobstores_of_env(world)[0].at("options").at("password") == blobstore_password);
  for (const char* method : {"sync_dns", "fetch_logs"}) CHECK(asked(world, method));
  for (const char* method : {"sync_dns_with_signed_url", "fetch_logs_with_signed_url"})
    CHECK_FALSE(asked(world, method));
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("an agent that is to put its logs at a URL and does not has packed none") {
  DirectorWorld world;
  world.deploy(simple_manifest(1));
  world.agents.pack_logs = [](const director::AgentId&, const std::string&, const std::string& blob) {
    return std::pair{blob, std::string("x")};
  };
  CHECK_THROWS_WITH_AS(fetch_logs(world), doctest::Contains("did not store them"), Error);
}

TEST_CASE("a package whose compilation fails leaves no blob") {
  DirectorWorld world;
  const auto before = world.blobs.list().size();
  world.agents.fail_next("compile_package_with_signed_url", "no such compiler");
  CHECK_THROWS_WITH_AS(world.deploy(simple_manifest(1)), doctest::Contains("no such compiler"), Error);
  CHECK(world.blobs.list().size() == before);
}
