// Runs in a lab: test/contract/in-lab enters one. Real domains, real disks.
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/archive.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/process.hpp"
#include "cpi/contract/exec_client.hpp"
#include "cpi/contract/suite.hpp"
#include "cpi/libvirt/files.hpp"
#include "cpi/libvirt/libvirt_cpi.hpp"

using namespace slipway;
using namespace slipway::cpi;
namespace fs = std::filesystem;

namespace {

std::string required_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw Error(Fault::invalid, std::string(name) + " is not set: run this by test/contract/in-lab");
  return value;
}

// What all cases share: one storage folder with one host of each mode, and one image.
struct World {
  fs::path root = fs::path(required_environment("SLIPWAY_LAB")) / "cpi-contract";
  fs::path storage = root / "storage";
  fs::path image = root / "image";
  fs::path config(VirtMode mode) const { return root / (mode == VirtMode::lxc ? "lxc.json" : "qemu.json"); }

  World() {
    fs::create_directories(storage);
    ArchiveReader stemcell{fs::path(required_environment("SLIPWAY_STEMCELL"))};
    for (ArchiveEntry entry; stemcell.next(entry);) {
      if (entry.name == "image") stemcell.read_to_file(image);
    }
    for (const auto mode : {VirtMode::lxc, VirtMode::qemu}) {
      write_json_file(config(mode), {{"hosts",
                                      {{{"name", "h1"},
                                        {"az", "z1"},
                                        {"mode", mode == VirtMode::lxc ? "lxc" : "qemu"},
                                        {"storage", (storage / (mode == VirtMode::lxc ? "lxc" : "qemu")).string()}}}},
                                     {"agent", {{"mbus", "nats://10.77.0.1:4222"}}},
                                     {"defaults", {{"bridge", "lab0"}, {"ram", 256}, {"ephemeral_disk", 64}}},
                                     {"root_disk_mib", 1024},
                                     {"detach_timeout_s", 240}});
    }
  }
  static World& get() {
    static World world;
    return world;
  }
  fs::path storage_of(VirtMode mode) const { return storage / (mode == VirtMode::lxc ? "lxc" : "qemu"); }
};

Json next_networks() {
  static std::atomic<int> next{1};
  const int n = next++;
  return {{"default",
           {{"type", "manual"},
            {"ip", "10.77." + std::to_string(100 + n / 250) + "." + std::to_string(n % 250 + 2)},
            {"netmask", "255.255.0.0"},
            {"gateway", "10.77.0.1"},
            {"cloud_properties", {{"bridge", "lab0"}}}}}};
}

std::string uri_of(VirtMode mode) { return mode == VirtMode::lxc ? "lxc:///system" : "qemu:///system"; }

bool domain_runs(VirtMode mode, const std::string& name) {
  const auto result = run({.argv = {"virsh", "-q", "-c", uri_of(mode), "domstate", name}});
  return result.ok() && result.standard_output.rfind("running", 0) == 0;
}

suite::Subject subject_of(VirtMode mode, std::shared_ptr<Cpi> cpi) {
  auto& world = World::get();
  suite::Subject subject;
  subject.cpi = std::move(cpi);
  subject.image_path = world.image.string();
  subject.networks = next_networks;
  subject.vm_exists = [mode](const VmCid& vm) { return domain_runs(mode, vm.value); };
  subject.disk_exists = [mode](const DiskCid& disk) {
    return fs::exists(World::get().storage_of(mode) / "disks" / (disk.value + ".raw"));
  };
  subject.vm_runs = subject.vm_exists;
  subject.makes_networks = false;
  subject.looks_into_failed_vms = true;
  subject.spares_stemcells = true;
  return subject;
}

suite::Subject in_process(VirtMode mode) {
  const auto config = load_libvirt_config(World::get().config(mode).string());
  return subject_of(mode, std::make_shared<LibvirtCpi>(config, Log::discard()));
}

ExecCpi exec_cpi(VirtMode mode) {
  return ExecCpi({.command = {SLIPWAY_CPI_LIBVIRT, World::get().config(mode).string()}, .director_uuid = "d-1"});
}

suite::Subject lxc_in_process() { return in_process(VirtMode::lxc); }
suite::Subject qemu_in_process() { return in_process(VirtMode::qemu); }
suite::Subject lxc_by_exec() { return subject_of(VirtMode::lxc, std::make_shared<ExecCpi>(exec_cpi(VirtMode::lxc))); }
suite::Subject qemu_by_exec() { return subject_of(VirtMode::qemu, std::make_shared<ExecCpi>(exec_cpi(VirtMode::qemu))); }

CreateVm request_for(Cpi& cpi, const std::string& agent) {
  CreateVm request;
  request.agent = {agent};
  request.stemcell = cpi.create_stemcell(World::get().image.string(), Json::object(), Json::object());
  request.networks = next_networks();
  return request;
}

std::size_t entries_in(const fs::path& folder) {
  std::error_code error;
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    INFO(entry.path().string());
    ++count;
  }
  return count;
}

// Calls create_vm and kills the CPI after `patience`; true when it was killed before it ended.
bool create_and_kill(VirtMode mode, const CreateVm& request, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  auto cpi = exec_cpi(mode);
  cpi.api_version();
  auto killed = cpi.observed_by({.log = {}, .cancelled = [&] { return std::chrono::steady_clock::now() >= deadline; }});
  try {
    killed.create_vm(request);
    return false;
  } catch (const CpiError& error) {
    CHECK(error.fault() == Fault::outcome_unknown);
    return true;
  }
}

void repair_after_kills(VirtMode mode) {
  auto cpi = exec_cpi(mode);
  int kills = 0;
  for (const int patience : {0, 10, 20, 35, 50, 70, 100, 150, 250}) {
    CAPTURE(patience);
    const auto request = request_for(cpi, "killed-" + std::to_string(patience));
    if (create_and_kill(mode, request, std::chrono::milliseconds{patience})) ++kills;
    if (patience % 20 == 0) {
      // A director that gives up has no more than the agent id to name the VM by.
      try {
        cpi.delete_vm({"vm-" + request.agent.value});
      } catch (const CpiError& error) {
        CHECK(error.type() == ErrorType::vm_not_found);
      }
      CHECK_FALSE(domain_runs(mode, "vm-" + request.agent.value));
      continue;
    }
    const auto vm = cpi.create_vm(request).vm;
    CHECK(domain_runs(mode, vm.value));
    CHECK(cpi.create_vm(request).vm == vm);
    cpi.delete_vm(vm);
    CHECK_FALSE(domain_runs(mode, vm.value));
  }
  CHECK(kills > 0);
  CHECK(entries_in(World::get().storage_of(mode) / "vms") == 0);
}

}  // namespace

SLIPWAY_CPI_CONTRACT("libvirt, LXC, in process", lxc_in_process)
SLIPWAY_CPI_CONTRACT("libvirt, LXC, by exec", lxc_by_exec)
SLIPWAY_CPI_CONTRACT("libvirt, QEMU, in process", qemu_in_process)
SLIPWAY_CPI_CONTRACT("libvirt, QEMU, by exec", qemu_by_exec)

TEST_SUITE("libvirt, beyond the contract") {
  TEST_CASE("a create_vm killed at any moment is completed or removed by the next call: LXC") {
    repair_after_kills(VirtMode::lxc);
  }
  TEST_CASE("a create_vm killed at any moment is completed or removed by the next call: QEMU") {
    repair_after_kills(VirtMode::qemu);
  }

  TEST_CASE("a node finds its settings, its ephemeral folder and its disk") {
    auto subject = lxc_in_process();
    auto& cpi = *subject.cpi;
    const auto request = request_for(cpi, "node");
    const auto vm = cpi.create_vm(request).vm;
    const auto folder = World::get().storage_of(VirtMode::lxc) / "vms" / vm.value;
    const auto settings = read_json_file(folder / "config" / "ec2" / "latest" / "user-data.json");
    CHECK(settings["agent_id"] == "node");
    CHECK(settings["vm"]["name"] == vm.value);
    CHECK(settings["mbus"] == "nats://10.77.0.1:4222");
    CHECK(settings["networks"]["default"]["mac"].is_string());
    CHECK((fs::status(folder / "config").permissions() & fs::perms::others_all) == fs::perms::none);

    const auto disk = cpi.create_disk(64, Json::object(), vm);
    const auto hint = cpi.attach_disk(vm, disk);
    const auto file = World::get().storage_of(VirtMode::lxc) / "disks" / (disk.value + ".raw");
    CHECK(hint == Json{{"path", "/dev/sda"}});
    CHECK(loop_devices_of(file).size() == 1);
    cpi.delete_vm(vm);
    CHECK(loop_devices_of(file).empty());
    cpi.delete_disk(disk);
  }

  TEST_CASE("a disk whose device has lost what was behind it is attached anew") {
    auto subject = lxc_in_process();
    auto& cpi = *subject.cpi;
    const auto vm = cpi.create_vm(request_for(cpi, "node")).vm;
    const auto disk = cpi.create_disk(64, Json::object(), vm);
    cpi.attach_disk(vm, disk);
    const auto file = World::get().storage_of(VirtMode::lxc) / "disks" / (disk.value + ".raw");
    for (const auto& device : loop_devices_of(file)) REQUIRE(free_loop_device(device));
    REQUIRE(loop_devices_of(file).empty());
    cpi.attach_disk(vm, disk);
    CHECK(loop_devices_of(file).size() == 1);
    CHECK(cpi.get_disks(vm) == std::vector{disk});
    cpi.delete_vm(vm);
    cpi.delete_disk(disk);
  }

  TEST_CASE("whoever was killed while writing a disk's record, or deleting the disk, leaves nothing once it is deleted") {
    auto subject = lxc_in_process();
    auto& cpi = *subject.cpi;
    const auto disks = World::get().storage_of(VirtMode::lxc) / "disks";
    const auto before = entries_in(disks);
    const auto first = cpi.create_disk(1, Json::object(), std::nullopt);
    write_file_atomically(disks / ("." + first.value + ".json.a1B2c3"), "{");
    cpi.delete_disk(first);
    const auto second = cpi.create_disk(1, Json::object(), std::nullopt);
    fs::remove(disks / (second.value + ".raw"));
    CHECK_THROWS_AS(cpi.delete_disk(second), CpiError);
    CHECK(entries_in(disks) == before);
  }

  TEST_CASE("nodes are deleted side by side") {
    auto subject = lxc_in_process();
    auto& cpi = *subject.cpi;
    std::vector<VmCid> vms;
    for (int i = 0; i < 4; ++i) vms.push_back(cpi.create_vm(request_for(cpi, "many-" + std::to_string(i))).vm);
    parallel_for(vms.size(), vms.size(), [&](std::size_t i) { cpi.delete_vm(vms[i]); });
    for (const auto& vm : vms) CHECK_FALSE(cpi.has_vm(vm));
  }

  TEST_CASE("a node's logs are read from its host, and no link of the node's is followed") {
    auto subject = lxc_in_process();
    auto& cpi = *subject.cpi;
    const auto vm = cpi.create_vm(request_for(cpi, "talker")).vm;
    const auto folder = World::get().storage_of(VirtMode::lxc) / "vms" / vm.value;
    const auto logs = folder / "vm" / "upper" / "var" / "log", jobs = folder / "ephemeral" / "sys" / "log";
    fs::create_directories(logs);
    fs::create_directories(jobs / "etcd");
    write_file_atomically(logs / "daemon.log", "it ends here");
    write_file_atomically(jobs / "etcd" / "stdout.log", std::string(5u << 20, 'x') + "the end");
    fs::create_symlink("/etc/passwd", logs / "link");
    fs::create_directory_symlink("/etc", jobs / "folder");
    REQUIRE(mkfifo((logs / "pipe").c_str(), 0600) == 0);
    std::map<std::string, std::string> read;
    const auto archive = cpi.get_vm_logs(vm, 32 << 20);
    auto reader = ArchiveReader::from_memory(archive);
    for (ArchiveEntry entry; reader.next(entry);) read[entry.name] = reader.read_all(32 << 20);
    CHECK(read.at("var/log/daemon.log") == "it ends here");
    CHECK(read.at("var/vcap/sys/log/etcd/stdout.log").ends_with("the end"));
    CHECK(read.at("var/vcap/sys/log/etcd/stdout.log").size() == 4u << 20);
    CHECK(read.at("shortened.txt") == "var/vcap/sys/log/etcd/stdout.log: 5242887 bytes\n");
    for (const auto& [name, content] : read) {
      CHECK(content.find("root:") == std::string::npos);
      CHECK(name.find("link") == std::string::npos);
      CHECK(name.find("folder") == std::string::npos);
      CHECK(name.find("pipe") == std::string::npos);
    }
    cpi.power_off_vm(vm);
    CHECK_FALSE(domain_runs(VirtMode::lxc, vm.value));
    const auto autostart = run_checked({.argv = {"virsh", "-q", "-c", uri_of(VirtMode::lxc), "dominfo", vm.value}});
    CHECK(autostart.find("Autostart:      disable") != std::string::npos);
    CHECK_FALSE(cpi.get_vm_logs(vm, 32 << 20).empty());
    cpi.delete_vm(vm);
  }

  TEST_CASE("a stemcell in use stays") {
    auto subject = lxc_in_process();
    auto& cpi = *subject.cpi;
    const auto request = request_for(cpi, "user");
    const auto vm = cpi.create_vm(request).vm;
    CHECK_THROWS_AS(cpi.delete_stemcell(request.stemcell), CpiError);
    cpi.delete_vm(vm);
    CHECK_NOTHROW(cpi.delete_stemcell(request.stemcell));
  }

  TEST_CASE("a wish no host can meet is refused with what is allowed") {
    auto subject = lxc_in_process();
    auto request = request_for(*subject.cpi, "wish");
    request.cloud_properties = {{"host", "h9"}};
    try {
      subject.cpi->create_vm(request);
      FAIL("it was created");
    } catch (const CpiError& error) {
      CHECK(error.type() == ErrorType::vm_creation_failed);
      CHECK(std::string(error.what()).find("h1 (z1)") != std::string::npos);
    }
  }

  TEST_CASE("at the end nothing is left on the hosts") {
    for (const auto mode : {VirtMode::lxc, VirtMode::qemu}) {
      const auto storage = World::get().storage_of(mode);
      CHECK(entries_in(storage / "vms") == 0);
      CHECK(entries_in(storage / "disks") == 0);
      CHECK(run_checked({.argv = {"virsh", "-q", "-c", uri_of(mode), "list", "--all", "--name"}}).find("vm-") ==
            std::string::npos);
    }
    std::error_code error;
    for (const char* hierarchy : {"pids", "systemd", "memory"}) {
      for (const auto& group : fs::directory_iterator(fs::path("/sys/fs/cgroup") / hierarchy / "machine", error)) {
        CHECK(group.path().filename().string().rfind("vm-", 0) != 0);
      }
    }
  }
}
