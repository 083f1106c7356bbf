#include "health-monitor/config.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::health;

namespace {

Json smallest() {
  return {{"director", {{"url", "https://10.0.0.1:25555"}, {"ca_file", "ca"}, {"password_file", "p"}}},
          {"tls", {{"certificate_file", "c"}, {"private_key_file", "k"}}}};
}

MonitorConfig read(const Json& json) {
  auto file = Config::from(json, "health-monitor.yml");
  return read_monitor_config(file);
}

std::string complaint(const std::function<void()>& about) {
  try {
    about();
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("what BOSH's monitor does by default is the default: a meltdown is five and a fifth") {
  const auto config = read(smallest());
  CHECK(config.monitor.budget.meltdown_minimum == 5);
  CHECK(config.monitor.budget.meltdown_percent == 20);
  CHECK(config.monitor.ladder.rungs == std::vector<Rung>{Rung::reboot, Rung::replace});
  CHECK(config.monitor.repairs);
}

TEST_CASE("beats of a second with three of patience are a setting") {
  auto json = smallest();
  json["heartbeat"] = {{"interval_ms", 1000}, {"timeout_ms", 3000}};
  const auto settings = read(json).monitor.liveness;
  CHECK(settings.probe_after() == std::chrono::milliseconds(1200));
  CHECK(settings.probe_every() == std::chrono::milliseconds(200));
  json["heartbeat"]["timeout_ms"] = 1500;
  CHECK(complaint([&] { read(json); }).find("at least twice") != std::string::npos);
}

TEST_CASE("wrong settings are refused with what is allowed") {
  auto json = smallest();
  json["repair"] = {{"ladder", {"reboot", "pray"}}};
  CHECK(complaint([&] { read(json); }).find("'pray' is not one of reboot and replace") != std::string::npos);
  json["repair"] = {{"ladder", Json::array()}};
  CHECK(complaint([&] { read(json); }).find("at least one") != std::string::npos);
  json["repair"] = {{"lader", {"reboot"}}};
  CHECK(complaint([&] { read(json); }).find("lader") != std::string::npos);
}

TEST_CASE("plugins that are not right are refused, all mistakes at once") {
  const auto said = complaint([] {
    make_plugins(
        Json::array(
            {{{"type", "pager"}},
             {{"type", "email"}, {"host", "h"}, {"from", "a\nb"}, {"tls", "maybe"}},
             {{"type", "email"}, {"host", "h"}, {"from", "a@b"}, {"to", {"c@d"}}, {"tls", "none"}, {"user", "u"}},
             {{"type", "process"}, {"command", {"relative"}}},
             {{"type", "webhook"}, {"url", "https://x"}, {"colour", "red"}}}),
        Log::discard());
  });
  for (const auto* part : {"plugins[0].type", "plugins[1].to", "plugins[1].from", "plugins[1].tls",
                           "a password is not sent without TLS", "plugins[3].command", "colour"})
    CHECK_MESSAGE(said.find(part) != std::string::npos, part, said);
  CHECK(make_plugins(Json::array(), Log::discard()).empty());
}
