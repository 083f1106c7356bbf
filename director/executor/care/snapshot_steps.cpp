#include "director/executor/care/snapshot_steps.hpp"

#include "director/executor/recorded_action.hpp"

namespace slipway::director {

namespace {

EventSubject about(const char* action, const std::string& snapshot, const DiskRecord& disk) {
  return {action,
          "snapshot",
          snapshot,
          disk.deployment,
          disk.group + "/" + disk.instance.value,
          {{"disk_cid", disk.cid.value}}};
}

}  // namespace

std::vector<SnapshotCid> SnapshotSteps::take(const InstanceRecord& instance, bool clean) {
  std::vector<SnapshotCid> taken;
  if (!services_.settings.enable_snapshots) return taken;
  for (const auto& disk : services_.stores.disks.of_instance(instance.id)) {
    if (auto snapshot = take_of(instance, disk, clean)) taken.push_back(std::move(*snapshot));
  }
  return taken;
}

std::optional<SnapshotCid> SnapshotSteps::take_of(const InstanceRecord& instance, const DiskRecord& disk,
                                                  bool clean) {
  auto& stores = services_.stores;
  const auto step = stores.journal.begin(task_.task().id, "snapshot_disk", disk.cid.value,
                                         {{"disk_cid", disk.cid.value}, {"clean", clean}}, services_.clock.now());
  if (step.outcome) return SnapshotCid{step.outcome->value("snapshot_cid", "")};
  Json metadata = instance.spec.value("tags", Json::object());
  const auto vm = stores.vms.active_of(instance.id);
  metadata.update(Json{{"deployment", instance.deployment},
                       {"job", instance.group},
                       {"index", std::to_string(instance.index)},
                       {"instance_id", instance.id.value},
                       {"agent_id", vm ? vm->agent.value : ""},
                       {"director_name", services_.settings.director_name},
                       {"director_uuid", services_.settings.director_uuid}});
  SnapshotCid cid;
  try {
    cid = services_.cpis.open(disk.cpi, task_.cpi_observer())->snapshot_disk(disk.cid, metadata);
  } catch (const cpi::CpiError& error) {
    if (!error.is_unsupported()) throw error.within("taking a snapshot of disk " + disk.cid.value);
    task_.debug("no snapshot of disk " + disk.cid.value + ": the cloud has none");
    return std::nullopt;
  }
  recorded(services_, task_, about("create", cid.value, disk), [&](EventSubject&) {
    stores.snapshots.insert({0, cid, disk.cid, clean, services_.clock.now()});
    stores.journal.finish(step.id, {{"snapshot_cid", cid.value}}, services_.clock.now());
  });
  return cid;
}

void SnapshotSteps::remove(const SnapshotCid& cid) {
  auto& stores = services_.stores;
  const auto snapshot = stores.snapshots.find(cid);
  if (!snapshot) throw Error(Fault::not_found, "snapshot " + cid.value + " does not exist", 70008);
  const auto disk = stores.disks.find(snapshot->disk);
  if (!disk) throw Error(Fault::internal, "the disk of snapshot " + cid.value + " has no row");
  recorded(services_, task_, about("delete", cid.value, *disk), [&](EventSubject&) {
    services_.cpis.open(disk->cpi, task_.cpi_observer())->delete_snapshot(cid);
    stores.snapshots.remove(cid);
  });
}

void SnapshotSteps::remove_of(const DiskRecord& disk) {
  for (const auto& snapshot : services_.stores.snapshots.of_disk(disk.cid)) remove(snapshot.cid);
}

}  // namespace slipway::director
