#include <doctest/doctest.h>

#include <thread>

#include "test/health/sick_lab.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace {

bool is_held(SickLab& lab, Timestamp begin, const std::string& name, const std::string& why) {
  for (const auto& one : lab.said_since(begin, name))
    if (one.action == "hold" && one.summary.find(why) != std::string::npos) return true;
  return false;
}

// Held as long as the switch is as it is, repaired when it is put back.
void held_until(const std::string& why, int index, const std::function<void(SickLab&, const Json&)>& hold,
                const std::function<void(SickLab&, const Json&)>& release) {
  auto& lab = SickLab::get();
  const auto victim = lab.instance(index);
  const auto name = SickLab::name_of(victim);
  const auto begin = now();
  const auto before = lab.repairs();
  hold(lab, victim);
  lab.switch_off(victim.at("cid"));
  lab.wait_until("it is held because of: " + why, [&] { return is_held(lab, begin, name, why); });
  std::this_thread::sleep_for(5s);
  CHECK(lab.repairs() == before);
  lab.wait_until("the event is there", [&] { return lab.events_since(begin, name).contains("repair hold"); });
  release(lab, victim);
  lab.wait_until("it is repaired", [&] { return lab.repairs() == before + 1 && lab.is_well(); });
}

}  // namespace

TEST_CASE("an ignored instance is left alone, and the reason is an event") {
  const auto ignore = [](SickLab& lab, const Json& victim, const char* body) {
    lab.director_task(
        "PUT",
        "/deployments/" + lab.deployment() + "/instance_groups/etcd/" + victim.at("id").get<std::string>() + "/ignore",
        body);
  };
  held_until(
      "ignored", 0, [&](SickLab& lab, const Json& victim) { ignore(lab, victim, R"({"ignore":true})"); },
      [&](SickLab& lab, const Json& victim) { ignore(lab, victim, R"({"ignore":false})"); });
}

TEST_CASE("while resurrection is off nobody is repaired") {
  held_until(
      "switched off", 1,
      [](SickLab& lab, const Json&) { lab.director_task("PUT", "/resurrection", R"({"resurrection_paused":true})"); },
      [](SickLab& lab, const Json&) { lab.director_task("PUT", "/resurrection", R"({"resurrection_paused":false})"); });
}

TEST_CASE("a resurrection config keeps a group from being repaired") {
  const auto config = [](const std::string& enabled) {
    const Json body = {{"type", "resurrection"},
                       {"name", "default"},
                       {"content", "rules:\n- enabled: " + enabled + "\n  include: {instance_groups: [etcd]}\n"}};
    return dump(body);
  };
  held_until(
      "config", 2, [&](SickLab& lab, const Json&) { lab.director_task("POST", "/configs", config("false")); },
      [&](SickLab& lab, const Json&) { lab.director_task("POST", "/configs", config("true")); });
}
