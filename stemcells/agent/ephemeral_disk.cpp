#include "stemcells/agent/ephemeral_disk.hpp"

#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "stemcells/agent/disks.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t identity_bytes = 4096;

// "/dev/sdb", "/dev/xvdb" and "sdb" give 'b', others 0.
char ec2_letter(std::string_view name) {
  if (name.starts_with("/dev/")) name.remove_prefix(5);
  for (const std::string_view prefix : {"sd", "xvd"}) {
    if (name.size() == prefix.size() + 1 && name.starts_with(prefix)) return name.back();
  }
  return 0;
}

std::vector<std::string> nvme_disks() {
  std::vector<std::string> disks;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/sys/class/block", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("nvme") && !fs::exists(entry.path() / "partition", ignored)) disks.push_back("/dev/" + name);
  }
  std::sort(disks.begin(), disks.end());
  return disks;
}

std::string name_told_by(const std::string& device) {
  const int fd = ::open(device.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<unsigned char, identity_bytes> identity{};
  nvme_admin_cmd command{};
  constexpr unsigned char identify = 6;
  constexpr unsigned controller = 1;
  command.opcode = identify;
  command.addr = reinterpret_cast<std::uintptr_t>(identity.data());
  command.data_len = identity_bytes;
  command.cdw10 = controller;
  const bool told = ::ioctl(fd, NVME_IOCTL_ADMIN_CMD, &command) == 0;
  ::close(fd);
  return told ? ec2_device_name(identity) : std::string();
}

std::optional<std::string> nvme_disk_of(char letter, bool or_blank) {
  std::optional<std::string> blank;
  for (const auto& device : nvme_disks()) {
    const auto told = name_told_by(device);
    if (!told.empty()) {
      if (ec2_letter(told) == letter) return device;
      continue;
    }
    const auto found = probe_device(device);
    if (found.label == ephemeral_label) return device;
    if (!blank && found.is_blank()) blank = device;
  }
  return or_blank ? blank : std::nullopt;
}

}  // namespace

std::string ec2_device_name(std::span<const unsigned char> identity) {
  constexpr unsigned amazon = 0x1d0f;
  constexpr std::size_t name_begins = 3072, name_bytes = 32;
  if (identity.size() < identity_bytes || (identity[0] | identity[1] << 8) != amazon) return {};
  std::string name;
  for (const unsigned char c : identity.subspan(name_begins, name_bytes)) {
    if (c == 0 || c == ' ') break;
    name += static_cast<char>(c);
  }
  // Of instance storage "ephemeral0:sdb", and ":none" where it was not asked for.
  if (const auto colon = name.find(':'); colon != std::string::npos) name.erase(0, colon + 1);
  if (name.starts_with("/dev/")) name.erase(0, 5);
  return ec2_letter(name) == 0 ? std::string() : name;
}

std::string find_ephemeral_disk(const Json& hint, std::chrono::seconds limit) {
  const char letter = hint.is_string() ? ec2_letter(hint.get<std::string>()) : 0;
  if (letter == 0) return wait_for_device(hint, "", limit);
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    const auto waited = std::chrono::steady_clock::now() - begin;
    // A blank disk is only taken when the one that says its name had time to appear.
    const auto disk = nvme_disk_of(letter, waited >= std::min(limit, std::chrono::seconds(3)));
    if (disk) return *disk;
    try {
      return wait_for_device(hint, "", std::chrono::seconds(0));
    } catch (const Error&) {
      if (waited >= limit) {
        throw Error(Fault::not_found, "no disk appeared within " + std::to_string(limit.count()) + " s as " +
                                          hint.get<std::string>() + ", and no NVMe disk says that name or is blank");
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace slipway::agent
