#pragma once

#include <optional>
#include <string>

#include "base/json.hpp"
#include "cpi/contract/cpi.hpp"
#include "cpi/vsphere/devices.hpp"
#include "cpi/vsphere/session.hpp"

// Persistent disks as files: "[datastore] DISK_PATH/disk-….vmdk", and beside each a note "disk-….json" with
// what vSphere has no place for: metadata, and the VM it was last attached to.
namespace slipway::cpi::vsphere {

// A disk, or a snapshot of one, found.
struct DiskPlace {
  const DatacenterConfig* config = nullptr;
  MoRef datacenter;
  std::string datastore;
  std::string name;  // the cid
  std::string uuid;  // plain
  Session::DatastoreFile file() const;
  Session::DatastoreFile note() const;
};

bool is_persistent_disk(const DatacenterConfig& datacenter, const std::string& file);
// The cid in such a file's name.
DiskCid disk_of(const std::string& file);

// Its UUID if it is there. The cheapest question there is: no task, no search.
std::optional<std::string> query_uuid(Session& session, const MoRef& datacenter,
                                      const std::string& bracketed);

// The note; empty when there is none, or when it is not what this CPI writes.
Json read_note(Session& session, const DiskPlace& place);
void write_note(Session& session, const DiskPlace& place, const Json& note);

// Its size as vSphere says it, or where that fails as the disk's own descriptor does.
std::int64_t size_kib(Session& session, const DiskPlace& place, const MoRef& datastore);
// The sum of the extents in the text of a VMDK descriptor, in KiB; nothing when there are none.
std::optional<std::int64_t> size_in_descriptor(const std::string& text);

// The folder that disks lie in; one that is there is fine.
void make_disk_folder(Session& session, const DiskPlace& place);
// What is gone already is fine.
void delete_file(Session& session, const MoRef& datacenter, const std::string& bracketed);
void delete_disk_file(Session& session, const MoRef& datacenter, const std::string& bracketed);

}  // namespace slipway::cpi::vsphere
