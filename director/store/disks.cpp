#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, cid, deployment, instance_group, instance, az, name, size_mib, cloud_properties, cpi, state, "
    "orphaned_at FROM disks ";

std::string to_text(DiskState state) {
  switch (state) {
    case DiskState::active: return "active";
    case DiskState::inactive: return "inactive";
    case DiskState::orphaned: return "orphaned";
  }
  return "active";
}

DiskState state_from(const std::string& text) {
  if (text == "active") return DiskState::active;
  if (text == "inactive") return DiskState::inactive;
  if (text == "orphaned") return DiskState::orphaned;
  throw Error(Fault::internal, "unknown disk state '" + text + "'");
}

DiskRecord read(const sql::Row& row) {
  DiskRecord disk;
  disk.id = row.integer("id");
  disk.cid = DiskCid{row.text("cid")};
  disk.deployment = row.text("deployment");
  disk.group = row.text("instance_group");
  disk.instance = InstanceId{row.text("instance")};
  disk.az = row.text("az");
  disk.name = row.text("name");
  disk.size_mib = row.integer("size_mib");
  disk.cloud_properties = rows::json(row, "cloud_properties");
  disk.cpi = row.text("cpi");
  disk.state = state_from(row.text("state"));
  disk.orphaned_at = rows::maybe_time(row, "orphaned_at");
  return disk;
}

std::string shown(const DiskCid& cid) { return "disk '" + cid.value + "'"; }

}  // namespace

std::int64_t Disks::insert(const DiskRecord& disk) {
  return db_.insert(
      "INSERT INTO disks (cid, deployment, instance_group, instance, az, name, size_mib, cloud_properties, cpi, state, "
      "orphaned_at) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11)",
      {disk.cid.value, disk.deployment, disk.group, disk.instance.value, disk.az, disk.name, disk.size_mib,
       rows::value(disk.cloud_properties), disk.cpi, to_text(disk.state), rows::value(disk.orphaned_at)});
}

void Disks::set_state(const DiskCid& cid, DiskState state, Timestamp now) {
  const auto orphaned_at = state == DiskState::orphaned ? rows::value(now) : sql::Value(nullptr);
  rows::expect_one(db_.run("UPDATE disks SET state = :1, orphaned_at = :2 WHERE cid = :3",
                           {to_text(state), orphaned_at, cid.value}),
                   shown(cid));
}

void Disks::activate(const DiskCid& cid) {
  db_.transaction([&](sql::Session& session) {
    session.run(
        "UPDATE disks SET state = 'inactive' WHERE state = 'active' AND cid <> :1 AND instance = (SELECT instance "
        "FROM disks WHERE cid = :1) AND name = (SELECT name FROM disks WHERE cid = :1)",
        {cid.value});
    rows::expect_one(session.run("UPDATE disks SET state = 'active', orphaned_at = NULL WHERE cid = :1", {cid.value}),
                     shown(cid));
  });
}

void Disks::retire(const DiskCid& cid) {
  rows::expect_one(db_.run("UPDATE disks SET state = 'inactive' WHERE cid = :1 AND state = 'active'", {cid.value}),
                   shown(cid));
}

void Disks::set_size(const DiskCid& cid, std::int64_t size_mib) {
  rows::expect_one(db_.run("UPDATE disks SET size_mib = :1 WHERE cid = :2", {size_mib, cid.value}), shown(cid));
}

void Disks::adopt(const DiskRecord& disk, Timestamp now) {
  db_.transaction([&](sql::Session& session) {
    session.run(
        "UPDATE disks SET state = 'orphaned', orphaned_at = :1 WHERE instance = :2 AND state = 'active' AND cid <> :3 "
        "AND name = :4",
        {rows::value(now), disk.instance.value, disk.cid.value, disk.name});
    session.run(
        "INSERT INTO disks (cid, deployment, instance_group, instance, az, name, size_mib, cloud_properties, cpi, state) "
        "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, 'orphaned') ON CONFLICT (cid) DO NOTHING",
        {disk.cid.value, disk.deployment, disk.group, disk.instance.value, disk.az, disk.name, disk.size_mib,
         rows::value(disk.cloud_properties), disk.cpi});
    const auto taken = session.run(
        "UPDATE disks SET deployment = :1, instance_group = :2, instance = :3, az = :4, name = :6, state = 'active', "
        "orphaned_at = NULL WHERE cid = :5 AND (state = 'orphaned' OR instance = :3)",
        {disk.deployment, disk.group, disk.instance.value, disk.az, disk.cid.value, disk.name});
    if (taken.changed != 1) throw Error(Fault::conflict, shown(disk.cid) + " belongs to another instance");
  });
}

void Disks::remove(const DiskCid& cid) { db_.run("DELETE FROM disks WHERE cid = :1", {cid.value}); }

std::optional<DiskRecord> Disks::find(const DiskCid& cid) {
  return rows::first(db_.run(std::string(columns) + "WHERE cid = :1", {cid.value}), read);
}

std::vector<DiskRecord> Disks::of_instance(const InstanceId& instance) {
  return rows::all(
      db_.run(std::string(columns) + "WHERE instance = :1 AND state <> 'orphaned' ORDER BY id", {instance.value}),
      read);
}

std::vector<DiskRecord> Disks::of_deployment(const std::string& deployment) {
  return rows::all(db_.run(std::string(columns) + "WHERE deployment = :1 ORDER BY id", {deployment}), read);
}

std::vector<DiskRecord> Disks::orphaned() {
  return rows::all(db_.run(std::string(columns) + "WHERE state = 'orphaned' ORDER BY orphaned_at, id"), read);
}

}  // namespace slipway::director
