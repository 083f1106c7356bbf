#include <doctest/doctest.h>

#include "director/store/fixture.hpp"
#include "director/store/stores.hpp"

using namespace slipway;
using namespace slipway::director;

namespace {

ReleaseRecord release_of(const std::string& version, const std::string& job_fingerprint,
                         const std::string& package_fingerprint) {
  ReleaseRecord release;
  release.name = "etcd";
  release.version = version;
  release.jobs = {{"etcd", job_fingerprint, job_fingerprint, BlobId{"job-" + job_fingerprint}, "sha256:1", {{"a", 1}}}};
  release.packages = {{0, "etcd", package_fingerprint, package_fingerprint, BlobId{"pkg-" + package_fingerprint},
                       "sha256:2", {"base"}}};
  return release;
}

CompiledPackageRecord compiled_for(std::int64_t package, const std::string& key, const std::string& blob) {
  return {0, package, "debian-12", "1.0", key, 0, BlobId{blob}, "sha1"};
}

}  // namespace

TEST_CASE("versions of a release share jobs and packages with one fingerprint") {
  StoreFixture store;
  Releases releases(store.db);
  releases.insert(release_of("1", "j1", "p1"), store.now);
  releases.insert(release_of("2", "j2", "p1"), store.now);
  const auto first = releases.find("etcd", "1").value();
  const auto second = releases.find("etcd", "2").value();
  CHECK(first.packages.at(0).id == second.packages.at(0).id);
  CHECK(second.packages.at(0).dependencies == std::vector<std::string>{"base"});
  CHECK(second.jobs.at(0).spec.at("a") == 1);
  CHECK(releases.packages_with_fingerprints({"p1", "none"}).size() == 1);
}

TEST_CASE("one version of a release exists once") {
  StoreFixture store;
  Releases releases(store.db);
  releases.insert(release_of("1", "j1", "p1"), store.now);
  CHECK_THROWS_AS(releases.insert(release_of("1", "j1", "p1"), store.now), Error);
}

TEST_CASE("removing a release gives back only the blobs that no other version needs") {
  StoreFixture store;
  Releases releases(store.db);
  const auto first = releases.insert(release_of("1", "j1", "p1"), store.now);
  const auto second = releases.insert(release_of("2", "j2", "p1"), store.now);
  const auto package = releases.find(first)->packages.at(0).id;
  releases.insert_compiled(compiled_for(package, "[]", "compiled"));

  CHECK(releases.remove(first) == std::vector<BlobId>{BlobId{"job-j1"}});
  CHECK(releases.remove(second) == std::vector<BlobId>{BlobId{"job-j2"}, BlobId{"pkg-p1"}, BlobId{"compiled"}});
  CHECK(releases.all().empty());
}

TEST_CASE("a release that a deployment uses cannot be removed") {
  StoreFixture store;
  Releases releases(store.db);
  Deployments deployments(store.db);
  const auto id = releases.insert(release_of("1", "j1", "p1"), store.now);
  auto deployment = deployments.find_or_create("prod", store.now);
  deployments.record_success(deployment, {id}, {}, store.now);
  try {
    releases.remove(id);
    FAIL("removed");
  } catch (const Error& error) {
    CHECK(error.code() == 30007);
    CHECK(std::string(error.what()) == "release is still in use by: prod");
  }
}

TEST_CASE("two compilers of one package share the row of the first") {
  StoreFixture store;
  Releases releases(store.db);
  const auto id = releases.insert(release_of("1", "j1", "p1"), store.now);
  const auto package = releases.find(id)->packages.at(0).id;
  const auto first = releases.insert_compiled(compiled_for(package, "[]", "one"));
  const auto second = releases.insert_compiled(compiled_for(package, "[]", "two"));
  CHECK(second.id == first.id);
  CHECK(second.blob == BlobId{"one"});
  CHECK(releases.insert_compiled(compiled_for(package, "[[\"base\",\"2\"]]", "three")).build == 2);
  CHECK(releases.find_compiled(package, "debian-12", "1.0", "[]")->blob == BlobId{"one"});
  CHECK_FALSE(releases.find_compiled(package, "debian-12", "1.1", "[]"));
}

TEST_CASE("replacing the blobs of a release drops what was compiled from them") {
  StoreFixture store;
  Releases releases(store.db);
  auto release = release_of("1", "j1", "p1");
  const auto id = releases.insert(release, store.now);
  const auto package = releases.find(id)->packages.at(0).id;
  releases.insert_compiled(compiled_for(package, "[]", "compiled"));
  release.packages.at(0).blob = BlobId{"fresh"};
  releases.replace_blobs(release);
  CHECK(releases.find(id)->packages.at(0).blob == BlobId{"fresh"});
  CHECK(releases.compiled_of(package).empty());
  CHECK_FALSE(releases.blob_in_use(BlobId{"compiled"}));
  CHECK(releases.blob_in_use(BlobId{"fresh"}));
}

TEST_CASE("a stemcell in use cannot be removed and says who uses it") {
  StoreFixture store;
  Stemcells stemcells(store.db);
  Deployments deployments(store.db);
  StemcellRecord stemcell;
  stemcell.name = "debian";
  stemcell.version = "1.0";
  stemcell.operating_system = "debian-12";
  stemcell.cid = StemcellCid{"sc-1"};
  const auto id = stemcells.insert(stemcell, store.now);
  deployments.record_success(deployments.find_or_create("prod", store.now), {}, {id}, store.now);
  CHECK(stemcells.deployments_using(id) == std::vector<std::string>{"prod"});
  CHECK_THROWS_WITH(stemcells.remove(id), "stemcell is still in use by: prod");
  CHECK_THROWS_AS(stemcells.insert(stemcell, store.now), Error);
  CHECK(stemcells.find("debian", "1.0", "")->cid == StemcellCid{"sc-1"});
  CHECK_FALSE(stemcells.find("debian", "1.0", "other-cpi"));
}

TEST_CASE("unchanged content creates no new version of a config") {
  StoreFixture store;
  Configs configs(store.db);
  const auto first = configs.put("cloud", "default", "azs: []", std::nullopt, store.now);
  CHECK(configs.put("cloud", "default", "azs: []", std::nullopt, store.now).id == first.id);
  CHECK(configs.put("cloud", "default", "azs: [z1]", std::nullopt, store.now).id != first.id);
}

TEST_CASE("a config is not overwritten by someone who saw an older version") {
  StoreFixture store;
  Configs configs(store.db);
  const auto first = configs.put("cloud", "default", "a", 0, store.now);
  configs.put("cloud", "default", "b", first.id, store.now);
  CHECK_THROWS_AS(configs.put("cloud", "default", "c", first.id, store.now), Error);
  CHECK(configs.list("cloud", "default", 1).at(0).content == "b");
}

TEST_CASE("configs are listed newest first, a bounded number of versions of each") {
  StoreFixture store;
  Configs configs(store.db);
  for (const auto* content : {"1", "2", "3"}) {
    configs.put("cloud", "default", content, std::nullopt, store.now);
    configs.put("runtime", "dns", content, std::nullopt, store.now);
  }
  const auto listed = configs.list("", "", 2);
  REQUIRE(listed.size() == 4);
  CHECK(listed[0].content == "3");
  CHECK(listed[0].current);
  CHECK(listed[1].content == "2");
  CHECK_FALSE(listed[1].current);
  CHECK(configs.list("runtime", "", 1).size() == 1);
}

TEST_CASE("a removed config is gone from lists and can be set again") {
  StoreFixture store;
  Configs configs(store.db);
  const auto first = configs.put("cloud", "default", "a", std::nullopt, store.now);
  CHECK(configs.remove("cloud", "default"));
  CHECK_FALSE(configs.remove("cloud", "default"));
  CHECK_FALSE(configs.find(first.id));
  CHECK(configs.put("cloud", "default", "a", std::nullopt, store.now).id != first.id);
}

TEST_CASE("a variable's value is sealed at rest and opens with the same key only") {
  StoreFixture store;
  VariableValues values(store.db, Secret(std::string(32, 'k')));
  const auto stored = values.put("/d/etcd/password", "s3cret-text", store.now);
  CHECK(values.latest("/d/etcd/password")->value == "s3cret-text");
  CHECK(values.find(stored.id)->name == "/d/etcd/password");
  for (const auto& row : store.db.run("SELECT sealed FROM variable_values").rows)
    CHECK(row.text("sealed").find("s3cret") == std::string::npos);
  VariableValues stranger(store.db, Secret(std::string(32, 'x')));
  CHECK_THROWS_AS(stranger.latest("/d/etcd/password"), Error);
}

TEST_CASE("a sealed value moved to another name does not open") {
  StoreFixture store;
  VariableValues values(store.db, Secret(std::string(32, 'k')));
  values.put("/d/a/password", "one", store.now);
  store.db.run("UPDATE variable_values SET name = '/d/b/password'");
  CHECK_THROWS_AS(values.latest("/d/b/password"), Error);
}

TEST_CASE("the first writer of a variable wins") {
  StoreFixture store;
  VariableValues values(store.db, Secret(std::string(32, 'k')));
  CHECK(values.put_if_absent("/d/etcd/ca", "one", store.now).value == "one");
  CHECK(values.put_if_absent("/d/etcd/ca", "two", store.now).value == "one");
}

TEST_CASE("a deployment stays pinned to its versions of variables until it is pinned anew") {
  StoreFixture store;
  VariableValues values(store.db, Secret(std::string(32, 'k')));
  const auto first = values.put("/d/etcd/ca", "one", store.now);
  values.pin("etcd", {first.id});
  const auto second = values.put("/d/etcd/ca", "two", store.now);
  CHECK(values.pinned("etcd").at(0).value == "one");
  values.pin("etcd", {second.id});
  CHECK(values.pinned("etcd").at(0).value == "two");
  CHECK(values.pinned_names("etcd").at(0).name == "/d/etcd/ca");
  values.remove_all("/d/etcd/");
  CHECK(values.pinned("etcd").empty());
}

TEST_CASE("events are filtered and come newest first") {
  StoreFixture store;
  Events events(store.db);
  EventRecord event;
  event.time = store.now;
  event.user = "admin";
  event.action = "create";
  event.object_type = "deployment";
  event.object_name = "etcd";
  event.deployment = "etcd";
  const auto parent = events.insert(event);
  event.parent = parent;
  event.error = "no";
  events.insert(event);
  event.deployment = "other";
  events.insert(event);
  EventFilter filter;
  filter.deployment = "etcd";
  const auto listed = events.list(filter);
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].parent == parent);
  filter.before_id = listed[0].id;
  CHECK(events.list(filter).size() == 1);
  filter.before = store.now;
  CHECK(events.list(filter).empty());
}

TEST_CASE("a step begun again keeps the intent of the first time") {
  StoreFixture store;
  Journal journal(store.db);
  const auto first = journal.begin(7, "create_vm", "i1", {{"agent", "a1"}}, store.now);
  const auto again = journal.begin(7, "create_vm", "i1", {{"agent", "a2"}}, store.now);
  CHECK(again.id == first.id);
  CHECK(again.intent.at("agent") == "a1");
  CHECK_FALSE(again.outcome);
  CHECK(journal.unfinished(7).size() == 1);
  journal.finish(first.id, {{"cid", "vm-a1"}}, store.now);
  CHECK(journal.unfinished(7).empty());
  CHECK(journal.begin(7, "create_vm", "i1", {}, store.now).outcome->at("cid") == "vm-a1");
  CHECK(journal.of_task(8).empty());
}
