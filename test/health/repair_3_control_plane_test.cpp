#include <doctest/doctest.h>

#include <thread>

#include "base/file.hpp"
#include "test/health/sick_lab.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace {

// A VM falls while somebody of the control plane is dead. When all are back it is repaired, once.
void repaired_once_after(SickLab& lab, int index, const std::function<void()>& kill,
                         const std::function<void()>& revive) {
  const auto victim = lab.instance(index);
  const auto before = lab.repairs();
  kill();
  lab.switch_off(victim.at("cid"));
  std::this_thread::sleep_for(5s);
  revive();
  lab.wait_until("it is repaired", [&] { return lab.repairs() > before && lab.is_well(); });
  std::this_thread::sleep_for(10s);
  CHECK(lab.repairs() == before + 1);
  CHECK(lab.domains().size() == 3);
  CHECK(lab.is_well());
}

bool leads(SickLab& lab, int port) {
  const auto text =
      lab.in_lab({"/usr/bin/curl", "--silent", "--insecure", "https://10.77.0.1:" + std::to_string(port) + "/metrics"});
  return text.out.find("\nslipway_health_leading 1\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a monitor that was dead repairs what fell meanwhile") {
  auto& lab = SickLab::get();
  repaired_once_after(
      lab, 0, [&] { lab.kill("bin/slipway-health-monitor --config"); }, [&] { lab.start_control_plane(); });
}

TEST_CASE("a message bus that dies is back by itself, makes no storm, and what fell meanwhile is repaired once") {
  auto& lab = SickLab::get();
  repaired_once_after(lab, 1, [&] { lab.kill("nats-server -c"); }, [] {});
}

TEST_CASE("a director that was dead repairs what fell meanwhile") {
  auto& lab = SickLab::get();
  repaired_once_after(lab, 2, [&] { lab.kill("bin/slipway-director --config"); }, [&] { lab.start_control_plane(); });
}

TEST_CASE("a director that dies in the middle of a repair finishes it, and it is not done twice") {
  auto& lab = SickLab::get();
  const auto victim = lab.instance(0);
  const auto before = lab.repairs();
  lab.switch_off(victim.at("cid"));
  lab.virsh({"undefine", victim.at("cid")});
  lab.wait_until("a repair runs", [&] { return lab.repairs() > before; });
  std::this_thread::sleep_for(1s);
  lab.kill("bin/slipway-director --config");
  std::this_thread::sleep_for(2s);
  lab.start_control_plane();
  lab.wait_until("it is repaired", [&] { return lab.is_well(); });
  std::this_thread::sleep_for(10s);
  CHECK(lab.repairs() == before + 1);
  CHECK(lab.domains().size() == 3);
}

TEST_CASE("of two monitors one acts; when it dies the other one does") {
  auto& lab = SickLab::get();
  lab.control_plane({"up", "--virt", "lxc", "--second-monitor"});
  lab.wait_until("both run and one leads", [&] { return leads(lab, 25923) && !leads(lab, 25924); });
  repaired_once_after(lab, 1, [] {}, [] {});
  repaired_once_after(
      lab, 2, [&] { lab.kill("slipway-health-monitor --config .*/health-monitor/health-monitor.yml"); }, [] {});
  CHECK(leads(lab, 25924));
}
