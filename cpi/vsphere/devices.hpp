#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "cpi/vsphere/inventory.hpp"

// The virtual hardware of a VM: read from "config.hardware.device", changed by device changes of a
// configuration. Pure.
namespace slipway::cpi::vsphere {

struct Device {
  std::int64_t key = 0;
  std::string type;
  std::int64_t controller = 0;
  std::optional<std::int64_t> unit;
  std::string file;  // of its backing: "[datastore] folder/name.vmdk"
  std::string uuid;  // of a disk: 32 lower-case hexadecimal digits
  std::string mac;   // of a network card

  bool is_disk() const { return type == "VirtualDisk"; }
  bool is_cdrom() const { return type == "VirtualCdrom"; }
  bool is_nic() const { return !mac.empty(); }
  bool is_scsi_controller() const;
  bool is_ide_controller() const { return type == "VirtualIDEController"; }
};

// By ascending keys, which is the order in which devices of one kind were added.
std::vector<Device> read_devices(const XmlIn& list);
std::vector<std::string> macs_of(const std::vector<Device>& devices);

// "[datastore] folder/name" in its parts; nothing when it is no such path.
struct DatastorePath {
  std::string datastore, path;
  std::string folder() const;  // of the file
};
std::optional<DatastorePath> parse_datastore_path(const std::string& text);

// Whatever way vSphere writes a disk's UUID ("60 00 C2 9a-…"): its hexadecimal digits, lower case.
std::string plain_uuid(const std::string& text);
// How an agent finds a disk of this UUID: by id and by the link that udev makes.
Json disk_hint(const std::string& uuid);

// The SCSI controller and the unit that a further disk can have. Unit 7 is the controller's own. Throws
// cloud_error when there is none.
struct ScsiPlace {
  std::int64_t controller;
  std::int64_t unit;
};
ScsiPlace free_scsi_place(const std::vector<Device>& devices);

// Each appends one <deviceChange> to a configuration.
void add_nic(XmlOut& config, std::int64_t key, const Network& network);
void add_new_disk(XmlOut& config, std::int64_t key, const ScsiPlace& place, std::int64_t size_mib);
void add_existing_disk(XmlOut& config, const ScsiPlace& place, const std::string& file);
void insert_iso(XmlOut& config, const std::vector<Device>& devices, const std::string& file);
void remove_device(XmlOut& config, const Device& device);  // a disk's file stays

// One <extraConfig>.
void add_option(XmlOut& config, const std::string& key, const std::string& value);

}  // namespace slipway::cpi::vsphere
