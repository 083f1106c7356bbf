#include <doctest/doctest.h>

#include "director/planner/test_plans.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::test;

namespace decide_test {

namespace {

using Codes = std::vector<std::string>;

Json& group(Json& json, std::size_t i = 0) { return json["instance_groups"][i]; }

// What becomes of the first instance when the deployment `before` is asked to be `want`.
InstanceChange first_change(const Desired& want, const World& have) { return plan_for(want, have).plan.changes.at(0); }

InstanceChange change_by(const std::function<void(Json&)>& edit) {
  return first_change(desired(manifest(manifest_yaml, edit)), deployed(desired()));
}

InstanceChange change_by_cloud(const std::function<void(Json&)>& edit) {
  return first_change(desired(manifest(), cloud(edit)), deployed(desired()));
}

InstanceChange change_by_option(const std::function<void(DeployOptions&)>& edit,
                                const std::function<void(ActualInstance&)>& accident = {}) {
  auto want = desired();
  auto have = deployed(want);
  if (accident) accident(have.instances[0]);
  edit(want.options);
  return first_change(want, have);
}

std::vector<std::string> batches_of(const Plan& plan) {
  std::vector<std::string> out;
  for (const auto& partition : plan.partitions) {
    for (const auto& batch : partition) {
      out.push_back(batch.group + " " + batch.az + " " + std::to_string(batch.instances.size()) +
                    (batch.canary ? " canary" : "") + " by " + std::to_string(batch.max_in_flight));
    }
    out.push_back("--");
  }
  return out;
}

}  // namespace

TEST_CASE("a new deployment creates everything, AZ after AZ, the canary first") {
  const auto out = plan_for(desired(manifest(manifest_yaml, [](Json& m) { group(m)["instances"] = 6; })), world());
  for (const auto& change : out.plan.changes) {
    CHECK(change.action == Action::create);
    CHECK(reason_codes(change) == Codes{"new"});
  }
  CHECK(batches_of(out.plan) == std::vector<std::string>{"etcd z1 1 canary by 2", "etcd z1 1 by 2", "etcd z2 2 by 2",
                                                         "etcd z3 2 by 2", "--"});
}

TEST_CASE("the plan of what was just deployed is empty") {
  CHECK(is_empty(plan_for(desired(), deployed(desired())).plan));
}

TEST_CASE("a change of what a VM is made of makes a new VM") {
  const auto stemcell = change_by([](Json& m) { m["stemcells"][0]["version"] = 1.9; });
  CHECK(stemcell.action == Action::recreate);
  CHECK(reason_codes(stemcell) == Codes{"stemcell"});
  CHECK(stemcell.reasons[0].text == "stemcell 1.10 → 1.9");
  CHECK(reason_codes(change_by([](Json& m) { group(m)["vm_type"] = "large"; })) == Codes{"cloud_properties"});
  CHECK(reason_codes(change_by([](Json& m) { group(m)["env"] = {{"bosh", {{"x", 1}}}}; })) == Codes{"env"});
  CHECK(reason_codes(change_by_cloud([](Json& c) { c["azs"][0]["cloud_properties"]["host"] = "h9"; })) == Codes{"cloud_properties"});
  const auto moved = change_by_cloud([](Json& c) { c["networks"][0]["subnets"][0]["reserved"] = {"10.0.1.2-10.0.1.50"}; });
  CHECK(moved.action == Action::recreate);
  CHECK(moved.reasons[0].text == "network 'default': address 10.0.1.10 → 10.0.1.51");
  CHECK(change_by_cloud([](Json& c) { c["networks"][0]["subnets"][0]["dns"] = {"10.0.1.9"}; }).action == Action::recreate);
}

TEST_CASE("reasons name keys and never values, which may be secret") {
  const auto change = change_by([](Json& m) { group(m)["env"] = {{"password", "hunter2"}}; });
  CHECK(change.reasons[0].text == "env 'password' changed");
  CHECK(dump(change.cpi_calls).find("hunter2") == std::string::npos);
}

TEST_CASE("a change of jobs or their configuration is made in place") {
  const auto properties = change_by([](Json& m) { group(m)["jobs"][0]["properties"]["port"] = 1; });
  CHECK(properties.action == Action::update);
  CHECK(reason_codes(properties) == Codes{"configuration"});
  const auto jobs = change_by([](Json& m) { group(m)["jobs"].push_back({{"name", "plain"}, {"release", "etcd"}}); });
  CHECK(jobs.action == Action::update);
  CHECK(reason_codes(jobs) == Codes{"jobs", "configuration"});
}

TEST_CASE("packages are compared by build, or by content before anything is compiled") {
  const auto want = desired();
  auto have = deployed(want);
  auto out = plan_for(want, have);
  const auto& id = out.assignment.instances[0].id;
  out.packages[id] = {{"etcd", {{"version", "f1"}}}};
  CHECK(is_empty(decide(want, have, out.assignment, out.rendered, out.packages)));
  out.packages[id] = {{"etcd", {{"version", "f9"}}}};
  const auto plan = decide(want, have, out.assignment, out.rendered, out.packages);
  CHECK(plan.changes[0].action == Action::update);
  CHECK(plan.changes[0].reasons[0].text == "packages 'etcd' changed");
}

TEST_CASE("another disk is changed in place") {
  const auto size = change_by_cloud([](Json& c) { c["disk_types"][0]["disk_size"] = 2048; });
  CHECK(size.action == Action::update);
  CHECK(size.needs_disk_change);
  CHECK(size.reasons[0].text == "persistent disk 1024 MiB → 2048 MiB");
  CHECK(change_by_cloud([](Json& c) { c["disk_types"][0]["cloud_properties"]["kind"] = "hdd"; }).needs_disk_change);
  CHECK(change_by([](Json& m) { group(m).erase("persistent_disk_type"); }).needs_disk_change);
  CHECK(change_by_option([](DeployOptions& o) { o.recreate_persistent_disks = true; }).needs_disk_change);
}

TEST_CASE("each named disk is changed by itself, in place") {
  const auto named = [](Json types) {
    return [types](Json& m) {
      group(m).erase("persistent_disk_type");
      for (const auto& [name, type] : types.items()) group(m)["persistent_disks"].push_back({{"name", name}, {"type", type}});
    };
  };
  const auto config = cloud([](Json& c) { c["disk_types"].push_back({{"name", "big"}, {"disk_size", 9000}}); });
  const auto before = desired(manifest(manifest_yaml, named({{"a", "data"}, {"b", "data"}})), config);
  const auto have = deployed(before);
  CHECK(first_change(before, have).action == Action::none);

  const auto change = first_change(desired(manifest(manifest_yaml, named({{"a", "big"}, {"c", "big"}})), config), have);
  CHECK(change.action == Action::update);
  CHECK(change.needs_disk_change);
  CHECK(reason_codes(change) == Codes{"persistent_disk", "persistent_disk", "persistent_disk"});
  CHECK(change.reasons[0].text == "persistent disk 'a' 1024 MiB → 9000 MiB; the new one is empty");
  CHECK(change.reasons[1].text == "persistent disk 'c' none → 9000 MiB");
  CHECK(change.reasons[2].text == "persistent disk 'b' 1024 MiB → none");
  std::vector<std::string> calls;
  for (const auto& call : change.cpi_calls) calls.push_back(call.at("method"));
  CHECK(calls == Codes{"create_disk", "attach_disk", "detach_disk", "create_disk", "attach_disk", "detach_disk"});

  const auto back = first_change(desired(manifest(), config), have);
  REQUIRE(back.disks.size() == 3);
  CHECK(back.disks[0].made->name == "");
  CHECK_FALSE(back.disks[0].given_up);
}

TEST_CASE("tags and names alone do not stop anything") {
  const auto tags = change_by([](Json& m) { m["tags"]["owner"] = "them"; });
  CHECK(tags.action == Action::metadata);
  CHECK(reason_codes(tags) == Codes{"tags"});
  auto have = deployed(desired());
  have.instances[0].record.dns_names.clear();
  CHECK(first_change(desired(), have).action == Action::metadata);
}

TEST_CASE("an unfinished update is done again, in place when the VM is right already") {
  const auto change = change_by_option([](DeployOptions&) {}, [](ActualInstance& i) { i.record.update_completed = false; });
  CHECK(change.action == Action::update);
  CHECK(reason_codes(change) == Codes{"dirty"});
}

TEST_CASE("recreate, fix and restart do what they are asked for") {
  CHECK(change_by_option([](DeployOptions& o) { o.recreate = true; }).action == Action::recreate);
  const auto silent = [](ActualInstance& i) { i.responsive = false; i.job_state.clear(); };
  CHECK(change_by_option([](DeployOptions& o) { o.fix = true; }, silent).action == Action::recreate);
  CHECK(change_by_option([](DeployOptions& o) { o.fix = true; }).action == Action::none);
  CHECK(change_by_option([](DeployOptions& o) { o.restart = true; }).action == Action::update);
  CHECK(change_by_option([](DeployOptions& o) {
          o.recreate = true;
          o.recreate_vms_created_before = Timestamp{} - std::chrono::hours(1);
        }).action == Action::none);
}

TEST_CASE("stopping keeps the VM, detaching gives it up, starting brings it back") {
  const auto stop = change_by_option([](DeployOptions& o) { o.set_state = InstanceState::stopped; });
  CHECK(stop.action == Action::update);
  CHECK(stop.target == InstanceState::stopped);
  const auto detach = change_by_option([](DeployOptions& o) { o.set_state = InstanceState::detached; });
  CHECK(detach.action == Action::update);
  CHECK(detach.cpi_calls.back()["method"] == "delete_vm");

  auto want = desired();
  want.options.set_state = InstanceState::detached;
  auto have = after(want, deployed(desired()), plan_for(want, deployed(desired())));
  CHECK(is_empty(plan_for(desired(), have).plan));
  want.options.set_state = InstanceState::started;
  CHECK(first_change(want, have).action == Action::create);
}

TEST_CASE("a process that does not run is started again and a stopped one that runs is stopped") {
  const auto failing = change_by_option([](DeployOptions&) {}, [](ActualInstance& i) { i.job_state = "failing"; });
  CHECK(failing.action == Action::update);
  CHECK(reason_codes(failing) == Codes{"state"});
  const auto running = change_by_option([](DeployOptions&) {}, [](ActualInstance& i) { i.record.state = InstanceState::stopped; });
  CHECK(running.action == Action::update);
}

TEST_CASE("a lost VM is made anew and its disk attached") {
  const auto change = change_by_option([](DeployOptions&) {}, [](ActualInstance& i) { i.vm.reset(); });
  CHECK(change.action == Action::create);
  CHECK(reason_codes(change) == Codes{"missing_vm"});
  Codes methods;
  for (const auto& call : change.cpi_calls) methods.push_back(call["method"]);
  CHECK(methods == Codes{"create_vm", "set_vm_metadata", "attach_disk"});
}

TEST_CASE("options that name an instance touch no other") {
  auto want = desired();
  const auto have = deployed(want);
  want.options.only_group = "etcd";
  want.options.only_instance = have.instances[1].record.id.value;
  want.options.recreate = true;
  const auto out = plan_for(want, have);
  CHECK(out.plan.changes[0].action == Action::none);
  CHECK(out.plan.changes[1].action == Action::recreate);
  CHECK(batches_of(out.plan) == std::vector<std::string>{"etcd z2 1 canary by 2", "--"});
}

TEST_CASE("surplus instances are removed and ignored ones are left alone") {
  auto have = deployed(desired());
  const auto out = plan_for(desired(manifest(manifest_yaml, [](Json& m) { group(m)["instances"] = 2; })), have);
  CHECK(out.plan.changes.back().action == Action::remove);
  CHECK(out.plan.changes.back().cpi_calls.size() == 2);
  have.instances[0].record.ignore = true;
  auto want = desired();
  want.options.recreate = true;
  const auto careful = plan_for(want, have);
  CHECK(careful.plan.changes[0].action == Action::none);
  CHECK(careful.plan.changes[1].action == Action::recreate);
}

TEST_CASE("an errand has no VM until it runs") {
  const auto want = desired(manifest(manifest_yaml, [](Json& m) { group(m)["lifecycle"] = "errand"; }));
  CHECK(is_empty(plan_for(want, world()).plan));
  CHECK(is_empty(plan_for(want, deployed(want)).plan));
}

TEST_CASE("serial groups follow each other and parallel neighbours share a partition") {
  const auto out = plan_for(desired(manifest(manifest_yaml, [](Json& m) {
                              m["instance_groups"] = Json::array();
                              const auto add = [&](const char* name, bool serial) {
                                auto one = parse_yaml(manifest_yaml, "m")["instance_groups"][0];
                                one["name"] = name;
                                one["instances"] = 1;
                                one["update"] = {{"serial", serial}};
                                one["jobs"][0]["name"] = "plain";
                                m["instance_groups"].push_back(one);
                              };
                              for (const auto* name : {"a", "b"}) add(name, true);
                              for (const auto* name : {"c", "d"}) add(name, false);
                              add("e", true);
                              add("f", false);
                            })),
                            world());
  std::string text;
  for (const auto& partition : out.plan.partitions) {
    for (const auto& batch : partition) text += batch.group;
    text += "|";
  }
  CHECK(text == "a|b|cd|e|f|");
}

TEST_CASE("the bootstrap instance's AZ goes first and counts are of changed instances") {
  auto have = deployed(desired(manifest(manifest_yaml, [](Json& m) { group(m)["instances"] = 6; })));
  for (auto& instance : have.instances) instance.record.bootstrap = instance.record.index == 4;
  const auto want = desired(manifest(manifest_yaml, [](Json& m) {
    group(m)["instances"] = 6;
    group(m)["vm_type"] = "large";
    m["update"]["canaries"] = "50%";
    m["update"]["max_in_flight"] = "10%";
  }));
  const auto out = plan_for(want, have);
  CHECK(batches_of(out.plan) == std::vector<std::string>{"etcd z2 1 canary by 1", "etcd z2 1 by 1", "etcd z1 2 by 1",
                                                         "etcd z3 2 by 1", "--"});
  CHECK(out.plan.partitions[0][0].instances[0] == have.instances[3].record.id);
}

TEST_CASE("options override counts, and a first deploy can take all AZs at once") {
  auto want = desired(manifest(manifest_yaml, [](Json& m) {
    m["update"]["initial_deploy_az_update_strategy"] = "parallel";
    group(m)["instances"] = 6;
  }));
  CHECK(batches_of(plan_for(want, world()).plan) == std::vector<std::string>{"etcd  6 by 2", "--"});
  const auto have = deployed(want);
  want.options.recreate = true;
  want.options.canaries = "0";
  want.options.max_in_flight = "100%";
  CHECK(batches_of(plan_for(want, have).plan) ==
        std::vector<std::string>{"etcd z1 2 by 2", "etcd z2 2 by 2", "etcd z3 2 by 2", "--"});
}

TEST_CASE("one plan has one hash whatever ids its new instances will get") {
  const auto want = desired();
  CHECK(plan_for(want, world(), 1).plan.hash == plan_for(want, world(), 2).plan.hash);
  CHECK(plan_for(want, world()).plan.hash.size() == 64);
  const auto other = desired(manifest(manifest_yaml, [](Json& m) { group(m)["instances"] = 4; }));
  CHECK(plan_for(want, world()).plan.hash != plan_for(other, world()).plan.hash);
}

}  // namespace decide_test
