#include "director/store/snapshots.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns = "SELECT s.id, s.cid, s.disk, s.clean, s.created_at FROM snapshots s ";

SnapshotRecord read(const sql::Row& row) {
  return {row.integer("id"), SnapshotCid{row.text("cid")}, DiskCid{row.text("disk")}, row.boolean("clean"),
          rows::time(row, "created_at")};
}

}  // namespace

void Snapshots::insert(const SnapshotRecord& snapshot) {
  db_.run("INSERT INTO snapshots (cid, disk, clean, created_at) VALUES (:1, :2, :3, :4)",
          {snapshot.cid.value, snapshot.disk.value, rows::value(snapshot.clean), rows::value(snapshot.created_at)});
}

std::optional<SnapshotRecord> Snapshots::find(const SnapshotCid& cid) {
  return rows::first(db_.run(std::string(columns) + "WHERE s.cid = :1", {cid.value}), read);
}

std::vector<SnapshotRecord> Snapshots::of_disk(const DiskCid& disk) {
  return rows::all(db_.run(std::string(columns) + "WHERE s.disk = :1 ORDER BY s.id", {disk.value}), read);
}

std::vector<SnapshotRecord> Snapshots::of_deployment(const std::string& deployment) {
  return rows::all(db_.run(std::string(columns) + "JOIN disks d ON d.cid = s.disk WHERE d.deployment = :1 AND "
                                                  "d.state <> 'orphaned' ORDER BY s.id",
                           {deployment}),
                   read);
}

void Snapshots::remove(const SnapshotCid& cid) { db_.run("DELETE FROM snapshots WHERE cid = :1", {cid.value}); }

}  // namespace slipway::director
