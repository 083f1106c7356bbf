#include <doctest/doctest.h>

#include <thread>

#include "director/api/fixture.hpp"

using namespace slipway;
using namespace slipway::director;

namespace care_routes_test {

namespace {

// A deployment "web" with one instance "app/i1" that has the disk "d1".
struct CareFixture : ApiFixture {
  CareFixture() {
    stores.deployments.find_or_create("web", now);
    InstanceRecord instance;
    instance.id = InstanceId{"i1"};
    instance.deployment = "web";
    instance.group = "app";
    stores.instances.insert(instance);
    DiskRecord disk;
    disk.cid = DiskCid{"d1"};
    disk.deployment = "web";
    disk.group = "app";
    disk.instance = instance.id;
    disk.size_mib = 10;
    stores.disks.insert(disk);
  }
  std::int64_t add_problem(ProblemType type) {
    ProblemRecord problem;
    problem.type = type;
    problem.instance = InstanceId{"i1"};
    problem.group = "app";
    problem.description = "VM for 'app/i1 (0)' missing.";
    return stores.problems.replace_open("web", {}, {problem}, now).at(0).id;
  }
  int status(const std::string& method, const std::string& target, const std::string& body_text = {}) {
    return send(method, target, body_text).status;
  }
};

}  // namespace

TEST_CASE("problems are scanned for by a task, listed with their resolutions and resolved by a task") {
  CareFixture f;
  const auto scan = f.task(f.send("POST", "/deployments/web/scans"));
  CHECK(scan.type == "cck_scan");
  CHECK(scan.arguments == Json({{"deployment", "web"}}));
  CHECK(f.json(f.send("GET", "/deployments/web/problems")) == Json::array());

  const auto id = std::to_string(f.add_problem(ProblemType::missing_vm));
  const auto listed = f.json(f.send("GET", "/deployments/web/problems")).at(0);
  CHECK(std::to_string(listed.at("id").get<int>()) == id);
  CHECK(listed.at("type") == "missing_vm");
  CHECK(listed.at("instance_group") == "app");
  CHECK(listed.at("description") == "VM for 'app/i1 (0)' missing.");
  CHECK(listed.at("resolutions").at(0) == Json({{"name", "ignore"}, {"plan", "Skip for now"}}));
  CHECK(listed.at("resolutions").size() == 4);

  const auto apply = f.task(f.send("PUT", "/deployments/web/problems",
                                   R"({"resolutions":{")" + id + R"(":"recreate_vm","999":null},)"
                                   R"("max_in_flight_overrides":{"app":"50%","other":3}})"));
  CHECK(apply.type == "cck_apply");
  CHECK(apply.arguments.at("resolutions").at(id) == "recreate_vm");
  CHECK(apply.arguments.at("resolutions").at("999").is_null());
  CHECK(apply.arguments.at("max_in_flight_overrides") == Json({{"app", "50%"}, {"other", "3"}}));
}

TEST_CASE("everything that is wrong with a request to resolve problems is told at once") {
  CareFixture f;
  const auto id = std::to_string(f.add_problem(ProblemType::missing_vm));
  const auto refused = f.send("PUT", "/deployments/web/problems",
                              R"({"resolutions":{")" + id + R"(":"reboot_vm","x":"ignore","7":3},)"
                              R"("max_in_flight_overrides":{"app":"many"}})");
  CHECK(refused.status == 400);
  const auto error = f.json(refused);
  CHECK(error.at("code") == 410003);
  const auto text = error.at("description").get<std::string>();
  for (const char* part : {"reboot_vm", "delete_vm_reference", "resolutions.x", "resolutions.7", "app"})
    CHECK(text.find(part) != std::string::npos);
  for (const char* body : {"", "{}", "[]", R"({"resolutions":[]})", R"({"solution":"default"})",
                           R"({"resolutions":{},"max_in_flight_overrides":3})"})
    CHECK(f.status("PUT", "/deployments/web/problems", body) == 400);
  CHECK(f.status("POST", "/deployments/none/scans") == 404);
  CHECK(f.status("GET", "/deployments/none/problems") == 404);
}

TEST_CASE("whoever asks for a repair may choose the remedy for VMs and how long to wait, within limits") {
  CareFixture f;
  const auto task = f.task(f.send(
      "PUT", "/deployments/web/scan_and_fix",
      R"({"jobs":{"app":["i1"]},"resolutions":{"unresponsive_agent":"reboot_vm","full_disk":"recreate_vm","failing_jobs":"reboot_vm"},"full_disk_percent":90,"state_wait_ms":500,"reboot_wait_seconds":9})"));
  CHECK(task.arguments.at("resolutions") ==
        Json{{"unresponsive_agent", "reboot_vm"}, {"full_disk", "recreate_vm"}, {"failing_jobs", "reboot_vm"}});
  CHECK(task.arguments.at("full_disk_percent") == 90);
  CHECK(task.arguments.at("state_wait_ms") == 500);
  CHECK(task.arguments.at("reboot_wait_seconds") == 9);
  for (const auto* more : {R"("resolutions":{"unresponsive_agent":"pray"})", R"("resolutions":{"missing_vm":"reboot_vm"})",
                           R"("resolutions":{"missing_disk":"ignore"})",
                           R"("resolutions":{"full_disk":"reboot_vm"})", R"("full_disk_percent":49)", R"("full_disk_percent":"97")", R"("state_wait_ms":1)",
                           R"("reboot_wait_seconds":100000)"})
    CHECK(f.status("PUT", "/deployments/web/scan_and_fix", std::string(R"({"jobs":{},)") + more + "}") == 400);
}

TEST_CASE("of several health monitors one has the lease, until it is let go or not renewed") {
  CareFixture f;
  const auto ask = [&](const std::string& holder, int seconds) {
    const Json body = {{"holder", holder}, {"seconds", seconds}};
    return f.json(f.send("PUT", "/health_monitor/lease", dump(body)));
  };
  CHECK(ask("one", 60).at("yours") == true);
  CHECK(ask("two", 60).at("yours") == false);
  CHECK(ask("two", 60).at("holder") == "one");
  CHECK(ask("one", 60).at("yours") == true);
  CHECK(ask("two", 0).at("yours") == false);  // lets go of what it has not
  CHECK(ask("two", 60).at("yours") == false);
  ask("one", 0);
  CHECK(ask("two", 1).at("yours") == true);
  std::this_thread::sleep_for(std::chrono::milliseconds{1100});
  CHECK(ask("one", 60).at("yours") == true);
  CHECK(f.status("PUT", "/health_monitor/lease", R"({"holder":"","seconds":1})") == 400);
  CHECK(f.status("PUT", "/health_monitor/lease", R"({"holder":"one","seconds":1000})") == 400);
}

TEST_CASE("while resurrection is paused nobody is resurrected, but who asks for it himself is served") {
  CareFixture f;
  CHECK(f.status("PUT", "/resurrection", R"({"resurrection_paused":true})") == 200);
  const std::string jobs = R"({"jobs":{"app":["i1"]}})";
  CHECK(f.status("PUT", "/deployments/web/scan_and_fix", jobs) == 200);
  CHECK(f.tasks.list({}).empty());
  CHECK(f.status("POST", "/deployments/web/scans") == 302);
  CHECK(f.status("PUT", "/resurrection", R"({"resurrection_paused":false})") == 200);
  CHECK(f.task(f.send("PUT", "/deployments/web/scan_and_fix", jobs)).type == "scan_and_fix");
  CHECK(f.status("PUT", "/resurrection", R"({"resurrection_paused":"yes"})") == 400);
  CHECK(f.status("PUT", "/deployments/web/jobs/app/i1/resurrection", R"({"resurrection_paused":true})") == 410);
  const auto events = f.json(f.send("GET", "/events?object_type=resurrection"));
  REQUIRE(events.size() == 2);
  CHECK(events[0].at("action") == "enable");
  CHECK(events[1].at("action") == "disable");
}

TEST_CASE("a resurrection config is checked before it is taken") {
  CareFixture f;
  const auto put = [&](const std::string& content) {
    return f.status("POST", "/configs", Json({{"type", "resurrection"}, {"name", "a"}, {"content", content}}).dump());
  };
  CHECK(put("rules: [{enabled: false, include: {deployments: [web]}}]") == 201);
  CHECK(put("rules: [{include: {deployments: [web]}}]") == 400);
  CHECK(put("rule: []") == 400);
}

TEST_CASE("a disk is orphaned, deleted and attached by tasks") {
  CareFixture f;
  CHECK(f.task(f.send("DELETE", "/disks/d1?orphan=true")).type == "orphan_disk");
  const auto deletion = f.task(f.send("DELETE", "/disks/d1"));
  CHECK(deletion.type == "delete_orphan_disks");
  CHECK(deletion.arguments == Json({{"disk_cid", "d1"}}));
  const auto attach =
      f.task(f.send("PUT", "/disks/d9/attachments?deployment=web&job=app&instance_id=i1&disk_properties=copy"));
  CHECK(attach.type == "attach_disk");
  CHECK(attach.arguments == Json({{"deployment", "web"},
                                  {"group", "app"},
                                  {"instance", "i1"},
                                  {"disk_cid", "d9"},
                                  {"disk_properties", "copy"}}));
  CHECK(f.status("PUT", "/disks/d9/attachments?deployment=none&job=app&instance_id=i1") == 404);
  const auto refused = f.json(f.send("PUT", "/disks/d9/attachments?disk_properties=half"));
  for (const char* part : {"deployment", "job", "instance_id", "half"})
    CHECK(refused.at("description").get<std::string>().find(part) != std::string::npos);
}

TEST_CASE("orphaned VMs are listed as the command line reads them and deleted by a task") {
  CareFixture f;
  f.stores.orphaned_vms.orphan(
      {0, AgentId{"a1"}, VmCid{"vm-1"}, "web", "app/i1", "z1", "", {"10.0.0.2"}, f.now});
  const auto listed = f.json(f.send("GET", "/orphaned_vms"));
  CHECK(listed == Json::array({{{"cid", "vm-1"},
                                {"deployment_name", "web"},
                                {"instance_name", "app/i1"},
                                {"az", "z1"},
                                {"ip_addresses", {"10.0.0.2"}},
                                {"orphaned_at", to_director_time(f.now)}}}));
  const auto deletion = f.task(f.send("DELETE", "/vms/vm-1"));
  CHECK(deletion.type == "delete_vm");
  CHECK(deletion.arguments == Json({{"vm_cid", "vm-1"}}));
}

TEST_CASE("there are no orphaned networks, and deleting one says so") {
  CareFixture f;
  CHECK(f.json(f.send("GET", "/networks?orphaned=true")) == Json::array());
  CHECK(f.status("GET", "/networks") == 400);
  const auto refused = f.send("DELETE", "/networks/lan");
  CHECK(refused.status == 404);
  CHECK(f.json(refused).at("description").get<std::string>().find("lan") != std::string::npos);
}

TEST_CASE("snapshots are listed with their instance and made and deleted by tasks") {
  CareFixture f;
  f.stores.snapshots.insert({0, SnapshotCid{"s1"}, DiskCid{"d1"}, true, f.now});
  const Json row = {{"job", "app"}, {"index", 0},   {"uuid", "i1"}, {"snapshot_cid", "s1"},
                    {"clean", true}, {"created_at", to_director_time(f.now)}};
  CHECK(f.json(f.send("GET", "/deployments/web/snapshots")) == Json::array({row}));
  CHECK(f.json(f.send("GET", "/deployments/web/jobs/app/0/snapshots")) == Json::array({row}));
  CHECK(f.task(f.send("POST", "/deployments/web/snapshots")).type == "snapshot_deployment");
  CHECK(f.task(f.send("DELETE", "/deployments/web/snapshots")).type == "delete_deployment_snapshots");
  CHECK(f.task(f.send("POST", "/deployments/web/jobs/app/0/snapshots")).arguments.at("instance") == "i1");
  CHECK(f.task(f.send("DELETE", "/deployments/web/snapshots/s1")).arguments.at("snapshot_cid") == "s1");
  CHECK(f.status("DELETE", "/deployments/web/snapshots/s2") == 404);
  f.stores.deployments.find_or_create("other", f.now);
  CHECK(f.status("DELETE", "/deployments/other/snapshots/s1") == 404);
  CHECK(f.status("POST", "/deployments/web/jobs/app/5/snapshots") == 404);
}

}  // namespace care_routes_test
