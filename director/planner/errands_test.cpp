#include "director/planner/errands.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::director;

namespace errands_test {

namespace {

JobRecord job(const std::string& name, bool runs) {
  JobRecord record{.name = name};
  record.spec = {{"templates", {{"a.erb", runs ? "bin/run" : "config/a"}}}};
  return record;
}

InstanceRecord instance(const std::string& group, int index, const std::string& id, std::vector<std::string> jobs = {}) {
  InstanceRecord record{.id = InstanceId{id}, .deployment = "dep", .group = group, .index = index};
  Json templates = Json::array();
  for (const auto& name : jobs) templates.push_back({{"name", name}});
  record.spec = {{"job", {{"templates", templates}}}};
  return record;
}

InstanceGroup group(const std::string& name, Lifecycle lifecycle, std::vector<std::string> jobs) {
  InstanceGroup made;
  made.name = name;
  made.lifecycle = lifecycle;
  for (auto& one : jobs) {
    JobUse use;
    use.name = std::move(one);
    use.release = "app";
    made.jobs.push_back(std::move(use));
  }
  return made;
}

// Two service groups with the job "smoke", one errand group; the addon "audit" came with a deploy.
struct Fixture {
  Manifest manifest;
  std::vector<InstanceRecord> instances = {instance("web", 1, "b-1", {"server", "smoke", "audit"}),
                                           instance("web", 0, "c-0", {"server", "smoke", "audit"}),
                                           instance("db", 0, "d-0", {"smoke"}), instance("tests", 1, "e-1"),
                                           instance("tests", 0, "f-0")};
  std::vector<ReleaseRecord> releases = {{.name = "app", .jobs = {job("server", false), job("smoke", true), job("acceptance", true)}},
                                         {.name = "tools", .jobs = {job("audit", true)}}};
  Fixture() {
    manifest.name = "dep";
    manifest.instance_groups = {group("web", Lifecycle::service, {"server", "smoke"}),
                                group("db", Lifecycle::service, {"smoke"}),
                                group("tests", Lifecycle::errand, {"server", "acceptance"})};
  }
  DeployedErrands errands() const { return {manifest, instances, releases}; }
  std::vector<std::string> chosen(const ErrandRequest& request) const {
    std::vector<std::string> ids;
    for (const auto& target : errands().select(request).targets) ids.push_back(target.instance.id.value);
    return ids;
  }
};

int code_of(const Fixture& f, const ErrandRequest& request) {
  try {
    f.errands().select(request);
  } catch (const Error& error) {
    return error.code();
  }
  return 0;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("errands are the errand groups and all jobs with something to run, addons' too") {
  CHECK(Fixture{}.errands().names() == Ids{"acceptance", "audit", "smoke", "tests"});
}

TEST_CASE("a job's errand runs on every instance of the groups that have it") {
  const Fixture f;
  CHECK(f.chosen({.errand = "smoke"}) == Ids{"c-0", "b-1", "d-0"});
  CHECK(f.chosen({.errand = "audit"}) == Ids{"c-0", "b-1"});
  CHECK_FALSE(f.errands().select({.errand = "smoke"}).targets[0].lifecycle);
}

TEST_CASE("an errand group runs on its first instance, by group or by job") {
  const Fixture f;
  const auto by_group = f.errands().select({.errand = "tests"}).targets;
  REQUIRE(by_group.size() == 1);
  CHECK(by_group[0].instance.id.value == "f-0");
  CHECK(by_group[0].job == "acceptance");
  CHECK(by_group[0].lifecycle);
  CHECK(f.chosen({.errand = "acceptance"}) == Ids{"f-0"});
}

TEST_CASE("filters choose instances by group, index, id and 'first', which goes by id") {
  const Fixture f;
  CHECK(f.chosen({.errand = "smoke", .instances = {{"web", ""}}}) == Ids{"c-0", "b-1"});
  CHECK(f.chosen({.errand = "smoke", .instances = {{"web", "1"}}}) == Ids{"b-1"});
  CHECK(f.chosen({.errand = "smoke", .instances = {{"web", "c-0"}, {"db", "0"}}}) == Ids{"c-0", "d-0"});
  CHECK(f.chosen({.errand = "smoke", .instances = {{"web", "first"}}}) == Ids{"b-1"});
  CHECK(f.chosen({.errand = "smoke", .instances = {{"tests", ""}}}).empty());
}

TEST_CASE("a filter that picks nothing is told, with all others that do not either") {
  const Fixture f;
  CHECK(code_of(f, {.errand = "smoke", .instances = {{"web", "7"}}}) == 510000);
  CHECK_THROWS_WITH_AS(f.errands().select({.errand = "smoke", .instances = {{"nope", ""}, {"web", "7"}, {"web", "0"}}}),
                       "No instances match selection criteria: [nope, web/7]", Error);
}

TEST_CASE("what is no errand is refused with the reason") {
  Fixture f;
  CHECK(code_of(f, {.errand = "nobody"}) == 70009);
  CHECK(code_of(f, {.errand = "web"}) == 510000);
  CHECK(code_of(f, {.errand = "tests", .instances = {{"web", ""}}}) == 510000);
  std::erase_if(f.instances, [](const InstanceRecord& one) { return one.group == "tests"; });
  CHECK(code_of(f, {.errand = "tests"}) == 70001);
}

TEST_CASE("a name of both a job and an errand group is the job's") {
  Fixture f;
  f.manifest.instance_groups.push_back(group("smoke", Lifecycle::errand, {"acceptance"}));
  const auto selection = f.errands().select({.errand = "smoke"});
  CHECK(selection.ambiguous);
  CHECK(selection.targets.size() == 3);
}

}  // namespace errands_test
