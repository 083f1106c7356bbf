#include <doctest/doctest.h>

#include "base/sql/postgresql_fixture.hpp"
#include "director/store/schema.hpp"
#include "director/store/stores.hpp"

using namespace slipway;
using namespace slipway::director;

TEST_CASE("the same store works on PostgreSQL") {
  sql::Database db(sql::PostgresqlServer::shared().create_database("director_store"));
  db.migrate(migrations());
  db.migrate(migrations());
  const Timestamp now{std::chrono::hours{24 * 365 * 56}};

  Deployments deployments(db);
  auto deployment = deployments.find_or_create("etcd", now);
  CHECK(deployments.find_or_create("etcd", now).id == deployment.id);
  Instances instances(db);
  InstanceRecord instance;
  instance.id = InstanceId{"i1"};
  instance.deployment = "etcd";
  instance.group = "etcd";
  instances.insert(instance);
  instance.index = 3;
  instances.update(instance);
  Vms vms(db);
  VmRecord vm;
  vm.agent = AgentId{"a1"};
  vm.instance = instance.id;
  vm.deployment = "etcd";
  vms.insert_creating(vm);
  vms.set_created(vm.agent, VmCid{"vm-1"}, Json::object());
  vms.set_active(vm.agent);
  CHECK(vms.active_of(instance.id)->cid == VmCid{"vm-1"});
  IpAddresses ips(db);
  const IpRecord ip{"10.0.0.2", "etcd", instance.id, {}, "default", false};
  CHECK(ips.reserve(ip, now));
  CHECK(ips.reserve(ip, now));
  CHECK_FALSE(ips.reserve({"10.0.0.2", "etcd", {}, AgentId{"c"}, "default", false}, now));
  CHECK_THROWS_AS(deployments.remove("etcd"), Error);
  Disks disks(db);
  DiskRecord disk;
  disk.cid = DiskCid{"d1"};
  disk.deployment = "etcd";
  disks.insert(disk);
  disks.set_state(disk.cid, DiskState::orphaned, now);
  CHECK(disks.orphaned().size() == 1);

  Configs configs(db);
  const auto config = configs.put("cloud", "default", "a", std::nullopt, now);
  configs.put("cloud", "default", "b", config.id, now);
  CHECK(configs.list("cloud", "", 1).at(0).content == "b");
  CHECK_FALSE(configs.find(config.id)->current);

  Releases releases(db);
  ReleaseRecord release;
  release.name = "etcd";
  release.version = "1";
  release.jobs = {{"etcd", "j", "j", BlobId{"b1"}, "s", Json::object()}};
  release.packages = {{0, "etcd", "p", "p", BlobId{"b2"}, "s", {}}};
  const auto id = releases.insert(release, now);
  CompiledPackageRecord compiled;
  compiled.package_id = releases.find(id)->packages.at(0).id;
  compiled.dependency_key = "[]";
  compiled.blob = BlobId{"b3"};
  CHECK(releases.insert_compiled(compiled).build == 1);
  CHECK(releases.insert_compiled(compiled).build == 1);
  CHECK(releases.packages_with_fingerprints({"p", "q"}).size() == 1);
  deployments.record_success(deployment, {id}, {}, now);
  CHECK_THROWS_AS(releases.remove(id), Error);
  deployments.record_success(deployment, {}, {}, now);
  CHECK(releases.remove(id).size() == 3);

  VariableValues values(db, Secret(std::string(32, 'k')));
  const auto variable = values.put_if_absent("/d/a", "secret", now);
  values.pin("etcd", {variable.id});
  CHECK(values.pinned("etcd").at(0).value == "secret");
  values.remove_all("/d/");
  CHECK(values.pinned("etcd").empty());

  Events events(db);
  EventRecord event;
  event.time = now;
  event.deployment = "etcd";
  events.insert(event);
  EventFilter filter;
  filter.deployment = "etcd";
  filter.after = now - std::chrono::seconds(1);
  CHECK(events.list(filter).size() == 1);
  Journal journal(db);
  const auto step = journal.begin(1, "k", "x", {{"a", 1}}, now);
  journal.finish(step.id, Json("done"), now);
  CHECK(journal.begin(1, "k", "x", {}, now).outcome == Json("done"));
}
