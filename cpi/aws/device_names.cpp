#include "cpi/aws/device_names.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace slipway::cpi::aws {

namespace {

constexpr char first_letter = 'f', last_letter = 'p';

// "/dev/sdf" and "/dev/xvdf" give 'f', others 0.
char letter_of(const std::string& name) {
  for (const std::string_view prefix : {"/dev/sd", "/dev/xvd"}) {
    if (name.size() == prefix.size() + 1 && name.starts_with(prefix)) return name.back();
  }
  return 0;
}

// Families on the Xen hypervisor; no new ones come.
bool is_xen(const std::string& type) {
  static constexpr std::array<std::string_view, 22> families{
      "c1", "c3", "c4", "cc2", "cr1", "d2", "f1", "g2", "g3", "h1", "hs1",
      "i2", "i3", "m1", "m2",  "m3",  "m4", "p2", "p3", "r3", "r4", "t1"};
  const auto family = type.substr(0, type.find('.'));
  if (type.find(".metal") != std::string::npos) return false;
  return family == "t2" || family == "x1" || family == "x1e" || family == "g3s" ||
         std::find(families.begin(), families.end(), family) != families.end();
}

}  // namespace

bool is_persistent_device(const std::string& name) {
  const auto letter = letter_of(name);
  return letter >= first_letter && letter <= last_letter;
}

std::optional<std::string> free_device(const Instance& instance) {
  std::set<char> used;
  for (const auto& device : instance.devices) used.insert(letter_of(device.name));
  for (char letter = first_letter; letter <= last_letter; ++letter) {
    if (!used.contains(letter)) return std::string("/dev/sd") + letter;
  }
  return std::nullopt;
}

Json device_hint(const std::string& instance_type, const std::string& device, const std::string& volume_id) {
  if (is_xen(instance_type)) return {{"path", device}};
  auto serial = volume_id;
  std::erase(serial, '-');
  return {{"path", "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_" + serial}};
}

}  // namespace slipway::cpi::aws
