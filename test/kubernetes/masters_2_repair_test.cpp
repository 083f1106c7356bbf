#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <sstream>

#include "test/kubernetes/masters_lab.hpp"

using namespace slipway;
using namespace slipway::test;

// What the health monitor and the agents do for nodes that fail. Each case prints how long it took.
namespace repair_test {

class Stopwatch {
 public:
  void print(const std::string& what) const {
    const auto passed = std::chrono::steady_clock::now() - begin_;
    MESSAGE(what << ": " << std::chrono::duration_cast<std::chrono::seconds>(passed).count() << " s");
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

std::string node_of(const Json& worker) { return "worker-" + std::to_string(worker.at("index").get<int>()); }

// When its node was last found to be ready or not; empty while it is not.
std::string ready_since(MastersLab& lab, const Json& worker) {
  std::istringstream said(lab.admin().must(
      {"get", "node", node_of(worker),
       "--output=jsonpath={range .status.conditions[?(@.type==\"Ready\")]}{.status} {.lastTransitionTime}{end}"}));
  std::string status, since;
  said >> status >> since;
  return status == "True" ? since : "";
}

// Of the first process whose command line begins so; 0: none.
int pid_of(MastersLab& lab, const Json& instance, const std::string& command) {
  std::istringstream list(lab.must_on_node(instance.at("cid"), {"/bin/busybox", "ps", "-o", "pid,args"}));
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    int pid = 0;
    std::string program;
    words >> pid >> program;
    if (program == command) return pid;
  }
  return 0;
}

bool was_told(MastersLab& lab, const Json& instance, const std::string& text) {
  const auto events = lab.director("/events?deployment=" + lab.deployment() + "&instance=worker/" +
                                   instance.at("id").get<std::string>());
  return contains(dump(events), text);
}

void hang(const std::string& process) {
  auto& lab = MastersLab::the_one();
  const auto worker = lab.workers().at(0);
  const auto since = ready_since(lab, worker);
  REQUIRE(!since.empty());
  const int before = pid_of(lab, worker, process);
  REQUIRE(before > 0);
  const Stopwatch watch;
  lab.must_on_node(worker.at("cid"), {"/bin/busybox", "kill", "-STOP", std::to_string(before)});
  lab.wait_until("it runs again", [&] {
    const int now = pid_of(lab, worker, process);
    return now > 0 && now != before;
  });
  watch.print(process + " hung, until it ran again");
  lab.wait_until("it is told", [&] { return was_told(lab, worker, process + " ("); });
  CHECK(was_told(lab, worker, "connection failed"));
  lab.admin().must({"wait", "node", node_of(worker), "--for=condition=Ready", "--timeout=120s"});
  CHECK(lab.workers().at(0).at("cid") == worker.at("cid"));
  // Nobody was moved for it.
  CHECK(ready_since(lab, worker) == since);
}

TEST_CASE("a kubelet that hangs is restarted by its agent, before its node is given up") { hang("kubelet"); }

TEST_CASE("a containerd that hangs is restarted by its agent, before its node is given up") { hang("containerd"); }

// Repairs of an instance that ended well, so far.
int repairs_told(MastersLab& lab, const Json& instance) {
  const auto events = lab.director("/events?deployment=" + lab.deployment() + "&instance=" +
                                   instance.at("job").get<std::string>() + "/" + instance.at("id").get<std::string>());
  return occurrences(dump(events), "\"repaired\"");
}

TEST_CASE("a worker that was switched off, is gone, is frozen or is cut off is a node again without a hand") {
  auto& lab = MastersLab::the_one();
  std::string failure;
  std::size_t index = 0;
  std::function<void(const std::string&)> strike;
  SUBCASE("switched off") {
    failure = "switched off", index = 1;
    strike = [&](const std::string& cid) { lab.switch_off(cid); };
  }
  SUBCASE("gone") {
    failure = "gone", index = 2;
    strike = [&](const std::string& cid) {
      lab.switch_off(cid);
      lab.virsh({"undefine", cid});
    };
  }
  SUBCASE("frozen") {
    failure = "frozen", index = 0;
    strike = [&](const std::string& cid) { lab.virsh({"suspend", cid}); };
  }
  // Not long after it was switched off, so that it is not tried to be rebooted again.
  SUBCASE("cut off") {
    failure = "cut off", index = 1;
    strike = [&](const std::string& cid) { lab.cut_network(cid); };
  }
  const bool is_replaced = failure == "gone" || failure == "cut off";
  const auto worker = lab.workers().at(index);
  REQUIRE(!ready_since(lab, worker).empty());
  const int before = repairs_told(lab, worker);
  const Stopwatch watch;
  strike(worker.at("cid"));
  lab.wait_until("its repair has ended", [&] { return repairs_told(lab, worker) == before + 1; });
  lab.wait_until("the node is ready", [&] { return !ready_since(lab, worker).empty(); });
  watch.print("worker " + failure + ", until it was repaired and its node ready");
  CHECK((lab.workers().at(index).at("cid") != worker.at("cid")) == is_replaced);
  CHECK(repairs_told(lab, worker) == before + 1);
  lab.admin().must({"wait", "node", "--all", "--for=condition=Ready", "--timeout=120s"});
}

// It does not know that it has lost the address: it must not come back with it.
TEST_CASE("a master that freezes with the cluster's address is rebooted, and there is one master with the address") {
  auto& lab = MastersLab::the_one();
  const auto leaders = lab.leaders();
  REQUIRE(leaders.size() == 1);
  const auto victim = leaders[0];
  const int before = repairs_told(lab, victim);
  const Stopwatch watch;
  lab.virsh({"suspend", victim.at("cid")});
  lab.wait_until("the API answers at its address",
                 [&] { return lab.admin().run({"get", "--raw=/readyz"}).exit_code == 0; });
  watch.print("master frozen, until the API answered");
  lab.wait_until("its repair has ended", [&] { return repairs_told(lab, victim) == before + 1; });
  watch.print("master frozen, until it was repaired");
  lab.wait_until("one has the address", [&] { return lab.leaders().size() == 1; });
  lab.wait_until("all masters serve", [&] { return lab.api_addresses() == 3; });
  lab.admin().must({"create", "configmap", "after-the-frost", "--from-literal=word=written"});
}

TEST_CASE("a kubelet and an agent that die are started again by systemd, and their node stays ready") {
  auto& lab = MastersLab::the_one();
  const auto worker = lab.workers().at(2);
  const auto since = ready_since(lab, worker);
  const int before = repairs_told(lab, worker);
  for (const char* process : {"kubelet", "/var/vcap/bosh/bin/bosh-agent"}) {
    const int pid = pid_of(lab, worker, process);
    REQUIRE(pid > 0);
    const Stopwatch watch;
    lab.must_on_node(worker.at("cid"), {"/bin/busybox", "kill", "-KILL", std::to_string(pid)});
    lab.wait_until("it runs again", [&] {
      const int now = pid_of(lab, worker, process);
      return now > 0 && now != pid;
    });
    watch.print(std::string(process) + " killed, until it ran again");
    // By its agent, which has to live for it.
    if (process == std::string("kubelet"))
      lab.wait_until("the kubelet's death is told", [&] { return was_told(lab, worker, "kubelet ("); });
  }
  CHECK(ready_since(lab, worker) == since);
  CHECK(repairs_told(lab, worker) == before);
}

// Its kubelet, its containerd and its agent answer all the while, so only the cluster knows.
TEST_CASE("a node that is not ready for long is rebooted, where that is asked for") {
  auto& lab = MastersLab::the_one();
  lab.repair_jobs_that_fail_for(20);
  const auto worker = lab.workers().at(1);
  REQUIRE(!ready_since(lab, worker).empty());
  const int before = repairs_told(lab, worker);
  const Stopwatch watch;
  // What the container runtime needs to know of the pods' network is gone and cannot be written again.
  const std::string script = "rm /var/vcap/data/cni/*; mount -t tmpfs -o ro tmpfs /var/vcap/data/cni";
  lab.must_on_node(worker.at("cid"), {"/bin/bash", "-c", script});
  lab.wait_until("the node is not ready", [&] { return ready_since(lab, worker).empty(); });
  watch.print("a node without a network for pods, until it was not ready");
  lab.wait_until("its repair has ended", [&] { return repairs_told(lab, worker) == before + 1; });
  lab.wait_until("the node is ready", [&] { return !ready_since(lab, worker).empty(); });
  watch.print("until it was repaired and ready");
  CHECK(was_told(lab, worker, "failing"));
  CHECK(lab.workers().at(1).at("cid") == worker.at("cid"));
}

}  // namespace repair_test
