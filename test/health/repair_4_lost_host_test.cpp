#include <doctest/doctest.h>

#include "test/health/sick_lab.hpp"

using namespace slipway;
using namespace slipway::test;

// The worst way to lose a host: nobody reaches it, and what runs there has its disk and does not know.
TEST_CASE("a VM of a host that is lost comes back on another one, once its fence device has switched that host off") {
  auto& lab = SickLab::get();
  lab.add_fourth_host();
  lab.recreate(lab.instance(2));
  const auto victim = lab.instance(2);
  const auto cid = victim.at("cid").get<std::string>();
  REQUIRE(lab.host_of(victim) == "h4");
  lab.wait_until("all members are well", [&] { return lab.is_well(); });
  const auto is_running = [&] { return contains(lab.virsh({"list", "--name"}, Lab::virtual_machines), cid); };

  lab.suffer("host lost, its VM running on", SickLab::name_of(victim), [&] {
    lab.cut_network(cid, Lab::virtual_machines);
    lab.lose_host();
    REQUIRE(is_running());
    lab.wait_until("there is another VM", [&] { return lab.instance(2).at("cid") != victim.at("cid"); });
  });
  CHECK(lab.host_was_switched_off());
  CHECK_FALSE(is_running());
  const auto after = lab.instance(2);
  CHECK(lab.host_of(after) == "h3");
  CHECK(after.at("id") == victim.at("id"));
  CHECK(after.at("ips") == victim.at("ips"));

  // It knows what it ran until it is asked for something again.
  lab.bring_host_back();
  CHECK(lab.domains().size() == 4);
  lab.recreate(after);
  CHECK(lab.host_of(lab.instance(2)) == "h4");
  CHECK(lab.domains().size() == 3);
  lab.wait_until("all members are well", [&] { return lab.is_well(); });
}
