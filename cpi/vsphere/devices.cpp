#include "cpi/vsphere/devices.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr std::int64_t new_cdrom_key = -90;
constexpr std::int64_t units_of_a_scsi_controller = 16;
constexpr std::int64_t scsi_controllers_own_unit = 7;
constexpr std::int64_t units_of_an_ide_controller = 2;

Device read_device(const XmlIn& in) {
  Device device;
  device.key = in.number("key").value_or(0);
  device.type = in.type();
  device.controller = in.number("controllerKey").value_or(0);
  device.unit = in.number("unitNumber");
  device.file = in.child("backing").text("fileName");
  device.uuid = plain_uuid(in.child("backing").text("uuid"));
  device.mac = in.text("macAddress");
  return device;
}

XmlOut begin_change(XmlOut& config, const char* operation, const char* file_operation, const char* type) {
  auto change = config.child("deviceChange");
  change.text("operation", operation);
  if (file_operation != nullptr) change.text("fileOperation", file_operation);
  return change.child("device", type);
}

void connect_at_power_on(XmlOut& device) {
  device.child("connectable")
      .flag("startConnected", true)
      .flag("allowGuestControl", true)
      .flag("connected", true);
}

void write_disk_backing(XmlOut& device, const std::string& file, const char* mode, bool thin) {
  auto backing = device.child("backing", "VirtualDiskFlatVer2BackingInfo");
  backing.text("fileName", file).text("diskMode", mode);
  if (thin) backing.flag("thinProvisioned", true);
}

std::set<std::int64_t> units_of(const std::vector<Device>& devices, std::int64_t controller) {
  std::set<std::int64_t> units;
  for (const auto& device : devices) {
    if (device.controller == controller && device.unit) units.insert(*device.unit);
  }
  return units;
}

}  // namespace

bool Device::is_scsi_controller() const {
  return type == "ParaVirtualSCSIController" || type == "VirtualLsiLogicController" ||
         type == "VirtualLsiLogicSASController" || type == "VirtualBusLogicController";
}

std::vector<Device> read_devices(const XmlIn& list) {
  std::vector<Device> devices;
  for (const auto& one : list.children("VirtualDevice")) devices.push_back(read_device(one));
  std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return devices;
}

std::vector<std::string> macs_of(const std::vector<Device>& devices) {
  std::vector<std::string> macs;
  for (const auto& device : devices) {
    if (device.is_nic()) macs.push_back(device.mac);
  }
  return macs;
}

std::string DatastorePath::folder() const {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::optional<DatastorePath> parse_datastore_path(const std::string& text) {
  const auto end = text.find("] ");
  if (text.empty() || text.front() != '[' || end == std::string::npos || end + 2 >= text.size())
    return std::nullopt;
  return DatastorePath{text.substr(1, end - 1), text.substr(end + 2)};
}

std::string plain_uuid(const std::string& text) {
  std::string digits;
  for (const unsigned char c : text) {
    if (std::isxdigit(c)) digits += static_cast<char>(std::tolower(c));
  }
  return digits;
}

Json disk_hint(const std::string& uuid) {
  constexpr std::size_t whole = 32;
  if (uuid.size() != whole) {
    throw CpiError(ErrorType::cloud_error,
                   "vCenter gives '" + uuid + "' as the disk's UUID; a guest cannot find it by that");
  }
  const auto part = [&](std::size_t from, std::size_t count) { return uuid.substr(from, count); };
  const auto dashed =
      part(0, 8) + "-" + part(8, 4) + "-" + part(12, 4) + "-" + part(16, 4) + "-" + part(20, 12);
  return {{"id", dashed}, {"path", "/dev/disk/by-id/wwn-0x" + uuid}};
}

ScsiPlace free_scsi_place(const std::vector<Device>& devices) {
  for (const auto& controller : devices) {
    if (!controller.is_scsi_controller()) continue;
    const auto taken = units_of(devices, controller.key);
    for (std::int64_t unit = 0; unit < units_of_a_scsi_controller; ++unit) {
      if (unit != scsi_controllers_own_unit && !taken.contains(unit)) return {controller.key, unit};
    }
  }
  throw CpiError(ErrorType::cloud_error, "the VM has no SCSI controller with room for one more disk");
}

void add_nic(XmlOut& config, std::int64_t key, const Network& network) {
  auto card = begin_change(config, "add", nullptr, "VirtualVmxnet3");
  card.number("key", key);
  switch (network.kind) {
    case NetworkKind::standard:
      card.child("backing", "VirtualEthernetCardNetworkBackingInfo")
          .text("deviceName", network.name)
          .ref("network", network.ref);
      break;
    case NetworkKind::distributed:
      card.child("backing", "VirtualEthernetCardDistributedVirtualPortBackingInfo")
          .child("port")
          .text("switchUuid", network.switch_uuid)
          .text("portgroupKey", network.portgroup_key);
      break;
    case NetworkKind::opaque:
      card.child("backing", "VirtualEthernetCardOpaqueNetworkBackingInfo")
          .text("opaqueNetworkId", network.opaque_id)
          .text("opaqueNetworkType", network.opaque_type);
      break;
  }
  connect_at_power_on(card);
  card.text("addressType", "assigned");
}

void add_new_disk(XmlOut& config, std::int64_t key, const ScsiPlace& place, std::int64_t size_mib) {
  auto disk = begin_change(config, "add", "create", "VirtualDisk");
  disk.number("key", key);
  // Without a name it gets one in the VM's folder.
  write_disk_backing(disk, "", "persistent", true);
  disk.number("controllerKey", place.controller)
      .number("unitNumber", place.unit)
      .number("capacityInKB", size_mib * 1024);
}

void add_existing_disk(XmlOut& config, const ScsiPlace& place, const std::string& file) {
  auto disk = begin_change(config, "add", nullptr, "VirtualDisk");
  disk.number("key", -1);
  // Independent: a snapshot somebody makes of the VM leaves the disk as it is, else detaching it would lose
  // what was written since.
  write_disk_backing(disk, file, "independent_persistent", false);
  // Zero: as large as its file says.
  disk.number("controllerKey", place.controller).number("unitNumber", place.unit).number("capacityInKB", 0);
}

void insert_iso(XmlOut& config, const std::vector<Device>& devices, const std::string& file) {
  const auto write = [&](const char* operation, std::int64_t key, std::int64_t controller,
                         std::int64_t unit) {
    auto drive = begin_change(config, operation, nullptr, "VirtualCdrom");
    drive.number("key", key);
    drive.child("backing", "VirtualCdromIsoBackingInfo").text("fileName", file);
    connect_at_power_on(drive);
    drive.number("controllerKey", controller).number("unitNumber", unit);
  };
  const auto drive =
      std::find_if(devices.begin(), devices.end(), [](const auto& one) { return one.is_cdrom(); });
  if (drive != devices.end()) return write("edit", drive->key, drive->controller, drive->unit.value_or(0));
  for (const auto& controller : devices) {
    if (!controller.is_ide_controller()) continue;
    const auto taken = units_of(devices, controller.key);
    for (std::int64_t unit = 0; unit < units_of_an_ide_controller; ++unit) {
      if (!taken.contains(unit)) return write("add", new_cdrom_key, controller.key, unit);
    }
  }
  throw CpiError(ErrorType::cloud_error,
                 "the stemcell has neither a CD-ROM drive nor an IDE controller with room for one");
}

void remove_device(XmlOut& config, const Device& device) {
  auto removed = begin_change(config, "remove", nullptr, device.type.c_str());
  removed.number("key", device.key);
  // What the schema wants of a disk; the key alone decides.
  if (device.is_disk()) removed.number("capacityInKB", 0);
}

void add_option(XmlOut& config, const std::string& key, const std::string& value) {
  auto option = config.child("extraConfig", "OptionValue");
  option.text("key", key).any_string("value", value);
}

}  // namespace slipway::cpi::vsphere
