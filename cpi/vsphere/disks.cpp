#include "cpi/vsphere/disks.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "cpi/vsphere/names.hpp"
#include "cpi/vsphere/placement.hpp"
#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr int disk_tries = 8;

void require_size(std::int64_t size_mib) {
  constexpr std::int64_t most = std::int64_t{62} << 20;  // vSphere's own limit, 62 TiB
  if (size_mib >= 1 && size_mib <= most) return;
  throw CpiError(ErrorType::cloud_error, Fault::invalid,
                 "a disk of " + std::to_string(size_mib) + " MiB is not possible; allowed are 1 to " +
                     std::to_string(most),
                 false);
}

struct DiskWish {
  std::string type;
  std::vector<std::string> datastores;
};

DiskWish read_disk_wish(const Json& properties, const VsphereConfig& config) {
  Problems problems;
  JsonReader in(properties, "cloud_properties", problems);
  DiskWish wish{in.string_or("type", config.default_disk_type), in.strings_or_empty("datastores")};
  if (wish.type != "thin" && wish.type != "preallocated" && wish.type != "eagerZeroedThick") {
    problems.add("cloud_properties.type",
                 "is '" + wish.type + "'; allowed are thin, preallocated and eagerZeroedThick");
  }
  problems.throw_if_any("the disk");
  return wish;
}

// vSphere's word for a file that cannot be made because its folder is not there, old or new.
bool lacks_folder(const Error& error) {
  const auto* fault = dynamic_cast<const VimFault*>(&error);
  return error.fault() == Fault::not_found || (fault != nullptr && fault->is("CannotCreateFile"));
}

bool is_gone(const DiskPlace& place, Session& session) {
  return !query_uuid(session, place.datacenter, place.file().bracketed());
}

}  // namespace

const Inventory& Disks::inventory() {
  if (!inventory_) inventory_ = read_inventory(session_, session_.config().datacenters);
  return *inventory_;
}

std::optional<DiskPlace> Disks::find(const std::string& name) {
  if (!is_plain_name(name)) return std::nullopt;
  for (const auto& datacenter : inventory().datacenters) {
    std::vector<const Datastore*> likely_first;
    for (const auto& one : datacenter.datastores) {
      if (one.usable) likely_first.push_back(&one);
    }
    const auto& pattern = datacenter.config->persistent_datastore_pattern;
    std::stable_partition(likely_first.begin(), likely_first.end(),
                          [&](const auto* one) { return matches(pattern, one->name); });
    for (const auto* datastore : likely_first) {
      DiskPlace place{datacenter.config, datacenter.ref, datastore->name, name, ""};
      const auto uuid = query_uuid(session_, datacenter.ref, place.file().bracketed());
      if (!uuid) continue;
      place.uuid = *uuid;
      return place;
    }
  }
  return std::nullopt;
}

DiskPlace Disks::get(const DiskCid& disk) {
  if (auto found = find(disk.value)) return *found;
  throw CpiError(ErrorType::disk_not_found, "disk '" + disk.value + "' does not exist");
}

bool Disks::exists(const DiskCid& disk) { return find(disk.value).has_value(); }

std::set<std::string> Disks::datastores_of(const std::vector<DiskCid>& disks) {
  std::set<std::string> names;
  for (const auto& disk : disks) {
    if (const auto found = find(disk.value)) names.insert(found->datastore);
  }
  return names;
}

void Disks::make_file(const DiskPlace& place, std::int64_t size_mib, const std::string& type) {
  const auto name = place.file().bracketed();
  for (int attempt = 1;; ++attempt) {
    try {
      run_task(session_, "CreateVirtualDisk_Task", session_.content().virtual_disk_manager, [&](XmlOut& in) {
        in.text("name", name).ref("datacenter", place.datacenter);
        in.child("spec", "FileBackedVirtualDiskSpec")
            .text("diskType", type)
            .text("adapterType", "lsiLogic")
            .number("capacityKb", size_mib * 1024);
      });
      return;
    } catch (const Error& error) {
      // The name is this disk's alone: whoever made it meant the same.
      if (error.fault() == Fault::conflict) return;
      if (attempt == disk_tries || (!lacks_folder(error) && error.fault() != Fault::outcome_unknown)) throw;
      if (error.fault() == Fault::outcome_unknown) continue;
    }
    make_disk_folder(session_, place);
  }
}

DiskCid Disks::create(std::int64_t size_mib, const Json& cloud_properties,
                      const std::optional<VmCid>& near_vm, const std::string& idempotency_key) {
  require_size(size_mib);
  const auto wish = read_disk_wish(cloud_properties, session_.config());
  const auto vm = near_vm ? std::optional(vms_.get(*near_vm)) : std::nullopt;
  const DiskCid cid{"disk-" + (idempotency_key.empty() ? session_.random().hex(16)
                                                       : sha256_hex(idempotency_key).substr(0, 32))};
  if (!idempotency_key.empty() && find(cid.value)) return cid;
  if (inventory().datacenters.empty())
    throw Error(Fault::invalid, "none of the configured datacenters is there");
  const auto* datacenter = vm ? inventory().find(vm->datacenter->name) : &inventory().datacenters.front();
  if (datacenter == nullptr)
    throw Error(Fault::not_found, "datacenter '" + vm->datacenter->name + "' is not there");
  const auto* cluster = vm ? datacenter->cluster_of_host(vm->host) : nullptr;
  const auto& datastore = choose_disk_datastore(*datacenter, cluster, wish.datastores, size_mib,
                                                session_.config().datastore_headroom_mib);
  make_file({datacenter->config, datacenter->ref, datastore.name, cid.value, ""}, size_mib, wish.type);
  return cid;
}

std::optional<VmCid> Disks::holder_of(const DiskPlace& place) {
  const auto note = read_note(session_, place);
  const auto named = note.find("vm");
  if (named == note.end() || !named->is_string()) return std::nullopt;
  const VmCid vm{named->get<std::string>()};
  const auto state = vms_.find(vm);
  if (!state || state->disk({place.datastore, place.file().path}) == nullptr) return std::nullopt;
  return vm;
}

void Disks::require_unattached(const DiskPlace& place, ErrorType otherwise, const char* wish) {
  if (const auto holder = holder_of(place)) {
    throw CpiError(otherwise, "disk '" + place.name + "' is attached to VM '" + holder->value +
                                  "'; detach it to " + wish + " it");
  }
}

void Disks::remove(const DiskCid& disk) {
  const auto place = get(disk);
  require_unattached(place, ErrorType::cloud_error, "delete");
  delete_disk_file(session_, place.datacenter, place.file().bracketed());
  delete_file(session_, place.datacenter, place.note().bracketed());
}

void Disks::note_holder(const DiskPlace& place, const std::optional<VmCid>& vm) {
  auto note = read_note(session_, place);
  note["vm"] = vm ? Json(vm->value) : Json(nullptr);
  write_note(session_, place, note);
}

DiskPlace Disks::move(const DiskPlace& from, const std::string& datastore) {
  auto to = from;
  to.datastore = datastore;
  const auto note = read_note(session_, from);
  for (int attempt = 1;; ++attempt) {
    try {
      run_task(session_, "MoveVirtualDisk_Task", session_.content().virtual_disk_manager, [&](XmlOut& in) {
        in.text("sourceName", from.file().bracketed()).ref("sourceDatacenter", from.datacenter);
        in.text("destName", to.file().bracketed()).ref("destDatacenter", to.datacenter).flag("force", false);
      });
      break;
    } catch (const Error& error) {
      const auto uuid = query_uuid(session_, to.datacenter, to.file().bracketed());
      if (uuid && is_gone(from, session_)) break;  // it was moved, only the answer was lost
      if (attempt == disk_tries || (!lacks_folder(error) && error.fault() != Fault::outcome_unknown)) throw;
    }
    make_disk_folder(session_, to);
  }
  if (!note.empty()) write_note(session_, to, note);
  delete_file(session_, from.datacenter, from.note().bracketed());
  to.uuid = query_uuid(session_, to.datacenter, to.file().bracketed()).value_or("");
  session_.log().info("disk.moved", {{"disk", from.name}, {"from", from.datastore}, {"to", datastore}});
  return to;
}

DiskPlace Disks::within_reach(const DiskPlace& place, const VmState& vm) {
  if (vm.datacenter != place.config) {
    throw CpiError(ErrorType::cloud_error, "disk '" + place.name + "' is in datacenter '" +
                                               place.config->name + "', VM '" + vm.name + "' in '" +
                                               vm.datacenter->name + "'");
  }
  const auto& datacenter = *inventory().find(place.config->name);
  const auto* cluster = datacenter.cluster_of_host(vm.host);
  const auto* datastore = datacenter.find_datastore(place.datastore);
  if (cluster == nullptr || datastore == nullptr || cluster->sees(*datastore)) return place;
  const auto size = (size_kib(session_, place, datastore->ref) + 1023) / 1024;
  const auto& target =
      choose_disk_datastore(datacenter, cluster, {}, size, session_.config().datastore_headroom_mib);
  return move(place, target.name);
}

Json Disks::attach(const VmCid& vm, const DiskCid& disk) {
  for (int attempt = 1;; ++attempt) {
    const auto state = vms_.get(vm);
    for (const auto& device : state.devices) {
      if (device.is_disk() && is_persistent_disk(*state.datacenter, device.file) &&
          disk_of(device.file) == disk)
        return disk_hint(device.uuid);
    }
    auto place = get(disk);
    require_unattached(place, ErrorType::cloud_error, "attach");
    place = within_reach(place, state);
    note_holder(place, vm);
    try {
      Vms::reconfigure(session_, state.ref, [&](XmlOut& spec) {
        add_existing_disk(spec, free_scsi_place(state.devices), place.file().bracketed());
      });
      return disk_hint(place.uuid);
    } catch (const Error& error) {
      // The unit was taken meanwhile, the VM is busy, or the answer was lost: look again.
      const auto fault = error.fault();
      if (attempt == disk_tries ||
          (fault != Fault::conflict && fault != Fault::retryable && fault != Fault::outcome_unknown))
        throw;
    }
    session_.clock().sleep_for(std::chrono::milliseconds(50 * attempt));
  }
}

void Disks::detach(const VmCid& vm, const DiskCid& disk) {
  for (int attempt = 1;; ++attempt) {
    const auto state = vms_.get(vm);
    const auto found = std::find_if(state.devices.begin(), state.devices.end(), [&](const auto& device) {
      return device.is_disk() && is_persistent_disk(*state.datacenter, device.file) &&
             disk_of(device.file) == disk;
    });
    if (found == state.devices.end()) break;
    try {
      Vms::reconfigure(session_, state.ref, [&](XmlOut& spec) { remove_device(spec, *found); });
    } catch (const Error& error) {
      const auto fault = error.fault();
      if (attempt == disk_tries ||
          (fault != Fault::conflict && fault != Fault::retryable && fault != Fault::outcome_unknown))
        throw;
      session_.clock().sleep_for(std::chrono::milliseconds(50 * attempt));
      continue;
    }
    note_holder(get(disk), std::nullopt);
    return;
  }
  const auto place = get(disk);
  if (const auto holder = holder_of(place)) {
    throw CpiError(ErrorType::disk_not_attached, "disk '" + disk.value + "' is attached to VM '" +
                                                     holder->value + "', not to '" + vm.value + "'");
  }
}

std::vector<DiskCid> Disks::of(const VmCid& vm) {
  const auto state = vms_.get(vm);
  std::vector<DiskCid> disks;
  for (const auto& device : state.devices) {
    if (device.is_disk() && is_persistent_disk(*state.datacenter, device.file))
      disks.push_back(disk_of(device.file));
  }
  return disks;
}

void Disks::set_metadata(const DiskCid& disk, const Json& metadata) {
  const auto place = get(disk);
  auto note = read_note(session_, place);
  note["metadata"] = metadata;
  write_note(session_, place, note);
}

void Disks::resize(const DiskCid& disk, std::int64_t new_size_mib, const Json* cloud_properties) {
  require_size(new_size_mib);
  auto place = get(disk);
  require_unattached(place, ErrorType::not_supported, "resize");
  const auto& datacenter = *inventory().find(place.config->name);
  const auto now = size_kib(session_, place, datacenter.find_datastore(place.datastore)->ref);
  const auto wanted = new_size_mib * 1024;
  if (wanted < now) {
    throw CpiError(ErrorType::not_supported, "disk '" + disk.value + "' has " + std::to_string(now / 1024) +
                                                 " MiB; vSphere cannot shrink it to " +
                                                 std::to_string(new_size_mib));
  }
  if (cloud_properties != nullptr) {
    const auto wish = read_disk_wish(*cloud_properties, session_.config());
    const bool stays = wish.datastores.empty() || std::find(wish.datastores.begin(), wish.datastores.end(),
                                                            place.datastore) != wish.datastores.end();
    if (!stays)
      place = move(place, choose_disk_datastore(datacenter, nullptr, wish.datastores, new_size_mib,
                                                session_.config().datastore_headroom_mib)
                              .name);
  }
  if (wanted == now) return;
  for (int attempt = 1;; ++attempt) {
    try {
      run_task(session_, "ExtendVirtualDisk_Task", session_.content().virtual_disk_manager, [&](XmlOut& in) {
        in.text("name", place.file().bracketed())
            .ref("datacenter", place.datacenter)
            .number("newCapacityKb", wanted)
            .flag("eagerZero", false);
      });
      return;
    } catch (const Error& error) {
      if (error.fault() != Fault::outcome_unknown || attempt == disk_tries) throw;
      if (size_kib(session_, place, datacenter.find_datastore(place.datastore)->ref) >= wanted) return;
    }
  }
}

SnapshotCid Disks::snapshot(const DiskCid& disk, const Json& metadata) {
  const auto place = get(disk);
  auto copy = place;
  copy.name = "snapshot-" + session_.random().hex(16);
  for (int attempt = 1;; ++attempt) {
    try {
      run_task(session_, "CopyVirtualDisk_Task", session_.content().virtual_disk_manager, [&](XmlOut& in) {
        in.text("sourceName", place.file().bracketed()).ref("sourceDatacenter", place.datacenter);
        in.text("destName", copy.file().bracketed())
            .ref("destDatacenter", copy.datacenter)
            .flag("force", true);
      });
      break;
    } catch (const VimFault& fault) {
      // A VM that runs has its disks for itself: the director leaves an optional snapshot out.
      if (!fault.is("FileLocked") && !fault.is("CannotAccessFile")) throw;
      throw CpiError(ErrorType::not_supported,
                     "disk '" + disk.value + "' is in use by a VM that runs: " + fault.what());
    } catch (const Error& error) {
      if (error.fault() != Fault::outcome_unknown || attempt == disk_tries) throw;
    }
  }
  write_note(session_, copy, {{"metadata", metadata}, {"disk", disk.value}});
  return {copy.name};
}

void Disks::remove_snapshot(const SnapshotCid& snapshot) {
  if (!snapshot.value.starts_with("snapshot-")) return;
  const auto place = find(snapshot.value);
  if (!place) return;
  delete_disk_file(session_, place->datacenter, place->file().bracketed());
  delete_file(session_, place->datacenter, place->note().bracketed());
}

}  // namespace slipway::cpi::vsphere
