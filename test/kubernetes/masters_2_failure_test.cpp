#include <doctest/doctest.h>

#include "test/kubernetes/masters_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

void resurrect(MastersLab& lab, bool wanted) {
  lab.director_task("PUT", "/resurrection", Json{{"resurrection_paused", !wanted}}.dump());
}

}  // namespace

TEST_CASE(
    "the API goes on at the same address when the master that has it dies, and the master comes back by "
    "itself") {
  auto& lab = MastersLab::the_one();
  lab.wait_until("all masters are told of", [&] { return lab.api_addresses() == 3; });
  const auto leaders = lab.leaders();
  REQUIRE(leaders.size() == 1);
  const auto victim = leaders[0];
  // Else the health monitor may be faster than what is to be shown.
  resurrect(lab, false);
  lab.switch_off(victim.at("cid"));

  // Everything a tenant does, while the third master is away: two of three etcd members are enough.
  lab.wait_until("the API answers at its address",
                 [&] { return lab.admin().run({"get", "--raw=/readyz"}).exit_code == 0; });
  const auto moved = lab.leaders();
  REQUIRE(moved.size() == 1);
  CHECK(moved[0].at("id") != victim.at("id"));
  lab.wait_until("a write is taken", [&] {
    return lab.admin().run({"create", "configmap", "meanwhile", "--from-literal=word=written"}).exit_code ==
           0;
  });
  lab.wait_until("pods are made", [&] {
    return lab.admin()
               .run({"run", "meanwhile", "--image=slipway.local/tools:1", "--", "sleep", "100000"})
               .exit_code == 0;
  });
  lab.admin().must({"wait", "pod/meanwhile", "--for=condition=Ready", "--timeout=300s"});
  lab.wait_until("the dead one is told of no more", [&] { return lab.api_addresses() == 2; });
  lab.admin().must({"wait", "node", "--all", "--for=condition=Ready", "--timeout=120s"});

  resurrect(lab, true);
  lab.wait_until("the master is back", [&] { return lab.api_addresses() == 3; });
  const auto etcdctl = [&](const Json& master, const std::vector<std::string>& words) {
    std::vector<std::string> argv = {"/var/vcap/jobs/etcd/bin/etcdctl"};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto outcome = lab.on_node(master.at("cid"), argv);
    return outcome.out + outcome.err;
  };
  lab.wait_until("all members of etcd are well", [&] {
    return occurrences(etcdctl(lab.masters().at(0), {"endpoint", "health", "--cluster"}), "is healthy") == 3;
  });
  CHECK(lab.admin().must({"get", "configmap", "meanwhile", "--output=jsonpath={.data.word}"}) == "written");
  const auto back = lab.masters();
  CHECK(back.size() == 3);
  for (const auto& master : back) {
    CHECK(lab.must_on_node(master.at("cid"),
                      {"/var/vcap/packages/kubectl/bin/kubectl",
                       "--kubeconfig=/var/vcap/jobs/kube-apiserver/config/kubeconfig", "get",
                       "--raw=/readyz"}) == "ok");
  }
}
