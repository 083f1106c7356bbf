#include <doctest/doctest.h>

#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

struct Misbehaviour {
  std::string how;
  std::vector<std::string> parts;
};

std::vector<Misbehaviour> all(const TempDir& folder) {
  return {{"crash", {"signal 9"}},
          {"complain-and-crash", {"no route to the cloud"}},
          {"hang:" + (folder.path() / "pid").string(), {"within 2 s"}},
          {"rubbish", {"Traceback: it hurts"}},
          {"flood", {"bytes"}},
          {"version-1", {"version"}},
          {"error:Vendor::Strange", {"Vendor::Strange"}}};
}

}  // namespace

TEST_CASE("whatever a CPI does instead of an answer, the task says what and the director lives on") {
  const TempDir folder;
  DirectorProcess director;
  REQUIRE(director.send("POST", "/cloud_configs", sample_cloud_config()).status == 201);
  REQUIRE(director.upload("/releases", SampleRelease{}.bytes()).state == "done");
  for (const auto& [how, parts] : all(folder)) {
    CAPTURE(how);
    director.stop();
    director.use_cpi({SLIPWAY_MISBEHAVING_CPI, how}, 2);
    director.start();
    const auto before = director.start_of_measurement();
    const auto end = director.upload("/stemcells", sample_stemcell());
    CAPTURE(end.result);
    CHECK(end.state == "error");
    CHECK((how == "version-1" || end.says("create_stemcell")));
    for (const auto& part : parts) {
      CAPTURE(part);
      CHECK(end.says(part));
    }
    CHECK(director.get("/stemcells").empty());
    CHECK(director.files("uploads").empty());
    CHECK(director.files("work").empty());
    CHECK((director.highest_memory() - before < 128 * mib || !measures));
    CHECK(director.get("/info").at("user") == "admin");
  }
}

TEST_CASE("a CPI that fails in the middle of a deploy leaves what the next deploy or delete clears up") {
  const TempDir folder;
  DirectorProcess director;
  REQUIRE(director.send("POST", "/cloud_configs", sample_cloud_config()).status == 201);
  REQUIRE(director.upload("/releases", SampleRelease{}.bytes()).state == "done");
  REQUIRE(director.upload("/stemcells", sample_stemcell()).state == "done");
  for (const auto& [how, parts] : all(folder)) {
    CAPTURE(how);
    director.stop();
    director.use_cpi({SLIPWAY_MISBEHAVING_CPI, how}, 2);
    director.start();
    const auto end = director.deploy(sample_manifest());
    CAPTURE(end.result);
    CHECK(end.state == "error");
    for (const auto& part : parts) CHECK(end.says(part));
    CHECK((how == "version-1" || end.says("create_vm")));
    CHECK(director.output(end.id, "cpi").find("private_key\":\"-----BEGIN") == std::string::npos);
    director.stop();
    director.use_cpi({});
    director.start();
    const auto removal = director.follow(director.send("DELETE", "/deployments/dep"));
    CAPTURE(removal.result);
    CHECK(removal.state == "done");
    CHECK(director.get("/deployments").empty());
    CHECK(director.cloud().value("vms", Json::object()).empty());
  }
}
