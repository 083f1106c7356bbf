#include <doctest/doctest.h>

#include <chrono>
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
  std::istringstream list(must_run_on(lab, instance, {"/bin/busybox", "ps", "-o", "pid,args"}));
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
  must_run_on(lab, worker, {"/bin/busybox", "kill", "-STOP", std::to_string(before)});
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

TEST_CASE("a worker whose VM was switched off, and one whose VM is gone, are nodes again without a hand") {
  auto& lab = MastersLab::the_one();
  bool goes_for_good = false;
  SUBCASE("switched off") {}
  SUBCASE("gone") { goes_for_good = true; }
  const std::size_t index = goes_for_good ? 2 : 1;
  const auto worker = lab.workers().at(index);
  const auto cid = worker.at("cid").get<std::string>();
  const auto since = ready_since(lab, worker);
  const Stopwatch watch;
  lab.must_in_lab({"/usr/bin/virsh", "--connect", "lxc:///system", "destroy", cid});
  if (goes_for_good) lab.must_in_lab({"/usr/bin/virsh", "--connect", "lxc:///system", "undefine", cid});
  lab.wait_until("the node is ready again", [&] {
    const auto now = ready_since(lab, worker);
    return !now.empty() && (now != since || was_told(lab, worker, "\"repaired\""));
  });
  watch.print(std::string("worker ") + (goes_for_good ? "gone" : "switched off") + ", until its node was ready");
  lab.wait_until("its repair has ended", [&] { return was_told(lab, worker, "\"repaired\""); });
  CHECK((lab.workers().at(index).at("cid") != worker.at("cid")) == goes_for_good);
  lab.admin().must({"wait", "node", "--all", "--for=condition=Ready", "--timeout=120s"});
}

}  // namespace repair_test
