#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "test/e2e/lab_world.hpp"
#include "test/e2e/syslog_server.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

Json cluster(LabWorld& lab, const std::string& name) {
  return parse_json(lab.must_pks({"cluster", name, "--json"}), "cluster");
}

std::size_t entries(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder)) return 0;
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// Looked at where it lies, behind the backs of those who are to clean it up.
void check_nothing_left_of_clusters(LabWorld& lab) {
  CHECK(lab.domains() == std::vector<std::string>{});
  CHECK(entries(lab.state() / "cpi/storage/vms") == 0);
  CHECK(entries(lab.state() / "cpi/storage/disks") == 0);
  CHECK(lab.director("/deployments").empty());
  CHECK(lab.director("/disks").empty());
  const auto permissions = read_file(lab.state() / "control/director/state/nats/permissions.conf");
  CHECK(permissions.find(".agent.bosh-internal") == std::string::npos);
  CHECK(read_file(lab.state() / "dns/slipway").empty());
  const auto rows =
      lab.must_in_lab({"/usr/bin/sqlite3", (lab.state() / "control/director/state/director.db").string(),
                       "select (select count(*) from vms) + (select count(*) from ip_addresses) + "
                       "(select count(*) from instances) + (select count(*) from variable_values where name "
                       "like '/slipway/service%')"});
  CHECK(rows == "0\n");
}

void create_demo(LabWorld& lab) {
  const auto said = lab.must_pks({"create-cluster", "demo", "--plan", "etcd", "--external-hostname",
                                  "demo.lab", "--wait", "--non-interactive"});
  CHECK(said.find("Last Action State:") != std::string::npos);
  const auto made = cluster(lab, "demo");
  CHECK(made.at("last_action_state") == "succeeded");
  CHECK(made.at("kubernetes_master_ips").size() == 3);
  CHECK(occurrences(lab.etcdctl("demo", {"endpoint", "health", "--cluster"}), "is healthy") == 3);
}

// The VM disappears without anybody being told, as when its host dies.
void lose_and_recreate_one(LabWorld& lab) {
  const auto deployment = lab.deployment_of("demo");
  // Else the health monitor is faster; what it does has a suite of its own.
  lab.director_task("PUT", "/resurrection", R"({"resurrection_paused":true})");
  const auto victim = lab.director("/deployments/" + deployment + "/instances").at(1);
  lab.switch_off(victim.at("cid"));
  lab.director_task("PUT", "/deployments/" + deployment + "/jobs/etcd/" + victim.at("id").get<std::string>() +
                               "?state=recreate&fix=true");
  const auto after = lab.director("/deployments/" + deployment + "/instances");
  CHECK(std::none_of(after.begin(), after.end(),
                     [&](const Json& i) { return i.at("cid") == victim.at("cid"); }));
}

// As a log that nobody rotates would. Its ephemeral disk is the machine's own, and goes with it.
void fill_the_disk_of_one_and_wait(LabWorld& lab) {
  const auto deployment = lab.deployment_of("demo");
  const auto victim = lab.director("/deployments/" + deployment + "/instances").at(1);
  const auto key = (lab.state() / "home/visitor").string();
  lab.must_in_lab({"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key});
  lab.director_task("POST", "/deployments/" + deployment + "/ssh",
                    dump({{"command", "setup"},
                          {"deployment_name", deployment},
                          {"target", {{"job", "etcd"}, {"ids", {victim.at("id")}}}},
                          {"params", {{"user", "bosh_visitor"}, {"public_key", read_file(key + ".pub")}}}}));
  lab.must_in_lab({"/usr/bin/ssh", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "bosh_visitor@" + victim.at("ips").at(0).get<std::string>(),
                   "sudo -n fallocate -l $(($(df -B1 --output=avail /var/vcap/data | tail -n 1) / 100 * 99)) "
                   "/var/vcap/data/filler"});
  const auto told = [&] {
    return dump(lab.director("/events?deployment=" + deployment + "&instance=etcd/" + victim.at("id").get<std::string>()));
  };
  lab.wait_until("the machine is replaced", [&] { return contains(told(), "\"repaired\""); });
  CHECK(contains(told(), "a disk of its VM is full"));
  CHECK(lab.director("/deployments/" + deployment + "/instances").at(1).at("cid") != victim.at("cid"));
  CHECK(occurrences(lab.etcdctl("demo", {"endpoint", "health", "--cluster"}), "is healthy") == 3);
}

// The same nodes go on with other certificates: nothing is recreated, and members believe each other all the time.
void rotate_certificates(LabWorld& lab) {
  const auto deployment = lab.deployment_of("demo");
  const auto cids = [&] {
    std::vector<std::string> list;
    for (const auto& one : lab.director("/deployments/" + deployment + "/instances"))
      list.push_back(one.at("cid").get<std::string>());
    std::sort(list.begin(), list.end());
    return list;
  };
  const auto certificates = [&] {
    return parse_json(lab.must_pks({"certificates", "demo", "--days", "99999", "--json"}), "certificates");
  };
  const auto served = [&](const std::string& variable) {
    return lab.director("/v1/data?name=/slipway/" + deployment + "/" + variable).at("data").at(0).at("value");
  };
  const auto nodes = cids();
  const auto before = certificates();
  REQUIRE(before.size() > 2);
  const auto ca = served("etcd_client_ca"), leaf = served("etcd_server");
  lab.must_pks({"rotate-certificates", "demo", "--wait", "--non-interactive"});
  CHECK(cids() == nodes);
  CHECK(certificates().size() == before.size());
  CHECK(served("etcd_client_ca") == ca);
  CHECK(served("etcd_server") != leaf);
}

// Of each node, by the job that wrote it.
void check_logs_arrived(LabWorld& lab, const SyslogServer& server) {
  for (const auto& instance : lab.director("/deployments/" + lab.deployment_of("demo") + "/instances")) {
    const auto node = " etcd - - [instance@47450 deployment=\"" + lab.deployment_of("demo") + "\" group=\"etcd\" az=\"" +
                      instance.at("az").get<std::string>() + "\" id=\"" + instance.at("id").get<std::string>() + "\"] ";
    lab.wait_until("what etcd wrote on every node is there", [&] { return contains(server.received(), node); });
  }
}

// Asked as a program of the node would, without /etc/hosts.
void check_names_inside_a_node(LabWorld& lab) {
  const auto deployment = lab.deployment_of("demo");
  const auto instances = lab.director("/deployments/" + deployment + "/instances");
  const auto look_up = [&](const std::string& name) {
    return lab.must_on_node(instances.at(0).at("cid"), {"/bin/busybox", "nslookup", name});
  };
  const auto all = look_up("q-s0.etcd.default." + deployment + ".bosh");
  for (const auto& instance : instances) {
    const auto address = instance.at("ips").at(0).get<std::string>();
    CHECK_MESSAGE(all.find(address) != std::string::npos, all);
    const auto one = look_up(instance.at("id").get<std::string>() + ".etcd.default." + deployment + ".bosh");
    CHECK_MESSAGE(one.find(address) != std::string::npos, one);
  }
  CHECK_MESSAGE(all.find("169.254.0.2") != std::string::npos, all);
}

}  // namespace

TEST_CASE("a cluster of containers lives its whole life and leaves nothing") {
  LabWorld lab("lxc");
  CHECK(lab.must_pks({"plans"}).find("small") != std::string::npos);
  SyslogServer operators(lab, 6514), tenants(lab, 6515);
  operators.have_all_send_here();
  create_demo(lab);
  check_logs_arrived(lab, operators);
  tenants.be_sink_of("demo", "mine");
  check_logs_arrived(lab, tenants);
  check_names_inside_a_node(lab);
  lab.etcdctl("demo", {"put", "kept", "through everything"});

  lab.must_pks({"resize", "demo", "--num-nodes", "5", "--wait", "--non-interactive"});
  CHECK(occurrences(lab.etcdctl("demo", {"endpoint", "health", "--cluster"}), "is healthy") == 5);
  check_logs_arrived(lab, tenants);
  lab.must_pks({"resize", "demo", "--num-nodes", "3", "--wait", "--non-interactive"});
  CHECK(occurrences(lab.etcdctl("demo", {"endpoint", "health", "--cluster"}), "is healthy") == 3);
  CHECK(lab.etcdctl("demo", {"get", "kept"}).find("through everything") != std::string::npos);

  rotate_certificates(lab);
  CHECK(occurrences(lab.etcdctl("demo", {"endpoint", "health", "--cluster"}), "is healthy") == 3);
  CHECK(lab.etcdctl("demo", {"get", "kept"}).find("through everything") != std::string::npos);

  lose_and_recreate_one(lab);
  CHECK(occurrences(lab.etcdctl("demo", {"endpoint", "health", "--cluster"}), "is healthy") == 3);
  CHECK(lab.etcdctl("demo", {"get", "kept"}).find("through everything") != std::string::npos);

  SUBCASE("names and details are shown, mistakes get the published exit codes") {
    CHECK(lab.must_pks({"clusters"}).find("demo") != std::string::npos);
    CHECK(lab.must_pks({"cluster", "demo", "--details"}).find("demo.lab") != std::string::npos);
    CHECK(lab.pks({"cluster", "nobody"}).exit_code == 1);
    CHECK(lab.pks({"create-cluster"}).exit_code == 2);
    CHECK(lab.pks({"resize", "demo", "--num-nodes", "4", "--non-interactive"}).err.find("4") !=
          std::string::npos);
  }
  lab.must_pks({"delete-cluster", "demo", "--wait", "--non-interactive"});
  CHECK(lab.pks({"cluster", "demo"}).exit_code == 1);
  check_nothing_left_of_clusters(lab);
  lab.must_pks({"logout"});
  CHECK(lab.pks({"clusters"}).exit_code == 1);
  const auto clean = lab.take_down();
  INFO(clean.out << clean.err);
  CHECK(clean.exit_code == 0);
}

TEST_CASE(
    "a control plane killed in the middle of a create finishes it after its restart, with nothing doubled") {
  LabWorld lab("lxc");
  lab.must_pks(
      {"create-cluster", "demo", "--plan", "etcd", "--external-hostname", "demo.lab", "--non-interactive"});
  lab.wait_until("nodes are being made", [&] { return lab.domains().size() >= 2; });
  lab.kill_control_plane();
  lab.start_control_plane();
  lab.wait_until("the create has ended",
                 [&] { return cluster(lab, "demo").at("last_action_state") != "in progress"; });
  CHECK(cluster(lab, "demo").at("last_action_state") == "succeeded");
  CHECK(lab.domains().size() == 3);
  CHECK(entries(lab.state() / "cpi/storage/vms") == 3);
  CHECK(occurrences(lab.etcdctl("demo", {"endpoint", "health", "--cluster"}), "is healthy") == 3);
  lab.must_pks({"delete-cluster", "demo", "--wait", "--non-interactive"});
  check_nothing_left_of_clusters(lab);
}

TEST_CASE("the same stemcell, agent, release and director make a cluster of machines") {
  LabWorld lab("qemu");
  create_demo(lab);
  lab.etcdctl("demo", {"put", "kept", "on a disk"});
  fill_the_disk_of_one_and_wait(lab);
  CHECK(lab.etcdctl("demo", {"get", "kept"}).find("on a disk") != std::string::npos);
  lab.must_pks({"delete-cluster", "demo", "--wait", "--non-interactive"});
  check_nothing_left_of_clusters(lab);
  CHECK(lab.take_down().exit_code == 0);
}
