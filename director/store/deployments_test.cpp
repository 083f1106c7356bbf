#include <doctest/doctest.h>

#include "director/store/errand_runs.hpp"
#include "director/store/fixture.hpp"
#include "director/store/stores.hpp"
#include "director/store/temporary_blobs.hpp"

using namespace slipway;
using namespace slipway::director;

namespace {

InstanceRecord instance_named(const std::string& id) {
  InstanceRecord instance;
  instance.id = InstanceId{id};
  instance.deployment = "etcd";
  instance.group = "etcd";
  instance.az = "z1";
  instance.dns_names = {"a.bosh"};
  return instance;
}

VmRecord vm_of(const std::string& instance, const std::string& agent) {
  VmRecord vm;
  vm.agent = AgentId{agent};
  vm.instance = InstanceId{instance};
  vm.deployment = "etcd";
  vm.stemcell = {"debian", "debian-12", "1.0", "default"};
  vm.cloud_properties = {{"cpu", 2}};
  return vm;
}

}  // namespace

TEST_CASE("a deployment keeps the manifest of its last success when a later attempt fails") {
  StoreFixture store;
  Deployments deployments(store.db);
  auto deployment = deployments.find_or_create("etcd", store.now);
  deployment.manifest = "first";
  deployment.cloud_config_ids = {4};
  deployments.record_success(deployment, {}, {}, store.now);

  deployments.record_attempt("etcd", "second", store.now);

  const auto found = deployments.find("etcd").value();
  CHECK(found.manifest == "first");
  CHECK(found.attempted_manifest == "second");
  CHECK(found.cloud_config_ids == std::vector<std::int64_t>{4});
}

TEST_CASE("finding or creating a deployment twice gives one deployment") {
  StoreFixture store;
  Deployments deployments(store.db);
  const auto first = deployments.find_or_create("etcd", store.now);
  CHECK(deployments.find_or_create("etcd", store.now).id == first.id);
  CHECK(deployments.all().size() == 1);
}

TEST_CASE("recording the success of an unknown deployment is refused") {
  StoreFixture store;
  DeploymentRecord unknown;
  unknown.name = "nobody";
  CHECK_THROWS_WITH_AS(Deployments(store.db).record_success(unknown, {}, {}, store.now),
                       "deployment 'nobody' does not exist", Error);
}

TEST_CASE("a deployment with an instance, a VM or a disk in use cannot be removed") {
  StoreFixture store;
  Deployments deployments(store.db);
  Instances instances(store.db);
  Vms vms(store.db);
  Disks disks(store.db);
  deployments.find_or_create("etcd", store.now);
  instances.insert(instance_named("i1"));
  vms.insert_creating(vm_of("i1", "a1"));
  DiskRecord disk;
  disk.cid = DiskCid{"d1"};
  disk.deployment = "etcd";
  disk.instance = InstanceId{"i1"};
  disks.insert(disk);

  CHECK_THROWS_WITH(deployments.remove("etcd"), "deployment 'etcd' still has instances");
  CHECK_THROWS_WITH(instances.remove(InstanceId{"i1"}), "instance 'i1' still has a VM");
  vms.remove(AgentId{"a1"});
  instances.remove(InstanceId{"i1"});
  CHECK_THROWS_WITH(deployments.remove("etcd"), "deployment 'etcd' still has disks that are not orphaned");
  disks.set_state(DiskCid{"d1"}, DiskState::orphaned, store.now);
  deployments.remove("etcd");
  CHECK_FALSE(deployments.find("etcd"));
  CHECK(disks.orphaned().at(0).orphaned_at == store.now);
}

TEST_CASE("an instance reads back as it was written") {
  StoreFixture store;
  Deployments(store.db).find_or_create("etcd", store.now);
  Instances instances(store.db);
  auto instance = instance_named("i1");
  instances.insert(instance);
  instance.index = 2;
  instance.bootstrap = true;
  instance.state = InstanceState::stopped;
  instance.update_completed = true;
  instance.spec = {{"job", {{"name", "etcd"}}}};
  instances.update(instance);

  const auto found = instances.find(InstanceId{"i1"}).value();
  CHECK(found.index == 2);
  CHECK(found.bootstrap);
  CHECK(found.state == InstanceState::stopped);
  CHECK(found.update_completed);
  CHECK(found.spec == instance.spec);
  CHECK(found.dns_names == instance.dns_names);
  CHECK_THROWS_AS(instances.update(instance_named("i2")), Error);
}

TEST_CASE("the intent to create a VM is found again before the cloud has answered") {
  StoreFixture store;
  Deployments(store.db).find_or_create("etcd", store.now);
  Instances(store.db).insert(instance_named("i1"));
  Vms vms(store.db);
  vms.insert_creating(vm_of("i1", "a1"));

  const auto creating = vms.find(AgentId{"a1"}).value();
  CHECK(creating.state == VmState::creating);
  CHECK_FALSE(creating.cid);
  CHECK(creating.stemcell.os == "debian-12");

  vms.set_created(AgentId{"a1"}, VmCid{"vm-a1"}, {{"default", {{"ip", "10.0.0.2"}}}});
  CHECK(vms.find_by_cid(VmCid{"vm-a1"})->state == VmState::created);
}

TEST_CASE("making one VM of an instance active makes its others inactive") {
  StoreFixture store;
  Deployments(store.db).find_or_create("etcd", store.now);
  Instances(store.db).insert(instance_named("i1"));
  Vms vms(store.db);
  vms.insert_creating(vm_of("i1", "a1"));
  vms.insert_creating(vm_of("i1", "a2"));
  vms.set_active(AgentId{"a1"});
  vms.set_active(AgentId{"a2"});
  CHECK(vms.active_of(InstanceId{"i1"})->agent == AgentId{"a2"});
  CHECK_FALSE(vms.find(AgentId{"a1"})->active);
}

TEST_CASE("two VMs never share one agent id") {
  StoreFixture store;
  Vms vms(store.db);
  auto vm = vm_of("", "a1");
  vms.insert_creating(vm);
  CHECK_THROWS_AS(vms.insert_creating(vm), Error);
}

TEST_CASE("an address has one owner, who may reserve it again") {
  StoreFixture store;
  Deployments(store.db).find_or_create("etcd", store.now);
  Instances instances(store.db);
  instances.insert(instance_named("i1"));
  instances.insert(instance_named("i2"));
  IpAddresses addresses(store.db);
  const IpRecord mine{"10.0.0.2", "etcd", InstanceId{"i1"}, {}, "default", false};
  CHECK(addresses.reserve(mine, store.now));
  CHECK(addresses.reserve(mine, store.now));
  CHECK_FALSE(addresses.reserve({"10.0.0.2", "etcd", InstanceId{"i2"}, {}, "default", false}, store.now));
  CHECK_FALSE(addresses.reserve({"10.0.0.2", "etcd", {}, AgentId{"compiler"}, "default", false}, store.now));

  instances.remove(InstanceId{"i1"});
  CHECK(addresses.all().empty());
}

TEST_CASE("the addresses of a compilation VM go with its agent and touch no instance's") {
  StoreFixture store;
  Deployments(store.db).find_or_create("etcd", store.now);
  Instances(store.db).insert(instance_named("i1"));
  IpAddresses addresses(store.db);
  addresses.reserve({"10.0.0.2", "etcd", InstanceId{"i1"}, {}, "default", false}, store.now);
  addresses.reserve({"10.0.0.3", "etcd", {}, AgentId{"compiler"}, "default", false}, store.now);
  addresses.release_of_agent(AgentId{"compiler"});
  addresses.release_of_agent(AgentId{""});
  REQUIRE(addresses.of_deployment("etcd").size() == 1);
  CHECK(addresses.all().at(0).address == "10.0.0.2");
}

TEST_CASE("an errand's last success is compared with until it is forgotten, and goes with the deployment") {
  StoreFixture store;
  Deployments deployments(store.db);
  deployments.find_or_create("etcd", store.now);
  ErrandRuns runs(store.db);
  CHECK_FALSE(runs.last_success("etcd", "smoke"));
  runs.record_success("etcd", "smoke", "hash-1", store.now);
  runs.record_success("etcd", "smoke", "hash-2", store.now);
  CHECK(runs.last_success("etcd", "smoke") == "hash-2");
  CHECK_FALSE(runs.last_success("etcd", "other"));
  runs.forget("etcd", "smoke");
  CHECK_FALSE(runs.last_success("etcd", "smoke"));

  runs.record_success("etcd", "smoke", "hash-3", store.now);
  deployments.remove("etcd");
  deployments.find_or_create("etcd", store.now);
  CHECK_FALSE(runs.last_success("etcd", "smoke"));
}

TEST_CASE("a temporary blob expires at its time") {
  StoreFixture store;
  TemporaryBlobs blobs(store.db);
  blobs.add(BlobId{"b1"}, "etcd", store.now + std::chrono::hours{1});
  blobs.add(BlobId{"b2"}, "etcd", store.now + std::chrono::hours{2});
  CHECK(blobs.expired(store.now).empty());
  CHECK(blobs.expired(store.now + std::chrono::hours{1}) == std::vector<BlobId>{BlobId{"b1"}});
  CHECK(blobs.deployment_of(BlobId{"b2"}) == "etcd");
  blobs.remove(BlobId{"b2"});
  CHECK_FALSE(blobs.deployment_of(BlobId{"b2"}));
}
