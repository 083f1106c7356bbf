// A host that is lost with its VMs. Runs in a lab: test/contract/in-lab enters one. Both hosts are the lab's own: its
// containers are one, and its virtual machines the other, reached by a socket of its own, which can be taken away.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "base/archive.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "cpi/libvirt/files.hpp"
#include "cpi/libvirt/libvirt_cpi.hpp"

namespace slipway::cpi::fencing_test {

namespace {

namespace fs = std::filesystem;

fs::path socket_of_libvirt() {
  for (const auto* path : {"/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"}) {
    if (fs::exists(path)) return path;
  }
  FAIL("no libvirt listens in /run/libvirt");
  return {};
}

std::string virsh(std::vector<std::string> arguments) {
  std::vector<std::string> argv = {"virsh", "--quiet", "--connect", "qemu:///system"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_checked({.argv = argv});
}

struct TwoHosts {
  fs::path root = fs::path(std::getenv("SLIPWAY_LAB")) / "fencing";
  fs::path socket = root / "h2.sock", device = root / "fence", is_off = root / "is-off";
  const std::string power_off = "for vm in $(virsh -q -c qemu:///system list --name); do\n"
                                "  case $vm in vm-fenced-*) virsh -q -c qemu:///system destroy \"$vm\" ;; esac\n"
                                "done > /dev/null\n"
                                ": > " + is_off.string();
  std::unique_ptr<LibvirtCpi> cpi;
  StemcellCid stemcell;
  int addresses = 0;

  TwoHosts() {
    fs::create_directories(root / "storage");
    const auto image = root / "image";
    ArchiveReader archive{fs::path(std::getenv("SLIPWAY_STEMCELL"))};
    for (ArchiveEntry entry; archive.next(entry);) {
      if (entry.name == "image") archive.read_to_file(image);
    }
    turn_on();
    set_device(power_off);
    write_file_atomically(root / "options", "plug=2\npassword=secret", 0600);
    anew();
    stemcell = cpi->create_stemcell(image.string(), Json::object(), Json::object());
  }
  ~TwoHosts() {
    cpi.reset();
    fs::remove_all(root);
  }

  // As a director's next call has it: by another process.
  void anew() {
    const auto host = [&](const char* name, const char* mode, const std::string& uri) {
      return Json{{"name", name}, {"az", "z1"}, {"mode", mode}, {"uri", uri}, {"storage", (root / "storage").string()}};
    };
    auto second = host("h2", "qemu", "qemu+unix:///system?socket=" + socket.string());
    second["fence"] = {{"program", device.string()}, {"options_file", (root / "options").string()}};
    const Json config = {{"hosts", {host("h1", "lxc", "lxc:///system"), second}},
                         {"agent", {{"mbus", "nats://10.77.0.1:4222"}}},
                         {"fence_after_s", 1},
                         {"defaults", {{"bridge", "lab0"}, {"ram", 256}, {"ephemeral_disk", 64}}},
                         {"root_disk_mib", 1024}};
    cpi = std::make_unique<LibvirtCpi>(read_libvirt_config(config, "test"), Log::discard());
  }
  void set_device(const std::string& off) {
    write_file_atomically(device,
                          "#!/bin/sh\n"
                          "while read -r line; do case $line in action=*) action=${line#action=} ;; plug=2) plug=yes ;; esac; done\n"
                          "[ \"$plug\" = yes ] || exit 1\n"
                          "if [ \"$action\" = status ]; then [ -e " + is_off.string() + " ] && exit 2 || exit 0; fi\n" + off + "\n",
                          0755);
  }
  void turn_on() {
    fs::remove(is_off);
    fs::create_symlink(socket_of_libvirt(), socket);
  }
  void lose() {
    fs::remove(socket);
    anew();
  }
  VmCid make(const std::string& agent, const Json& properties) {
    CreateVm request;
    request.agent = {agent};
    request.stemcell = stemcell;
    request.cloud_properties = properties;
    request.networks = {{"default",
                         {{"type", "manual"},
                          {"ip", "10.77.90." + std::to_string(++addresses + 1)},
                          {"netmask", "255.255.0.0"},
                          {"gateway", "10.77.0.1"},
                          {"cloud_properties", {{"bridge", "lab0"}}}}}};
    return cpi->create_vm(request).vm;
  }
  std::string host_of(const VmCid& vm) { return read_json_file(root / "storage/vms" / vm.value / "vm.json").at("host"); }
  std::string problem(const std::function<void()>& action) {
    try {
      action();
    } catch (const CpiError& error) {
      CHECK(error.ok_to_retry());
      return error.what();
    }
    return "none";
  }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("VMs of a lost host are nobody's until its fence device says that it is off, and gone for good then") {
  TwoHosts world;
  const auto first = world.make("fenced-1", {{"host", "h2"}}), second = world.make("fenced-2", {{"host", "h2"}});
  const auto disk = world.cpi->create_disk(64, Json::object(), first, "");
  const auto kept = world.cpi->create_disk(64, Json::object(), second, "");
  world.cpi->attach_disk(first, disk);
  world.cpi->attach_disk(second, kept);
  world.lose();

  // The device does nothing, and says so or not: the VMs may run.
  world.set_device("exit 1");
  CHECK(contains(world.problem([&] { world.cpi->delete_vm(first); }), "did not switch it off (exit 1)"));
  world.set_device("exit 0");
  CHECK(contains(world.problem([&] { world.cpi->delete_vm(first); }), "does not say that it is off (exit 0)"));
  CHECK(contains(virsh({"list", "--name"}), first.value));
  CHECK(contains(world.problem([&] { world.cpi->has_vm(first); }), "connecting to libvirt"));

  world.set_device(world.power_off);
  world.cpi->delete_vm(first);
  CHECK_FALSE(contains(virsh({"list", "--name"}), "vm-fenced-"));
  world.anew();
  CHECK_FALSE(world.cpi->has_vm(first));
  CHECK(world.cpi->has_vm(second));  // it comes back with its host
  CHECK(contains(world.problem([&] { world.cpi->reboot_vm(second); }), "on host 'h2', which is off"));

  // Whoever takes its place goes elsewhere, and gets its disk, and no other's.
  const auto successor = world.make("successor", Json::object());
  CHECK(world.host_of(successor) == "h1");
  world.cpi->attach_disk(successor, disk);
  CHECK(world.cpi->get_disks(successor) == std::vector{disk});
  CHECK_THROWS_AS(world.cpi->attach_disk(successor, kept), CpiError);

  // What was deleted meanwhile has a definition there still.
  world.turn_on();
  world.anew();
  CHECK(contains(virsh({"list", "--all", "--name"}), first.value));
  CHECK(world.cpi->has_vm(second));
  CHECK_FALSE(contains(virsh({"list", "--all", "--name"}), first.value));
  world.cpi->reboot_vm(second);
  CHECK(contains(virsh({"list", "--name"}), second.value));
  world.make("fenced-3", {{"host", "h2"}});

  for (const auto& vm : {second, successor, VmCid{"vm-fenced-3"}}) world.cpi->delete_vm(vm);
  for (const auto& one : {disk, kept}) world.cpi->delete_disk(one);
  world.cpi->delete_stemcell(world.stemcell);
}

TEST_CASE("a host whose fence device is not there keeps its VMs while it is away") {
  TwoHosts world;
  const auto vm = world.make("waiting", {{"host", "h2"}});
  fs::remove(world.device);
  world.lose();
  CHECK_THROWS_AS(world.cpi->delete_vm(vm), Error);
  world.turn_on();
  world.anew();
  CHECK(world.cpi->has_vm(vm));
  world.cpi->delete_vm(vm);
  world.cpi->delete_stemcell(world.stemcell);
}

}  // namespace slipway::cpi::fencing_test
