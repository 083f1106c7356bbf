#include "stemcells/agent/settings.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "stemcells/agent/bus.hpp"
#include "stemcells/agent/network.hpp"

using namespace slipway;
using namespace slipway::agent;

namespace settings_test {

namespace {

Json boot_settings() {
  return {{"agent_id", "a-1"},
          {"mbus", "nats://root:1"},
          {"blobstore", {{"provider", "dav"}, {"options", {{"endpoint", "root"}}}}},
          {"networks", {{"default", {{"ip", "10.0.0.9"}, {"netmask", "255.255.255.0"}, {"default", {"dns", "gateway"}}}}}}};
}

Json cert(const std::string& name) {
  return {{"ca", name + "-ca"}, {"certificate", name}, {"private_key", name + "-key"}};
}

AgentConfig config_with_file(const std::string& path) {
  return {.sources = {{.type = "Telepathy"}, {.type = "File", .settings_path = path}}};
}

}  // namespace

TEST_CASE("what the director said last wins over env, and env over the root") {
  Json boot = boot_settings();
  CHECK(effective_settings(boot, {}).mbus_urls == std::vector<std::string>{"nats://root:1"});
  CHECK_FALSE(effective_settings(boot, {}).identity.complete());

  boot["env"]["bosh"] = {{"mbus", {{"urls", {"nats://env:1"}}, {"cert", cert("bootstrap")}}},
                         {"blobstores", {{{"provider", "dav"}, {"options", {{"endpoint", "env"}}}}}}};
  const Settings from_env = effective_settings(boot, {});
  CHECK(from_env.mbus_urls == std::vector<std::string>{"nats://env:1"});
  CHECK(from_env.identity.certificate_pem == "bootstrap");
  CHECK(from_env.blobstore.options["endpoint"] == "env");

  const Settings updated = effective_settings(
      boot, {{"mbus", {{"cert", cert("permanent")}}}, {"blobstores", {{{"provider", "s3"}, {"options", Json::object()}}}}});
  CHECK(updated.identity.certificate_pem == "permanent");
  CHECK(updated.identity.private_key_pem.reveal() == "permanent-key");
  CHECK(updated.mbus_urls == std::vector<std::string>{"nats://env:1"});
  CHECK(updated.blobstore.provider == "s3");
}

TEST_CASE("an incomplete certificate is none") {
  Json boot = boot_settings();
  boot["env"]["bosh"]["mbus"]["cert"] = cert("bootstrap");
  const Json half{{"mbus", {{"cert", {{"certificate", "permanent"}}}}}};
  CHECK(effective_settings(boot, half).identity.certificate_pem == "bootstrap");
}

TEST_CASE("all problems of the settings are told at once") {
  const Json bad{{"agent_id", "../x"}, {"env", {{"persistent_disk_fs", "ntfs"}}}};
  try {
    effective_settings(bad, {});
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("agent_id") != std::string::npos);
    CHECK(text.find("mbus") != std::string::npos);
    CHECK(text.find("ntfs") != std::string::npos);
  }
  CHECK_THROWS_AS(effective_settings(Json::array(), {}), Error);
}

TEST_CASE("settings are saved at first boot and found again when the source is gone") {
  const TempDir folder;
  const Paths paths{.base = folder.path()};
  std::filesystem::create_directories(paths.bosh());
  const std::string source = folder.path() / "in.json";
  CHECK_THROWS_AS(fetch_boot_settings(config_with_file(source), paths), Error);
  write_file_atomically(source, dump(boot_settings()));
  CHECK(fetch_boot_settings(config_with_file(source), paths)["agent_id"] == "a-1");
  struct stat status {};
  ::stat(paths.settings().c_str(), &status);
  CHECK((status.st_mode & 0777) == 0600);
  std::filesystem::remove(source);
  CHECK(fetch_boot_settings(config_with_file(source), paths)["agent_id"] == "a-1");
}

TEST_CASE("agent.json must name a source, and a heartbeat every second to every hour") {
  CHECK_THROWS_AS(parse_agent_config(Json::object()), Error);
  const Json json{{"Infrastructure", {{"Settings", {{"Sources", {{{"Type", "ConfigDrive"}, {"DiskPaths", {"/dev/x"}},
      {"UserDataPath", "ec2/latest/user-data.json"}}}}}}}}, {"Heartbeat", {{"IntervalSeconds", 5}}}};
  const AgentConfig config = parse_agent_config(json);
  CHECK(config.sources[0].disk_paths == std::vector<std::string>{"/dev/x"});
  CHECK(config.heartbeat_seconds == 5);
  for (const Json& seconds : {Json(0), Json(3601), Json((1ll << 32) + 5), Json(UINT64_MAX)}) {
    CAPTURE(seconds);
    auto odd = json;
    odd["Heartbeat"]["IntervalSeconds"] = seconds;
    CHECK_THROWS_AS(parse_agent_config(odd), Error);
  }
  CHECK_FALSE(config.skip_disk_setup);
}

TEST_CASE("masks and addresses are checked before a program sees them") {
  CHECK(prefix_length("255.255.255.0") == 24);
  CHECK(prefix_length("255.255.0.0") == 16);
  CHECK(prefix_length("0.0.0.0") == 0);
  CHECK_THROWS_AS(prefix_length("255.0.255.0"), Error);
  CHECK_THROWS_AS(prefix_length("24"), Error);
  CHECK(is_ip_address("10.0.0.1"));
  CHECK(is_ip_address("fe80::1"));
  CHECK_FALSE(is_ip_address("10.0.0.1 dev eth0"));
  CHECK_FALSE(is_ip_address("-h"));
}

TEST_CASE("an agent answers only on subjects of a director") {
  CHECK(may_reply_to("director.p1.a-1.r9"));
  for (const char* subject : {"", "hm.agent.alert.a-1", "director.", "director.p1.>", "director.*.a.b", "director.a b",
                              "director.p1.a\r\nPUB x 1", "director..x"}) {
    CAPTURE(subject);
    CHECK_FALSE(may_reply_to(subject));
  }
}

}  // namespace settings_test
