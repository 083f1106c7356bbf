#include "cpi/libvirt/disks.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "cpi/libvirt/files.hpp"
#include "cpi/libvirt/vms.hpp"

namespace slipway::cpi {

namespace {

namespace fs = std::filesystem;

const DomainDisk* find_disk(const std::vector<DomainDisk>& disks, const DiskCid& disk) {
  const auto found = std::find_if(disks.begin(), disks.end(), [&](const auto& one) { return one.serial == disk.value; });
  return found == disks.end() ? nullptr : &*found;
}

bool has(const Domain& domain, const DiskCid& disk) {
  return find_disk(domain.disks(Domain::Which::now), disk) != nullptr ||
         find_disk(domain.disks(Domain::Which::next_start), disk) != nullptr;
}

std::uint64_t bytes(std::int64_t mib) { return static_cast<std::uint64_t>(mib) << 20; }

void require_size(std::int64_t size_mib) {
  constexpr std::int64_t most = std::int64_t{1} << 31;
  if (size_mib >= 1 && size_mib <= most) return;
  throw CpiError(ErrorType::cloud_error, Fault::invalid,
                 "a disk of " + std::to_string(size_mib) + " MiB is not possible; allowed are 1 to " + std::to_string(most), false);
}

// The disk's lock; disk_not_found when it is gone.
std::unique_ptr<FileLock> lock(const fs::path& file, const DiskCid& disk) {
  try {
    return std::make_unique<FileLock>(file, FileLock::Kind::existing);
  } catch (const CpiError&) {
    throw;
  } catch (const Error&) {
    throw CpiError(ErrorType::disk_not_found, "disk '" + disk.value + "' does not exist any more");
  }
}

// Frees a device that a detach or a crash left behind. Bound twice, one disk would be
// mounted twice and its file system lost, so somebody who still has it open is an error.
void release_loop_devices(const fs::path& file, const DiskCid& disk) {
  for (const auto& device : loop_devices_of(file)) {
    if (free_loop_device(device)) continue;
    throw CpiError(ErrorType::cloud_error, "disk '" + disk.value + "' is still in use on this host by " + device.string() +
                                               "; unmount it in the VM first", true);
  }
}

constexpr std::chrono::seconds lxc_patience{5};

bool is_behind(const fs::path& file, const fs::path& device) {
  const auto devices = loop_devices_of(file);
  return std::find(devices.begin(), devices.end(), device) != devices.end();
}

// Attaching to a container that is a moment old may fail although nothing is wrong with it.
void attach_to_guest(Domain& domain, const std::string& xml, const DiskCid& disk) {
  constexpr int tries = 20;
  for (int attempt = 1;; ++attempt) {
    try {
      return domain.attach(xml);
    } catch (const CpiError& error) {
      if (attempt == tries || error.type() != ErrorType::cloud_error || has(domain, disk)) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{250});
  }
}

// A QEMU guest has a say in a detach: it may be booting, or busy.
void detach_from_guest(Domain& domain, const std::string& xml, const DiskCid& disk, std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string problem = "the guest does not let go of it";
  for (int attempt = 0;; ++attempt) {
    constexpr int polls_a_request = 20;
    if (attempt % polls_a_request == 0) {
      try {
        domain.ask_to_detach(xml);
      } catch (const CpiError& error) {
        // "already in the process of unplug": the answer is still to come.
        problem = error.what();
      }
    }
    if (find_disk(domain.disks(), disk) == nullptr) return;
    if (std::chrono::steady_clock::now() >= deadline) {
      throw CpiError(ErrorType::cloud_error, "detaching disk '" + disk.value + "' took more than " +
                                                 std::to_string(patience.count()) + " s: " + problem, true);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{250});
  }
}

}  // namespace

fs::path Disks::file_of(const LibvirtConfig& config, const DiskCid& disk) {
  if (is_plain_name(disk.value)) {
    for (const auto& host : config.hosts) {
      const auto file = StoragePaths(host.storage).disk(disk);
      if (fs::exists(file)) return file;
    }
  }
  throw CpiError(ErrorType::disk_not_found, "disk '" + disk.value + "' does not exist");
}

Disks::Place Disks::place_of(const DiskCid& disk) const {
  const auto file = file_of(config_, disk);
  for (const auto& host : config_.hosts) {
    if (StoragePaths(host.storage).disk(disk) == file) return {&host};
  }
  throw CpiError(ErrorType::disk_not_found, "disk '" + disk.value + "' does not exist");
}

bool Disks::exists(const DiskCid& disk) const {
  if (!is_plain_name(disk.value)) return false;
  return std::any_of(config_.hosts.begin(), config_.hosts.end(),
                     [&](const auto& host) { return fs::exists(StoragePaths(host.storage).disk(disk)); });
}

std::optional<VmCid> Disks::holder_of(const DiskCid& disk, const Place& place) const {
  const auto record = read_json_file(place.paths().disk_record(disk));
  const VmCid vm{record.value("vm", "")};
  if (vm.empty()) return std::nullopt;
  const auto found = vms_.find(vm);
  if (found && found->host_is_off) return vm;  // which comes back with its host unless it is deleted
  if (!found || !found->domain || !has(*found->domain, disk)) return std::nullopt;
  return vm;
}

DiskCid Disks::create(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                      const std::string& idempotency_key) {
  require_size(size_mib);
  const LibvirtHost* host = near_vm ? vms_.get(*near_vm).host : &config_.hosts.front();
  if (const auto name = cloud_properties.value("host", std::string()); !near_vm && !name.empty()) {
    host = config_.find_host(name);
    if (host == nullptr) {
      throw CpiError(ErrorType::cloud_error, Fault::invalid, "cloud_properties.host '" + name + "' is not a host of this CPI", false);
    }
  }
  const StoragePaths paths(host->storage);
  fs::create_directories(paths.disks());
  require_space(paths.disks(), bytes(size_mib));
  constexpr std::size_t serial_length = 20;  // of a virtio disk; the cid is the serial
  const auto unique = idempotency_key.empty() ? random_.hex(8) : sha256_hex(idempotency_key);
  const DiskCid disk{("disk-" + unique).substr(0, serial_length)};
  if (exists(disk)) return disk;
  // The record first: a file without one would never be found again.
  write_json_file(paths.disk_record(disk), {{"size_mib", size_mib}, {"cloud_properties", cloud_properties}, {"metadata", Json::object()}});
  make_sparse_file(paths.disk(disk), bytes(size_mib));
  return disk;
}

// A delete that was killed between the file and its record, or whoever was killed while writing the record.
void Disks::forget(const DiskCid& disk) const {
  if (!is_plain_name(disk.value)) return;
  for (const auto& host : config_.hosts) remove_written_file(StoragePaths(host.storage).disk_record(disk));
}

void Disks::remove(const DiskCid& disk) {
  if (!exists(disk)) forget(disk);
  const auto place = place_of(disk);
  const auto file = place.paths().disk(disk);
  const auto held = lock(file, disk);
  if (const auto vm = holder_of(disk, place)) {
    throw CpiError(ErrorType::cloud_error, "disk '" + disk.value + "' is attached to VM '" + vm->value + "'");
  }
  release_loop_devices(file, disk);
  fs::remove(file);
  forget(disk);
}

Json Disks::attach(const VmCid& vm, const DiskCid& disk) {
  auto found = vms_.get(vm);
  const auto place = place_of(disk);
  if (place.host->storage != found.host->storage && place.host->uri != found.host->uri) {
    throw CpiError(ErrorType::cloud_error, "disk '" + disk.value + "' is on host '" + place.host->name + "', VM '" + vm.value +
                                               "' on '" + found.host->name + "', which share no storage");
  }
  const auto vm_lock = vms_.lock(vm, found);
  const auto file = place.paths().disk(disk);
  const auto disk_lock = lock(file, disk);
  const auto mode = found.host->mode;
  const auto present = found.domain->disks();
  if (const auto* attached = find_disk(present, disk)) {
    if (mode != VirtMode::lxc || is_behind(file, attached->source)) return disk_hint(mode, *attached);
    // An attach that failed half-way, or a crash, left a device with nothing behind it.
    if (found.domain->is_active()) detach_from_guest(*found.domain, disk_xml(mode, *attached), disk, lxc_patience);
  }
  if (const auto holder = holder_of(disk, place); holder && *holder != vm) {
    throw CpiError(ErrorType::cloud_error, "disk '" + disk.value + "' is attached to VM '" + holder->value + "'");
  }

  auto record = read_json_file(place.paths().disk_record(disk));
  record["vm"] = vm.value;
  write_json_file(place.paths().disk_record(disk), record);
  // A definition without its device, left by a crash in between, would be in the way.
  const auto planned = found.domain->disks(Domain::Which::next_start);
  if (const auto* stale = find_disk(planned, disk)) found.domain->detach_at_next_start(disk_xml(mode, *stale));
  auto taken = present;
  taken.insert(taken.end(), planned.begin(), planned.end());
  DomainDisk device{disk.value, file.string(), free_target(mode, taken)};
  if (mode == VirtMode::lxc) {
    release_loop_devices(file, disk);
    device.source = attach_loop_device(file).string();
  }
  try {
    attach_to_guest(*found.domain, disk_xml(mode, device), disk);
  } catch (...) {
    if (mode == VirtMode::lxc) free_loop_device(device.source);
    throw;
  }
  return disk_hint(mode, device);
}

void Disks::detach(const VmCid& vm, const DiskCid& disk) {
  auto found = vms_.get(vm);
  const auto place = place_of(disk);
  const auto vm_lock = vms_.lock(vm, found);
  const auto file = place.paths().disk(disk);
  const auto disk_lock = lock(file, disk);
  const auto mode = found.host->mode;
  const auto holder = holder_of(disk, place);
  if (holder && *holder != vm) {
    throw CpiError(ErrorType::disk_not_attached, "disk '" + disk.value + "' is attached to VM '" + holder->value + "', not to '" +
                                                     vm.value + "'");
  }
  if (holder) {
    const auto now = found.domain->disks(Domain::Which::now), later = found.domain->disks(Domain::Which::next_start);
    // A domain that does not run (its machine died) lists its definition as what is there now.
    if (const auto* live = find_disk(now, disk); live && found.domain->is_active()) {
      const auto patience = mode == VirtMode::lxc ? lxc_patience : std::chrono::seconds{config_.detach_timeout_s};
      detach_from_guest(*found.domain, disk_xml(mode, *live), disk, patience);
    }
    if (const auto* planned = find_disk(later, disk)) found.domain->detach_at_next_start(disk_xml(mode, *planned));
  }
  release_loop_devices(file, disk);
  auto record = read_json_file(place.paths().disk_record(disk));
  record.erase("vm");
  write_json_file(place.paths().disk_record(disk), record);
}

std::vector<DiskCid> Disks::of(const VmCid& vm) const {
  const auto found = vms_.get(vm);
  std::vector<DiskCid> attached;
  for (const auto& disk : found.domain->disks()) {
    if (!disk.serial.empty()) attached.push_back({disk.serial});
  }
  return attached;
}

void Disks::set_metadata(const DiskCid& disk, const Json& metadata) {
  const auto place = place_of(disk);
  const auto held = lock(place.paths().disk(disk), disk);
  auto record = read_json_file(place.paths().disk_record(disk));
  record["metadata"] = metadata;
  write_json_file(place.paths().disk_record(disk), record);
}

void Disks::resize(const DiskCid& disk, std::int64_t new_size_mib, const Json* cloud_properties) {
  const auto place = place_of(disk);
  require_size(new_size_mib);
  const auto file = place.paths().disk(disk);
  const auto held = lock(file, disk);
  auto record = read_json_file(place.paths().disk_record(disk));
  const auto now = static_cast<std::int64_t>(fs::file_size(file) >> 20);
  if (const auto vm = holder_of(disk, place)) {
    throw CpiError(ErrorType::not_supported, "disk '" + disk.value + "' is attached to VM '" + vm->value + "'; detach it before resizing");
  }
  if (new_size_mib < now) {
    throw CpiError(ErrorType::not_supported, "disk '" + disk.value + "' has " + std::to_string(now) + " MiB and cannot shrink to " +
                                                 std::to_string(new_size_mib));
  }
  require_space(place.paths().disks(), bytes(new_size_mib - now));
  release_loop_devices(file, disk);
  make_sparse_file(file, bytes(new_size_mib));
  record["size_mib"] = new_size_mib;
  if (cloud_properties != nullptr) record["cloud_properties"] = *cloud_properties;
  write_json_file(place.paths().disk_record(disk), record);
}

void Disks::copy_of_attached(const VmCid& holder, const DiskCid& disk, const fs::path& from, const fs::path& to) const {
  for (const auto& device : loop_devices_of(from)) flush_block_device(device);
  if (try_reflink(from, to)) return;
  // Without reflinks the copy takes a while, in which the disk must not change.
  auto found = vms_.get(holder);
  const auto vm_lock = vms_.lock(holder, found);
  if (!found.domain->is_active()) return copy_sparse(from, to);
  found.domain->suspend();
  struct Resume {
    Domain& domain;
    ~Resume() {
      try {
        domain.resume();
      } catch (const CpiError&) {
        // The VM is gone, or reboot_vm will wake it.
      }
    }
  } const resume{*found.domain};
  for (const auto& device : loop_devices_of(from)) flush_block_device(device);
  require_space(to.parent_path(), fs::file_size(from) / 16);
  (void)disk;
  copy_sparse(from, to);
}

SnapshotCid Disks::snapshot(const DiskCid& disk, const Json& metadata) {
  const auto place = place_of(disk);
  const auto paths = place.paths();
  const SnapshotCid snapshot{"snapshot-" + random_.hex(8)};
  fs::create_directories(paths.snapshots());
  write_json_file(paths.snapshot_record(snapshot), {{"disk", disk.value}, {"metadata", metadata}});
  try {
    if (const auto vm = holder_of(disk, place)) {
      copy_of_attached(*vm, disk, paths.disk(disk), paths.snapshot(snapshot));
    } else {
      const auto held = lock(paths.disk(disk), disk);
      if (!try_reflink(paths.disk(disk), paths.snapshot(snapshot))) copy_sparse(paths.disk(disk), paths.snapshot(snapshot));
    }
  } catch (...) {
    std::error_code ignored;
    fs::remove(paths.snapshot_record(snapshot), ignored);
    throw;
  }
  return snapshot;
}

void Disks::remove_snapshot(const SnapshotCid& snapshot) {
  if (!is_plain_name(snapshot.value)) return;
  for (const auto& host : config_.hosts) {
    const StoragePaths paths(host.storage);
    std::error_code ignored;
    fs::remove(paths.snapshot(snapshot), ignored);
    remove_written_file(paths.snapshot_record(snapshot));
  }
}

}  // namespace slipway::cpi
