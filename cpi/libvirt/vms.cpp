#include "cpi/libvirt/vms.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/process.hpp"
#include "cpi/libvirt/disks.hpp"

namespace slipway::cpi {

namespace {

namespace fs = std::filesystem;

bool is_remote(const LibvirtHost& host) {
  // "driver:///path" is this machine, "driver+transport://host/path" another.
  const auto begin = host.uri.find("://");
  return begin != std::string::npos && begin + 3 < host.uri.size() && host.uri[begin + 3] != '/';
}

// An LXC node places itself in hierarchies libvirt does not manage, so libvirt does not
// clean them either. Innermost first; a group that still has a dying process is tried again.
void remove_cgroups_of(const VmCid& vm) {
  for (const char* hierarchy : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd"}) {
    const auto group = fs::path(hierarchy) / "machine" / vm.value;
    constexpr int tries = 40;
    for (int attempt = 0; attempt < tries; ++attempt) {
      std::error_code error;
      std::vector<fs::path> groups{group};
      for (auto it = fs::recursive_directory_iterator(group, error); !error && it != fs::recursive_directory_iterator();
           it.increment(error)) {
        std::error_code ignored;
        if (it->is_directory(ignored)) groups.push_back(it->path());
      }
      for (auto inner = groups.rbegin(); inner != groups.rend(); ++inner) rmdir(inner->c_str());
      if (!fs::exists(group, error)) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{25});
    }
  }
}

std::size_t count_vms(const LibvirtHost& host) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& vm : fs::directory_iterator(StoragePaths(host.storage).vms(), error)) {
    std::error_code unreadable;
    if (!fs::exists(vm.path() / "vm.json", unreadable)) continue;
    // Hosts may share a folder.
    if (read_json_file(vm.path() / "vm.json").value("host", "") == host.name) ++count;
  }
  return count;
}

std::string list_of_hosts(const LibvirtConfig& config) {
  std::string names;
  for (const auto& host : config.hosts) names += (names.empty() ? "" : ", ") + host.name + (host.az.empty() ? "" : " (" + host.az + ")");
  return names;
}

// One create_vm or delete_vm of a VM at a time, over all hosts: two tries for one agent must
// not choose two hosts, and a delete waits for the create it follows.
class LifeLock {
 public:
  LifeLock(const LibvirtConfig& config, const VmCid& vm)
      : file_(prepared(StoragePaths(config.hosts.front().storage), vm)), lock_(file_, FileLock::Kind::create_file) {}
  ~LifeLock() {
    std::error_code ignored;
    fs::remove(file_, ignored);  // still locked: who waits for it starts anew
  }
  LifeLock(const LifeLock&) = delete;
  LifeLock& operator=(const LifeLock&) = delete;

 private:
  static fs::path prepared(const StoragePaths& paths, const VmCid& vm) {
    fs::create_directories(paths.vms());
    return paths.vm_life_lock(vm);
  }
  fs::path file_;
  FileLock lock_;
};

}  // namespace

bool kvm_is_usable() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string line;
  while (std::getline(cpuinfo, line)) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream flags(line);
    for (std::string flag; flags >> flag;) {
      if (flag == "vmx" || flag == "svm") return access("/dev/kvm", R_OK | W_OK) == 0;
    }
    return false;
  }
  return false;
}

const LibvirtHost& Vms::choose_host(const VmWish& wish) const {
  if (!wish.host.empty()) {
    if (const auto* host = config_.find_host(wish.host)) return *host;
    throw CpiError(ErrorType::vm_creation_failed, Fault::invalid,
                   "cloud_properties.host is '" + wish.host + "'; allowed are " + list_of_hosts(config_), false);
  }
  std::vector<std::pair<std::size_t, const LibvirtHost*>> candidates;
  for (const auto& host : config_.hosts) {
    if (wish.az.empty() || host.az == wish.az) candidates.emplace_back(count_vms(host), &host);
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string silent;
  for (const auto& [count, host] : candidates) {
    if (!hosts_.is_off(*host) && hosts_.answers(*host)) return *host;
    silent += (silent.empty() ? "" : ", ") + host->name;
  }
  if (!silent.empty())
    throw CpiError(ErrorType::vm_creation_failed, "no host answers" + (wish.az.empty() ? "" : " in AZ '" + wish.az + "'") + ": " + silent, true);
  throw CpiError(ErrorType::vm_creation_failed, Fault::invalid,
                 "no host is in AZ '" + wish.az + "'; there are " + list_of_hosts(config_), false);
}

const LibvirtHost* Vms::owner_of(const VmCid& vm) const {
  if (!is_plain_name(vm.value)) return nullptr;
  for (const auto& host : config_.hosts) {
    const auto folder = StoragePaths(host.storage).vm(vm);
    if (!fs::exists(folder)) continue;
    // Without a record the folder was made a moment before a crash.
    const LibvirtHost* owner = nullptr;
    if (fs::exists(folder / "vm.json")) owner = config_.find_host(read_json_file(folder / "vm.json").value("host", ""));
    return owner == nullptr ? &host : owner;
  }
  return nullptr;
}

std::optional<FoundVm> Vms::find(const VmCid& vm) const {
  if (!is_plain_name(vm.value)) return std::nullopt;
  if (const auto* owner = owner_of(vm)) {
    if (hosts_.is_off(*owner)) return FoundVm{owner, std::nullopt, true};
    return FoundVm{owner, connections_.find(owner->uri, vm.value)};
  }
  // No folder: somebody removed it by hand, or it is on a host without a mount just now.
  for (const auto& host : config_.hosts) {
    if (hosts_.is_off(host)) continue;
    if (auto domain = connections_.find(host.uri, vm.value)) return FoundVm{&host, std::move(domain)};
  }
  return std::nullopt;
}

FoundVm Vms::get(const VmCid& vm) const {
  auto found = find(vm);
  if (found && found->domain) return std::move(*found);
  if (found && found->host_is_off)
    throw CpiError(ErrorType::cloud_error, "VM '" + vm.value + "' is on host '" + found->host->name + "', which is off", true);
  throw CpiError(ErrorType::vm_not_found, "VM '" + vm.value + "' does not exist");
}

std::unique_ptr<FileLock> Vms::lock(const VmCid& vm, const FoundVm& found) const {
  try {
    return std::make_unique<FileLock>(found.paths().vm(vm), FileLock::Kind::existing);
  } catch (const CpiError&) {
    throw;
  } catch (const Error&) {
    throw CpiError(ErrorType::vm_not_found, "VM '" + vm.value + "' does not exist any more");
  }
}

void Vms::make_files(const LibvirtHost& host, const CreateVm& request, const VmCid& vm, const VmWish& wish) const {
  const auto folder = StoragePaths(host.storage).vm(vm);
  const auto config = folder / "config";
  fs::create_directories(config / "ec2" / "latest");
  fs::permissions(config, fs::perms(0700));
  const auto settings = agent_settings(request, vm, wish, host.mode, config_);
  write_json_file(config / "ec2" / "latest" / "user-data.json", settings, 0600);
  write_json_file(config / "ec2" / "latest" / "meta-data.json", {{"instance-id", vm.value}}, 0600);
  if (host.mode == VirtMode::lxc) {
    fs::create_directories(folder / "vm");
    fs::create_directories(folder / "ephemeral");
    fs::permissions(folder / "ephemeral", fs::perms(0755));
    return;
  }
  write_config_image(config, folder / "config.img");
  if (!fs::exists(folder / "root.qcow2")) {
    const auto base = StoragePaths(host.storage).stemcell(request.stemcell) / "root.ext4";
    const auto incoming = folder / "root.qcow2.incoming";
    run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base.string(), incoming.string()}});
    fs::rename(incoming, folder / "root.qcow2");
  }
  if (wish.ephemeral_disk_mib > 0) {
    make_sparse_file(folder / "ephemeral.raw", static_cast<std::uint64_t>(wish.ephemeral_disk_mib) << 20);
  }
}

Domain Vms::make_domain(const LibvirtHost& host, const CreateVm& request, const VmCid& vm, const VmWish& wish) {
  const StoragePaths paths(host.storage);
  DomainSpec spec;
  spec.vm = vm;
  spec.agent = request.agent;
  spec.cpu = wish.cpu;
  spec.ram_mib = wish.ram_mib;
  spec.nics = wish.nics;
  spec.stemcell = paths.stemcell(request.stemcell);
  spec.folder = paths.vm(vm);
  spec.has_initrd = fs::exists(spec.stemcell / "initrd.img");
  spec.has_ephemeral_disk = wish.ephemeral_disk_mib > 0;
  // What another machine's processor can do is libvirt's to say; emulation always works.
  spec.accelerated = !is_remote(host) && kvm_is_usable();
  return connections_.define(host.uri, host.mode == VirtMode::lxc ? lxc_domain_xml(spec) : qemu_domain_xml(spec));
}

CreatedVm Vms::create_on(const LibvirtHost& host, const CreateVm& request, const VmCid& vm, const VmWish& wish) {
  const auto folder = StoragePaths(host.storage).vm(vm);
  Json record{{"agent", request.agent.value}, {"stemcell", request.stemcell.value}, {"host", host.name},
              {"cloud_properties", request.cloud_properties}, {"networks", wish.networks}, {"state", "creating"}};
  write_json_file(folder / "vm.json", record);
  make_files(host, request, vm, wish);
  auto domain = connections_.find(host.uri, vm.value);
  if (!domain) domain = make_domain(host, request, vm, wish);
  domain->start();
  domain->set_autostart();
  record["state"] = "created";
  write_json_file(folder / "vm.json", record);
  return {vm, wish.networks};
}

CreatedVm Vms::create(const CreateVm& request) {
  if (!is_plain_name("vm-" + request.agent.value)) {
    throw CpiError(ErrorType::vm_creation_failed, Fault::invalid,
                   "agent id '" + request.agent.value + "' has other characters than letters, digits, '-', '_' and '.'", false);
  }
  const VmCid vm{"vm-" + request.agent.value};
  const auto wish = read_wish(request, config_);
  const LifeLock life(config_, vm);
  const auto before = find(vm);
  const auto& host = before ? *before->host : choose_host(wish);
  const auto folder = StoragePaths(host.storage).vm(vm);
  const FileLock lock(folder, FileLock::Kind::create_folder);
  if (fs::exists(folder / "vm.json")) {
    const auto record = read_json_file(folder / "vm.json");
    if (record.value("state", "") == "created" && connections_.find(host.uri, vm.value)) {
      return {vm, record.value("networks", Json::object())};
    }
  }
  try {
    if (!stemcells_.exists_on(host, request.stemcell)) {
      throw CpiError(ErrorType::vm_creation_failed, "stemcell '" + request.stemcell.value + "' is not on host '" + host.name + "'");
    }
    return create_on(host, request, vm, wish);
  } catch (...) {
    try {
      tear_down(vm, host);
    } catch (const std::exception& error) {
      log_.warn("vm.create.leftover", {{"vm", vm.value}, {"error", error.what()}});
    }
    throw;
  }
}

void Vms::tear_down(const VmCid& vm, const LibvirtHost& host) {
  const StoragePaths paths(host.storage);
  const bool host_is_off = hosts_.is_off(host);
  if (host_is_off) hosts_.remember_deleted(host, vm);
  if (auto domain = host_is_off ? std::nullopt : connections_.find(host.uri, vm.value)) {
    const auto disks = domain->disks(Domain::Which::next_start);
    domain->stop();
    domain->undefine();
    for (const auto& disk : disks) {
      if (disk.serial.empty() || host.mode != VirtMode::lxc) continue;
      // By file: the device named in the definition may serve somebody else by now.
      for (const auto& device : loop_devices_of(Disks::file_of(config_, {disk.serial}))) free_loop_device(device);
    }
  }
  if (host.mode == VirtMode::lxc) remove_cgroups_of(vm);
  const auto folder = paths.vm(vm);
  if (!fs::exists(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != "vm.json") fs::remove_all(entry.path());
  }
  // Last: without it nobody would know that the rest belongs to a VM.
  fs::remove_all(folder);
}

void Vms::remove(const VmCid& vm) {
  if (!is_plain_name(vm.value)) throw CpiError(ErrorType::vm_not_found, "VM '" + vm.value + "' does not exist");
  const LifeLock life(config_, vm);
  if (const auto* owner = owner_of(vm); owner != nullptr && !hosts_.is_off(*owner)) hosts_.require_answer_or_end(*owner);
  const auto found = find(vm);
  if (!found) throw CpiError(ErrorType::vm_not_found, "VM '" + vm.value + "' does not exist");
  const auto folder = found->paths().vm(vm);
  if (!fs::exists(folder)) return tear_down(vm, *found->host);
  const auto held = lock(vm, *found);
  tear_down(vm, *found->host);
}

// Written down first: whoever dies in between leaves a VM that nobody starts again.
void Vms::power_off(const VmCid& vm) {
  auto found = get(vm);
  const auto held = lock(vm, found);
  const auto file = found.paths().vm(vm) / "vm.json";
  auto record = read_json_file(file);
  record["off"] = true;
  write_json_file(file, record);
  found.domain->set_autostart(false);
  found.domain->stop();
  if (found.host->mode == VirtMode::lxc) remove_cgroups_of(vm);
}

void Vms::reboot(const VmCid& vm) {
  auto found = get(vm);
  const auto held = lock(vm, found);
  const auto record = found.paths().vm(vm) / "vm.json";
  if (fs::exists(record) && read_json_file(record).value("off", false))
    throw CpiError(ErrorType::cloud_error, "VM '" + vm.value + "' was powered off for good");
  found.domain->stop();
  if (found.host->mode == VirtMode::lxc) {
    remove_cgroups_of(vm);
    // After the host's own restart the disks have no loop device, or another one.
    for (auto disk : found.domain->disks(Domain::Which::next_start)) {
      if (disk.serial.empty()) continue;
      const auto file = Disks::file_of(config_, {disk.serial});
      const auto devices = loop_devices_of(file);
      const auto device = devices.empty() ? attach_loop_device(file) : devices.front();
      if (device == disk.source) continue;
      found.domain->detach_at_next_start(disk_xml(VirtMode::lxc, disk));
      disk.source = device;
      found.domain->attach_at_next_start(disk_xml(VirtMode::lxc, disk));
    }
  }
  found.domain->start();
}

}  // namespace slipway::cpi
