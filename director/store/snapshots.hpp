#pragma once

#include <optional>
#include <vector>

#include "base/sql/database.hpp"
#include "director/domain/types.hpp"

namespace slipway::director {

using cpi::SnapshotCid;

struct SnapshotRecord {
  std::int64_t id = 0;
  SnapshotCid cid;
  DiskCid disk;
  bool clean = false;  // taken while the jobs were stopped
  Timestamp created_at{};
};

class Snapshots {
 public:
  explicit Snapshots(sql::Database& db) : db_(db) {}
  void insert(const SnapshotRecord& snapshot);
  std::optional<SnapshotRecord> find(const SnapshotCid& cid);
  std::vector<SnapshotRecord> of_disk(const DiskCid& disk);
  // Of the disks that instances of the deployment have now.
  std::vector<SnapshotRecord> of_deployment(const std::string& deployment);
  void remove(const SnapshotCid& cid);

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
