#include <doctest/doctest.h>

#include <algorithm>

#include "test/bosh-cli/bosh_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace life_2_deploy_test {

namespace {

Life life;  // as it was deployed last

Said must_deploy(BoshLab& lab, const std::vector<std::string>& options = {}) {
  auto said = deploy(lab, life, options);
  INFO(said.raw);
  REQUIRE(said.exit_code == 0);
  return said;
}

std::vector<std::string> cids(BoshLab& lab) {
  auto found = column(lab.must_life({"vms"}).rows(), "vm_cid");
  std::sort(found.begin(), found.end());
  return found;
}

int drains_on(BoshLab& lab, const std::string& vm_cid) {
  const auto scripts = lab.file_on_node(vm_cid, "/var/vcap/store/scripts");
  int count = 0;
  for (auto at = scripts.find("drain"); at != std::string::npos; at = scripts.find("drain", at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a dry run of a first deploy makes nothing") {
  auto& lab = BoshLab::get();
  must_deploy(lab, {"--dry-run"});
  CHECK(lab.must_bosh({"deployments"}).rows().empty());
  CHECK(lab.domains().empty());
  CHECK(lab.must_bosh({"releases"}).rows().at(0).at("version") == "2.0.0");
}

TEST_CASE("a first deploy compiles, makes VMs, links jobs and generates variables") {
  auto& lab = BoshLab::get();
  const auto said = must_deploy(lab);
  CHECK(said.added("name: life"));
  CHECK_FALSE(said.says("greeting: hello"));  // properties are not for everybody's eyes
  CHECK(said.says("<redacted>"));
  CHECK(said.says("Compiling packages: speaker/"));
  CHECK(said.says("Updating instance server: server/"));

  const auto deployment = lab.must_bosh({"deployments"}).rows_with("name", "life");
  REQUIRE(deployment.size() == 1);
  CHECK(deployment.at(0).at("release_s") == "life/1.0.0");
  CHECK(deployment.at(0).at("stemcell_s") == "slipway-libvirt-debian-bookworm/1.0");
  CHECK(lab.must_life({"manifest"}).says("greeting: hello"));
  CHECK(column(lab.must_life({"variables"}).rows(), "name") ==
        std::vector<std::string>{"/slipway/life/password"});
  CHECK(lab.must_bosh({"locks"}).rows().empty());

  const auto client = instances_of(lab, "client").at(0).at("vm_cid");
  for (const auto& server : instances_of(lab, "server")) {
    CHECK(lab.file_on_node(client, "/var/vcap/jobs/client/config/servers").find(server.at("ips") + " hello") !=
          std::string::npos);
    CHECK(lab.file_on_node(server.at("vm_cid"), "/var/vcap/jobs/marker/config/mark") == "two\n");
  }
  CHECK(lab.must_bosh({"releases"}).rows_with("version", "1.0.0*").size() == 1);
  CHECK(lab.must_bosh({"stemcells"}).rows_with("version", "1.0*").size() == 1);
}

TEST_CASE("instances and VMs are listed with processes, vitals and details") {
  auto& lab = BoshLab::get();
  const auto rows = lab.must_life({"instances", "--ps", "--vitals"}).rows();
  int machines = 0, processes = 0;
  for (const auto& row : rows) {
    if (row.at("instance").rfind("checks/", 0) == 0) {  // an errand without a VM so far
      CHECK(row.at("process_state").empty());
      continue;
    }
    CHECK(row.at("process_state") == "running");
    if (row.at("process").empty()) {
      ++machines;
      CHECK(row.at("memory_usage").find('%') != std::string::npos);
      CHECK(row.at("system_disk_usage").find('%') != std::string::npos);
      CHECK_FALSE(row.at("load_1m_5m_15m").empty());
    } else {
      ++processes;
      CHECK_FALSE(row.at("uptime").empty());
    }
  }
  CHECK(machines == 3);
  CHECK(processes == 3);

  const auto servers = instances_of(lab, "server");
  auto zones = column(servers, "az");
  std::sort(zones.begin(), zones.end());
  CHECK(zones == std::vector<std::string>{"z1", "z2"});
  CHECK(std::count_if(servers.begin(), servers.end(), [](const Row& row) { return row.at("bootstrap") == "true"; }) == 1);
  for (const auto& server : servers) CHECK_FALSE(server.at("disk_cids").empty());

  const auto vms = lab.must_life({"vms"}).rows();
  REQUIRE(vms.size() == 3);
  for (const auto& vm : vms) {
    CHECK(vm.at("vm_type") == "small");
    CHECK(vm.at("active") == "true");
    CHECK(vm.at("stemcell") == "slipway-libvirt-debian-bookworm/1.0");
  }
  auto domains = lab.domains();
  std::sort(domains.begin(), domains.end());
  CHECK(cids(lab) == domains);
}

TEST_CASE("tasks tell what was done, by whom, and with what result") {
  auto& lab = BoshLab::get();
  const auto recent = lab.must_life({"tasks", "--recent"}).rows_with("description", "create deployment");
  REQUIRE(!recent.empty());
  const auto task = recent.at(0);
  CHECK(task.at("state") == "done");
  CHECK(task.at("user") == "admin");
  CHECK(task.at("deployment") == "life");
  CHECK(task.at("result") == "/deployments/life");
  CHECK(lab.must_bosh({"tasks"}).rows().empty());

  const auto id = task.at("id");
  CHECK(lab.must_bosh({"task", id}).says("Creating missing vms: "));
  CHECK(lab.must_bosh({"task", id, "--event"}).says("\"stage\":\"Creating missing vms\""));
  const auto listing = std::to_string(lab.must_life({"vms"}).task());
  CHECK(lab.must_bosh({"task", listing, "--result"}).says("\"job_name\":\"server\""));
  CHECK(lab.must_bosh({"task", id, "--cpi"}).says("create_vm"));
  CHECK(lab.must_bosh({"task", id, "--debug"}).says("server"));
  CHECK(lab.bosh_fails({"task", "987654"}).says("404"));
}

TEST_CASE("events tell who did what to which object") {
  auto& lab = BoshLab::get();
  const auto created = lab.must_life({"events", "--object-type", "deployment", "--action", "create"}).rows();
  REQUIRE(!created.empty());
  CHECK(created.at(0).at("user") == "admin");
  CHECK(created.at(0).at("object_name") == "life");
  CHECK_FALSE(created.at(0).at("task_id").empty());
  CHECK(lab.must_bosh({"events", "--task", created.at(0).at("task_id"), "--object-type", "vm"}).rows().size() >= 3);
}

TEST_CASE("deploying the same again touches nothing") {
  auto& lab = BoshLab::get();
  const auto before = cids(lab);
  const auto said = must_deploy(lab);
  CHECK_FALSE(said.says("Updating instance"));
  CHECK_FALSE(said.says("Compiling packages"));
  CHECK(cids(lab) == before);
}

TEST_CASE("a changed property is brought to the instances in place, canary first") {
  auto& lab = BoshLab::get();
  const auto before = cids(lab);
  life.greeting = "welcome";
  const auto said = must_deploy(lab, {"--canaries", "1", "--max-in-flight", "50%"});
  CHECK(said.removed("greeting: \"<redacted>\""));
  CHECK(said.added("greeting: \"<redacted>\""));
  CHECK(said.says("(canary)"));
  CHECK(cids(lab) == before);
  for (const auto& server : instances_of(lab, "server")) {
    CHECK(lab.file_on_node(server.at("vm_cid"), "/var/vcap/jobs/server/config/greeting") == "welcome\n");
    CHECK(drains_on(lab, server.at("vm_cid")) == 2);  // it asked to be called again
  }
  const auto client = instances_of(lab, "client").at(0).at("vm_cid");
  CHECK(lab.file_on_node(client, "/var/vcap/jobs/client/config/servers").find(" welcome") != std::string::npos);
}

TEST_CASE("a deploy whose properties the job's schema refuses tells what is wrong and touches nothing") {
  auto& lab = BoshLab::get();
  const auto before = cids(lab);
  auto wrong = life;
  wrong.greeting = "S3cr3t";
  wrong.servers = 3;
  for (const auto& options : {std::vector<std::string>{}, {"--dry-run"}}) {
    const auto said = deploy(lab, wrong, options);
    INFO(said.raw);
    CHECK(said.exit_code == 1);
    CHECK(said.says("Unable to render templates for job 'server'. Errors are:"));
    CHECK(said.says("Error validating properties: 'greeting' does not match the pattern \"^[a-z]+$\" [instances 0, 1, 2]"));
    CHECK_FALSE(said.says("S3cr3t"));
  }
  CHECK(cids(lab) == before);
  for (const auto& server : instances_of(lab, "server"))
    CHECK(lab.file_on_node(server.at("vm_cid"), "/var/vcap/jobs/server/config/greeting") == "welcome\n");
}

TEST_CASE("a new release is brought in while growing, without draining where that was asked for") {
  auto& lab = BoshLab::get();
  const auto before = instances_of(lab, "server");
  life.release = "2.0.0";
  life.servers = 3;
  const auto runtime = lab.write("runtime.yml", runtime_config("2.0.0", "two")).string();
  lab.must_bosh({"update-runtime-config", runtime, "--name", "marks"});
  const auto said = must_deploy(lab, {"--skip-drain=server"});
  CHECK(said.says("Compiling packages: speaker/"));
  CHECK_FALSE(said.says("Compiling packages: words/"));
  const auto servers = instances_of(lab, "server");
  REQUIRE(servers.size() == 3);
  for (const auto& server : servers)
    CHECK(lab.file_on_node(server.at("vm_cid"), "/var/vcap/sys/log/server/server.log").find("speaker two") !=
          std::string::npos);
  for (const auto& server : before) CHECK(drains_on(lab, server.at("vm_cid")) == 2);
}

TEST_CASE("shrinking removes the surplus instance and keeps its disk as an orphan") {
  auto& lab = BoshLab::get();
  life.servers = 2;
  CHECK(must_deploy(lab).says("Deleting unneeded instances"));
  CHECK(instances_of(lab, "server").size() == 2);
  const auto orphans = lab.must_bosh({"disks", "--orphaned"}).rows_with("deployment", "life");
  REQUIRE(orphans.size() == 1);
  CHECK(orphans.at(0).at("instance").rfind("server/", 0) == 0);
}

TEST_CASE("a lost VM ends a deploy unless it may be fixed") {
  auto& lab = BoshLab::get();
  const auto lost = instances_of(lab, "client").at(0).at("vm_cid");
  lab.switch_off(lost);
  CHECK(lab.life({"instances"}).rows_with("process_state", "unresponsive agent").size() == 1);
  const auto fixed = must_deploy(lab, {"--fix"});
  const auto now = instances_of(lab, "client").at(0);
  CHECK(now.at("vm_cid") != lost);
  CHECK(now.at("process_state") == "running");
}

TEST_CASE("recreating all makes each VM anew and keeps the disks") {
  auto& lab = BoshLab::get();
  const auto before = cids(lab);
  const auto disks = column(instances_of(lab, "server"), "disk_cids");
  must_deploy(lab, {"--recreate"});
  const auto after = cids(lab);
  REQUIRE(after.size() == before.size());
  for (const auto& cid : after) CHECK(std::find(before.begin(), before.end(), cid) == before.end());
  CHECK(column(instances_of(lab, "server"), "disk_cids") == disks);
}

}  // namespace life_2_deploy_test
