#include <doctest/doctest.h>

#include "test/health/sick_lab.hpp"

using namespace slipway;
using namespace slipway::test;

// Nothing restarts what is not there. The packages outlive a reboot, so only a new VM helps.
TEST_CASE("a VM whose jobs cannot run is rebooted and then replaced, where that is asked for") {
  auto& lab = SickLab::get();
  lab.repair_jobs_that_fail_for(15);
  const auto victim = lab.instance(0);
  const auto name = SickLab::name_of(victim);
  const auto begin = now();
  const auto course = lab.suffer("etcd's program gone", name, [&] {
    const std::string script = "rm \"$(readlink -f /var/vcap/packages/etcd)/bin/etcd\"; /bin/busybox killall -9 etcd";
    lab.must_on_node(victim.at("cid"), {"/bin/bash", "-c", script});
    lab.wait_until("it is replaced", [&] { return lab.was_said(begin, "replace", name); });
  });
  CHECK(course.repairs == 2);
  CHECK(lab.was_said(begin, "failing", name));
  CHECK(lab.was_said(begin, "reboot", name));
  const auto after = lab.instance(0);
  CHECK(after.at("cid") != victim.at("cid"));
  CHECK(after.at("ips") == victim.at("ips"));
  CHECK(lab.domains().size() == 3);
}
