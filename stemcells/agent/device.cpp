#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/json_text.hpp"
#include "base/process.hpp"
#include "stemcells/agent/disks.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

bool is_block_device(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

void add_by_id(std::vector<std::string>& places, const std::string& id) {
  if (!is_plain_name(id)) return;
  constexpr std::size_t virtio_serial_length = 20;
  places.push_back("/dev/disk/by-id/virtio-" + id.substr(0, virtio_serial_length));
  places.push_back("/dev/disk/by-id/" + id);
}

std::vector<std::string> candidates(const Json& hint, const std::string& id_fallback) {
  std::vector<std::string> places;
  for (const std::string& path : {hint.is_string() ? hint.get<std::string>() : std::string(), text_or_empty(hint, "path")}) {
    if (path.starts_with("/dev/")) places.push_back(path);
    // EC2's name for what Xen's driver calls by its own.
    if (path.starts_with("/dev/sd")) places.push_back("/dev/xvd" + path.substr(7));
  }
  for (const char* key : {"volume_id", "id"}) add_by_id(places, text_or_empty(hint, key));
  if (hint.is_string() && !hint.get<std::string>().starts_with("/")) add_by_id(places, hint.get<std::string>());
  add_by_id(places, id_fallback);
  return places;
}

std::uint64_t little_endian(const unsigned char* bytes, int count) {
  std::uint64_t value = 0;
  for (int index = count - 1; index >= 0; --index) value = value << 8 | bytes[index];
  return value;
}

// The device is at least one block group's worth larger than its ext4 file system says.
bool ext4_can_grow(const std::string& device) {
  const int fd = ::open(device.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::array<unsigned char, 1024> super{};
  std::uint64_t device_bytes = 0;
  const bool read = ::pread(fd, super.data(), super.size(), 1024) == static_cast<ssize_t>(super.size()) &&
                    ::ioctl(fd, BLKGETSIZE64, &device_bytes) == 0;
  ::close(fd);
  if (!read || little_endian(&super[0x38], 2) != 0xEF53) return false;
  const std::uint64_t blocks = little_endian(&super[0x4], 4) | little_endian(&super[0x150], 4) << 32;
  const std::uint64_t fs_bytes = blocks * (1024ull << little_endian(&super[0x18], 4));
  return device_bytes > fs_bytes + (1u << 20);
}

std::string partition_of(const std::string& device) {
  for (const char* suffix : {"1", "p1", "-part1"}) {
    if (is_block_device(device + suffix)) return device + suffix;
  }
  return {};
}

}  // namespace

Signature probe_device(const std::string& device) {
  const auto result = run({.argv = {"/usr/sbin/blkid", "-p", "-o", "export", device}, .timeout = 30s});
  constexpr int nothing_found = 2;
  if (result.exit_code == nothing_found) return {};
  if (!result.ok()) throw Error(Fault::internal, "blkid " + device + ": " + result.standard_error);
  Signature found;
  std::istringstream lines(result.standard_output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("TYPE=")) found.fs_type = line.substr(5);
    if (line.starts_with("LABEL=")) found.label = line.substr(6);
    if (line.starts_with("PTTYPE=")) found.partition_table = line.substr(7);
  }
  return found;
}

std::string wait_for_device(const Json& hint, const std::string& id_fallback, std::chrono::seconds limit) {
  const auto places = candidates(hint, id_fallback);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    for (const auto& place : places) {
      if (is_block_device(place)) return place;
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(100ms);
  }
  std::string tried;
  for (const auto& place : places) tried += " " + place;
  throw Error(Fault::not_found, "no block device appeared within " + std::to_string(limit.count()) + " s at:" + tried);
}

bool is_mount_point(const fs::path& path) {
  std::ifstream mounts("/proc/self/mounts");
  std::error_code failed;
  const std::string wanted = fs::weakly_canonical(path, failed).string();
  std::string device, target, rest;
  while (mounts >> device >> target && std::getline(mounts, rest)) {
    if (target == wanted) return true;
  }
  return false;
}

void format_if_blank(const std::string& device, const std::string& fs_type, const std::string& label) {
  const Signature found = probe_device(device);
  if (!found.fs_type.empty()) return;
  if (!found.partition_table.empty()) {
    const std::string partition = partition_of(device);
    if (!partition.empty() && !probe_device(partition).fs_type.empty()) return;
    throw Error(Fault::conflict, device + " holds a " + found.partition_table + " partition table: not formatting it");
  }
  std::vector<std::string> argv{"/usr/sbin/mkfs." + fs_type};
  if (fs_type == "ext4") argv.insert(argv.end(), {"-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,nodiscard"});
  if (!label.empty()) argv.insert(argv.end(), {"-L", label});
  argv.push_back(device);
  run_checked({.argv = argv, .timeout = 30min});
}

void mount_device(const std::string& device, const fs::path& target, const std::vector<std::string>& options) {
  std::string source = device;
  // A disk that BOSH's Go agent formatted carries its file system in the first partition.
  const std::string partition = partition_of(device);
  if (!partition.empty() && probe_device(device).fs_type.empty()) source = partition;
  if (ext4_can_grow(source)) {
    run({.argv = {"/usr/sbin/e2fsck", "-f", "-p", source}, .timeout = 30min});
    run_checked({.argv = {"/usr/sbin/resize2fs", source}, .timeout = 30min});
  }
  make_folder(target, 0755);
  std::vector<std::string> argv{"/usr/bin/mount"};
  std::string joined;
  for (const auto& option : options) joined += (joined.empty() ? "" : ",") + option;
  if (!joined.empty()) argv.insert(argv.end(), {"-o", joined});
  argv.insert(argv.end(), {source, target.string()});
  run_checked({.argv = argv, .timeout = 5min});
}

}  // namespace slipway::agent
