#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "base/file.hpp"
#include "test/e2e/lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  if (!fs::exists(folder)) return 0;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

std::size_t disk_images(const fs::path& folder) {
  if (!fs::exists(folder)) return 0;
  return static_cast<std::size_t>(std::count_if(fs::directory_iterator(folder), {},
                                                [](const auto& entry) { return entry.path().extension() == ".raw"; }));
}

// What the deployment "mortal" is asked to be.
struct Shape {
  int servers = 2;
  std::string greeting = "hello";
  int disk_mib = 512;
};

std::string manifest_of(const Shape& shape) {
  return "name: mortal\n"
         "releases: [{name: life, version: 1.0.0}]\n"
         "stemcells: [{alias: default, os: debian-bookworm, version: latest}]\n"
         "update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-60000, update_watch_time: 1000-60000}\n"
         "instance_groups:\n"
         "- name: server\n  instances: " +
         std::to_string(shape.servers) +
         "\n  azs: [z1, z2]\n  vm_type: small\n  stemcell: default\n  persistent_disk: " +
         std::to_string(shape.disk_mib) +
         "\n  networks: [{name: default}]\n"
         "  jobs: [{name: server, release: life, properties: {greeting: " +
         shape.greeting +
         ", password: x}}]\n"
         "- name: checks\n  lifecycle: errand\n  instances: 1\n  azs: [z2]\n  vm_type: small\n  stemcell: default\n"
         "  networks: [{name: default}]\n"
         "  jobs: [{name: smoke, release: life}]\n";
}

// A lab whose director is killed and started again, and is asked nothing but what its API offers.
class DeathLab : public Lab {
 public:
  DeathLab() : Lab("deaths") {
    must({"stemcells/builder/build"});
    fs::create_directories(files());
    must({"test/bosh-cli/release/build", files().string()});
    control_plane({"up", "--virt", "lxc", "--director-only"});
    must_in_lab({"/bin/bash", "-c",
                 "set -euo pipefail; control=$1; . \"$2\"\n"
                 "director POST /cloud_configs --header 'Content-Type: text/yaml' --data-binary "
                 "@examples/cloud-config.yml\n"
                 "for kind in stemcells releases; do shift\n"
                 "  director_task POST /$kind --header 'Content-Type: application/x-compressed' --header Expect: "
                 "--data-binary \"@$2\"\ndone",
                 "set-up", control().string(), (root() / "test/lab/director.sh").string(), newest_stemcell(),
                 (files() / "life-1.0.0.tgz").string()});
  }

  // The number of the task that the request makes.
  int begin(const std::string& method, const std::string& target, const std::string& type = "text/yaml",
            const std::string& body = "") {
    const auto file = files() / "body";
    write_file_atomically(file, body);
    const auto location =
        must_in_lab({"/usr/bin/curl", "--silent", "--show-error", "--fail-with-body", "--config",
                     (control() / "director.curl").string(), "--request", method, "--header", "Content-Type: " + type,
                     "--data-binary", "@" + file.string(), "--output", "/dev/null", "--write-out", "%{redirect_url}",
                     "https://10.77.0.1:25555" + target});
    return std::stoi(location.substr(location.rfind('/') + 1));
  }
  int deploy(const Shape& shape, const std::string& options = "") {
    return begin("POST", "/deployments" + options, "text/yaml", manifest_of(shape));
  }

  // SIGKILL as soon as the task has said each of these things, and another start.
  void kill_when(int task, const std::vector<std::string>& moments) {
    for (const auto& moment : moments) {
      CAPTURE(moment);
      wait_until_said(task, moment);
      must_in_lab({"/usr/bin/pkill", "--signal", "KILL", "--full", "bin/slipway-director --config"});
      ++kills_;
      const auto state = query("select state from tasks where id = " + std::to_string(task));
      if (state == "processing\n") ++interrupted_;
      control_plane({"up", "--virt", "lxc", "--director-only"});
    }
    finish(task);
  }
  void finish(int task) {
    Json row;
    const auto over = [&] {
      row = director("/tasks/" + std::to_string(task));
      return row.at("state") != "queued" && row.at("state") != "processing";
    };
    wait_until("the end of task " + std::to_string(task), over);
    INFO(row.dump() << "\n" << said(task));
    REQUIRE(row.at("state") == "done");
  }
  int kills() const { return kills_; }
  int interrupted() const { return interrupted_; }

  // What there is of the deployment, looked at where it lies: domains, files of VMs and disks, permissions on
  // the bus and rows of the store tell of the same instances.
  void check_nothing_is_doubled_or_lost(const Shape& shape) {
    const auto rows = director("/deployments/mortal/instances");
    std::set<std::string> cids, agents;
    for (const auto& row : rows) {
      if (row.at("cid").is_null()) continue;  // the errand's
      CHECK(row.at("job") == "server");
      cids.insert(row.at("cid").get<std::string>());
      agents.insert(row.at("agent_id").get<std::string>());
    }
    CHECK(cids.size() == static_cast<std::size_t>(shape.servers));
    const auto running = domains();
    CHECK(std::set<std::string>(running.begin(), running.end()) == cids);
    CHECK(running.size() == cids.size());
    CHECK(entries(state() / "cpi/storage/vms") == cids.size());
    const auto disks = static_cast<std::size_t>(std::stoi(query("select count(*) from disks")));
    CHECK(disk_images(state() / "cpi/storage/disks") == disks);
    CHECK(query("select count(*) from disks where state = 'active'") == std::to_string(shape.servers) + "\n");
    CHECK(query("select count(*) from disks where state = 'inactive'") == "0\n");
    CHECK(query("select count(*) from vms") == std::to_string(shape.servers) + "\n");
    CHECK(query("select count(*) from instances where update_completed = 0 and instance_group = 'server'") == "0\n");
    // The errand's instance keeps its address.
    CHECK(query("select count(*) from ip_addresses") == std::to_string(shape.servers + 1) + "\n");
    const auto permissions = read_file(control() / "director/state/nats/permissions.conf");
    std::size_t allowed = 0;
    for (auto at = permissions.find(".agent.bosh-internal"); at != std::string::npos;
         at = permissions.find(".agent.bosh-internal", at + 1))
      ++allowed;
    CHECK(allowed == 2 * agents.size());  // each by its lasting name, and by its first
    for (const auto& cid : cids) {
      CHECK(must_on_node(cid, {"/bin/cat", "/var/vcap/jobs/server/config/greeting"}).find(shape.greeting) !=
            std::string::npos);
    }
  }

  std::vector<std::string> cids() {
    std::vector<std::string> found;
    for (const auto& row : director("/deployments/mortal/instances")) {
      if (!row.at("cid").is_null()) found.push_back(row.at("cid").get<std::string>());
    }
    return found;
  }
  std::string query(const std::string& sql) {
    return must_in_lab({"/usr/bin/sqlite3", (control() / "director/state/director.db").string(), sql});
  }
  fs::path control() const { return state() / "control"; }

 private:
  fs::path files() const { return root() / "build/director-death"; }

  std::string newest_stemcell() const {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(root() / "build/stemcells")) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("slipway-libvirt-") || !name.ends_with(".tgz")) continue;
      if (newest.empty() || entry.last_write_time() > fs::last_write_time(newest)) newest = entry.path();
    }
    return newest.string();
  }

  std::string said(int task) const {
    const auto file = control() / "director/state/tasks" / std::to_string(task) / "event";
    return fs::exists(file) ? read_file(file) : std::string();
  }
  void wait_until_said(int task, const std::string& text) {
    constexpr int looks = 12000;
    for (int look = 0; look < looks; ++look) {
      if (said(task).find(text) != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    FAIL("task " << task << " never said " << text << " but\n" << said(task));
  }

  int kills_ = 0, interrupted_ = 0;
};

}  // namespace

TEST_CASE("a director killed in the middle of everything it does goes on, and nothing is doubled, lost or left") {
  DeathLab lab;
  Shape shape;

  lab.kill_when(lab.deploy(shape), {"Compiling packages", "Creating missing vms", "Updating instance"});
  lab.check_nothing_is_doubled_or_lost(shape);
  for (const auto& cid : lab.cids()) lab.must_on_node(cid, {"/bin/sh", "-c", "echo kept > /var/vcap/store/kept"});

  shape.greeting = "goodbye";
  lab.kill_when(lab.deploy(shape), {"executing drain", "applying jobs"});
  lab.check_nothing_is_doubled_or_lost(shape);

  const auto before = lab.cids();
  lab.kill_when(lab.begin("PUT", "/deployments/mortal/jobs/*?state=recreate"), {"deleting VM", "creating VM"});
  lab.check_nothing_is_doubled_or_lost(shape);
  for (const auto& cid : lab.cids()) CHECK(std::find(before.begin(), before.end(), cid) == before.end());

  shape.disk_mib = 768;
  lab.kill_when(lab.deploy(shape), {"changing disk", "starting jobs"});
  lab.check_nothing_is_doubled_or_lost(shape);
  for (const auto& cid : lab.cids()) CHECK(lab.must_on_node(cid, {"/bin/cat", "/var/vcap/store/kept"}) == "kept\n");

  shape.servers = 1;
  lab.kill_when(lab.deploy(shape), {"Deleting unneeded instances"});
  lab.check_nothing_is_doubled_or_lost(shape);

  lab.kill_when(lab.begin("POST", "/deployments/mortal/errands/checks/runs", "application/json", "{}"),
                {"Creating missing vms", "Running errand"});
  lab.check_nothing_is_doubled_or_lost(shape);

  lab.kill_when(lab.begin("DELETE", "/deployments/mortal"), {"Deleting instances"});
  CHECK(lab.domains().empty());
  CHECK(lab.director("/deployments").empty());
  CHECK(lab.query("select (select count(*) from vms) + (select count(*) from ip_addresses) + "
                  "(select count(*) from instances) + (select count(*) from locks)") == "0\n");
  CHECK(entries(lab.state() / "cpi/storage/vms") == 0);
  const auto permissions = read_file(lab.control() / "director/state/nats/permissions.conf");
  CHECK(permissions.find(".agent.bosh-internal") == std::string::npos);
  // Every disk that ever was is an orphan now: two of 512 MiB, two of 768.
  CHECK(lab.director("/disks").size() == 4);
  CHECK(disk_images(lab.state() / "cpi/storage/disks") == 4);

  CHECK(lab.kills() == 13);
  // The others had just ended when the signal came.
  CHECK(lab.interrupted() >= 11);
}
