// What needs neither root nor libvirt: configuration, settings, XML, files.
#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

#include "base/file.hpp"
#include "cpi/libvirt/config.hpp"
#include "cpi/libvirt/disks.hpp"
#include "cpi/libvirt/domain_xml.hpp"
#include "cpi/libvirt/files.hpp"
#include "cpi/libvirt/paths.hpp"
#include "cpi/libvirt/settings.hpp"

using namespace slipway;
using namespace slipway::cpi;
namespace fs = std::filesystem;

namespace {

Json good_config() {
  return {{"hosts",
           {{{"name", "h1"}, {"az", "z1"}, {"mode", "lxc"}, {"storage", "/s/1"}},
            {{"name", "h2"}, {"az", "z2"}, {"mode", "qemu"}, {"storage", "/s/2"}}}},
          {"agent", {{"mbus", {"nats://10.0.0.1:4222"}}, {"ntp", {"time"}}}},
          {"defaults", {{"bridge", "lab0"}, {"ram", 300}}}};
}

std::string problem_of(const Json& config) {
  try {
    read_libvirt_config(config, "test");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

CreateVm request() {
  CreateVm vm;
  vm.agent = {"a-1"};
  vm.stemcell = {"stemcell-1"};
  vm.networks = {{"default", {{"type", "manual"}, {"ip", "10.0.0.5"}, {"cloud_properties", {{"bridge", "br7"}}}}},
                 {"public", {{"type", "vip"}, {"ip", "192.0.2.7"}}}};
  vm.env = {{"bosh", {{"mbus", {{"urls", {"nats://x"}}}}}}};
  return vm;
}

}  // namespace

TEST_CASE("a good configuration is read with its defaults") {
  const auto config = read_libvirt_config(good_config(), "test");
  REQUIRE(config.hosts.size() == 2);
  CHECK(config.hosts[0].uri == "lxc:///system");
  CHECK(config.hosts[1].uri == "qemu:///system");
  CHECK(config.hosts[1].mode == VirtMode::qemu);
  CHECK(config.agent_mbus == "nats://10.0.0.1:4222");
  CHECK(config.default_ram_mib == 300);
  CHECK(config.default_cpu == 1);
  CHECK(config.find_host("h2") != nullptr);
  CHECK(config.find_host("h3") == nullptr);
}

TEST_CASE("all problems of the hosts are reported at once") {
  auto config = good_config();
  config["hosts"][0]["mode"] = "xen";
  config["hosts"][0]["storage"] = "relative";
  config["hosts"][1]["name"] = "h1";
  config["hosts"][1]["colour"] = "red";
  const auto problem = problem_of(config);
  for (const char* part : {"xen", "lxc and qemu", "not an absolute path", "used twice", "colour"}) {
    CAPTURE(part);
    CHECK(contains(problem, part));
  }
}

TEST_CASE("a configuration without hosts or with an unknown key is refused") {
  CHECK(contains(problem_of(Json::object()), "hosts"));
  auto config = good_config();
  config["hostz"] = 1;
  CHECK(contains(problem_of(config), "hostz"));
}

TEST_CASE("a wish takes what the cloud properties say and the CPI's defaults for the rest") {
  const auto config = read_libvirt_config(good_config(), "test");
  auto vm = request();
  vm.cloud_properties = {{"cpu", 2}, {"host", "h2"}, {"instance_type", "ignored"}};
  const auto wish = read_wish(vm, config);
  CHECK(wish.cpu == 2);
  CHECK(wish.ram_mib == 300);
  CHECK(wish.host == "h2");
  REQUIRE(wish.nics.size() == 1);
  CHECK(wish.nics[0].bridge == "br7");
  CHECK(wish.networks["default"]["mac"] == wish.nics[0].mac);
  CHECK_FALSE(wish.networks["public"].contains("mac"));
}

TEST_CASE("a wish that cannot be met lists everything that is wrong with it") {
  auto config = read_libvirt_config(good_config(), "test");
  config.default_bridge.clear();
  auto vm = request();
  vm.cloud_properties = {{"cpu", "many"}, {"ram", 1}};
  vm.networks["default"]["cloud_properties"] = Json::object();
  vm.networks["other"] = 7;
  try {
    read_wish(vm, config);
    FAIL("it was accepted");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::vm_creation_failed);
    for (const char* part : {"cpu", "ram", "networks.default.cloud_properties.bridge", "networks.other"}) {
      CAPTURE(part);
      CHECK(contains(error.what(), part));
    }
  }
}

TEST_CASE("settings follow the agent's contract in both modes") {
  const auto config = read_libvirt_config(good_config(), "test");
  const auto vm = request();
  const auto wish = read_wish(vm, config);
  const auto lxc = agent_settings(vm, {"vm-a-1"}, wish, VirtMode::lxc, config);
  CHECK(lxc["agent_id"] == "a-1");
  CHECK(lxc["vm"]["name"] == "vm-a-1");
  CHECK(lxc["mbus"] == "nats://10.0.0.1:4222");
  CHECK(lxc["env"]["bosh"]["mbus"]["urls"][0] == "nats://x");
  CHECK(lxc["env"]["persistent_disk_fs"] == "ext4");
  CHECK_FALSE(lxc["disks"].contains("ephemeral"));
  const auto qemu = agent_settings(vm, {"vm-a-1"}, wish, VirtMode::qemu, config);
  CHECK(qemu["disks"]["system"] == "/dev/vda");
  CHECK(qemu["disks"]["ephemeral"]["path"] == "/dev/disk/by-id/virtio-slipway-ephemeral");
}

TEST_CASE("names from outside cannot break out of the XML") {
  DomainSpec spec;
  spec.vm = {"vm-1"};
  spec.agent = {"1"};
  spec.nics = {{"06:00:00:00:00:01", "br'/><evil a='"}};
  spec.folder = "/s/vms/vm-1";
  spec.stemcell = "/s/stemcells/s";
  for (const auto& xml : {lxc_domain_xml(spec), qemu_domain_xml(spec)}) {
    CHECK_FALSE(contains(xml, "<evil"));
    CHECK(contains(xml, "br&apos;/&gt;&lt;evil"));
  }
}

TEST_CASE("disks are found again in a domain's description") {
  const auto disk = disk_xml(VirtMode::qemu, {"disk-0123456789abcde", "/s/disks/a.raw", "vdd"});
  DomainSpec spec;
  spec.vm = {"vm-1"};
  spec.agent = {"1"};
  auto xml = qemu_domain_xml(spec);
  xml.insert(xml.find("<serial type"), disk);
  const auto disks = disks_in(xml);
  REQUIRE(disks.size() == 3);
  CHECK(disks[0].serial.empty());
  CHECK(disks[2].serial == "disk-0123456789abcde");
  CHECK(disks[2].source == "/s/disks/a.raw");
  CHECK(disks[2].target == "vdd");
  CHECK(free_target(VirtMode::qemu, disks) == "vde");
  CHECK(free_target(VirtMode::lxc, {}) == "sda");
  CHECK(disk_hint(VirtMode::qemu, disks[2]) == Json{{"path", "/dev/disk/by-id/virtio-disk-0123456789abcde"}});
}

TEST_CASE("a machine's identity depends on the agent id alone") {
  CHECK(uuid_of({"a"}) == uuid_of({"a"}));
  CHECK(uuid_of({"a"}) != uuid_of({"b"}));
  CHECK(uuid_of({"a"}).size() == 36);
  CHECK(mac_of({"a"}, "x") != mac_of({"a"}, "y"));
  CHECK(mac_of({"a"}, "x").rfind("06:", 0) == 0);
}

TEST_CASE("only plain names become part of a path") {
  CHECK(is_plain_name("vm-0f3a_B.1"));
  for (const char* name : {"", ".", "..", "../x", "a/b", ".hidden", "a b", "a\n"}) {
    CAPTURE(name);
    CHECK_FALSE(is_plain_name(name));
  }
}

TEST_CASE("a lock waits and notices that what it locks was removed") {
  const TempDir dir;
  const auto file = dir.path() / "f";
  write_file_atomically(file, "");
  auto held = std::make_unique<FileLock>(file, FileLock::Kind::existing);
  std::thread other([&] { CHECK_THROWS_AS(FileLock(file, FileLock::Kind::existing), Error); });
  fs::remove(file);
  held.reset();
  other.join();
  CHECK_NOTHROW(FileLock(file, FileLock::Kind::create_file));
}

TEST_CASE("a sparse file grows, stays and never shrinks") {
  const TempDir dir;
  make_sparse_file(dir.path() / "f", 1 << 20);
  make_sparse_file(dir.path() / "f", 1 << 10);
  CHECK(fs::file_size(dir.path() / "f") == 1 << 20);
}

TEST_CASE("a folder without enough space is NoDiskSpace") {
  const TempDir dir;
  try {
    require_space(dir.path(), std::uint64_t{1} << 60);
    FAIL("there is an exbibyte");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::no_disk_space);
  }
}

TEST_CASE("a config image carries its label and content") {
  const TempDir dir;
  fs::create_directories(dir.path() / "config" / "ec2");
  write_file_atomically(dir.path() / "config" / "ec2" / "user-data.json", "{}");
  const auto image = dir.path() / "config.img";
  write_config_image(dir.path() / "config", image);
  constexpr std::size_t label_at = 1024 + 0x78;  // ext4's superblock, s_volume_name
  CHECK(read_file(image).substr(label_at, 8) == "config-2");
  CHECK((fs::status(image).permissions() & fs::perms::others_all) == fs::perms::none);
}
