#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/sql/database.hpp"
#include "director/domain/types.hpp"

namespace slipway::director {

struct OrphanedVmRecord {
  std::int64_t id = 0;
  AgentId agent;
  VmCid cid;
  std::string deployment, instance_name, az, cpi;
  std::vector<std::string> ip_addresses;
  Timestamp orphaned_at{};
  std::optional<Timestamp> kept_until;  // it failed, is off, and somebody may want to look at it; empty: nobody does
};

// VMs that stand for no instance any more and wait to be deleted.
class OrphanedVms {
 public:
  explicit OrphanedVms(sql::Database& db) : db_(db) {}
  // The VM of this agent is no instance's from now on: its row becomes this one.
  void orphan(const OrphanedVmRecord& vm);
  std::vector<OrphanedVmRecord> all();
  std::optional<OrphanedVmRecord> find(const VmCid& cid);
  void remove(const AgentId& agent);  // with the addresses it still holds

 private:
  sql::Database& db_;
};

}  // namespace slipway::director
