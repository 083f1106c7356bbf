#include "director/store/orphaned_vms.hpp"

#include "director/store/rows.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, agent, cid, deployment, instance_name, az, cpi, ip_addresses, orphaned_at, kept_until FROM orphaned_vms ";

OrphanedVmRecord read(const sql::Row& row) {
  OrphanedVmRecord vm;
  vm.id = row.integer("id");
  vm.agent = AgentId{row.text("agent")};
  vm.cid = VmCid{row.text("cid")};
  vm.deployment = row.text("deployment");
  vm.instance_name = row.text("instance_name");
  vm.az = row.text("az");
  vm.cpi = row.text("cpi");
  vm.ip_addresses = rows::json(row, "ip_addresses").get<std::vector<std::string>>();
  vm.orphaned_at = rows::time(row, "orphaned_at");
  vm.kept_until = rows::maybe_time(row, "kept_until");
  return vm;
}

}  // namespace

void OrphanedVms::orphan(const OrphanedVmRecord& vm) {
  db_.transaction([&](sql::Session& session) {
    session.run("DELETE FROM vms WHERE agent = :1", {vm.agent.value});
    session.run(
        "INSERT INTO orphaned_vms (agent, cid, deployment, instance_name, az, cpi, ip_addresses, orphaned_at, kept_until) "
        "VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9) ON CONFLICT (agent) DO NOTHING",
        {vm.agent.value, vm.cid.value, vm.deployment, vm.instance_name, vm.az, vm.cpi,
         rows::value(Json(vm.ip_addresses)), rows::value(vm.orphaned_at),
         rows::value(vm.kept_until)});
  });
}

std::vector<OrphanedVmRecord> OrphanedVms::all() {
  return rows::all(db_.run(std::string(columns) + "ORDER BY orphaned_at, id"), read);
}

std::optional<OrphanedVmRecord> OrphanedVms::find(const VmCid& cid) {
  return rows::first(db_.run(std::string(columns) + "WHERE cid = :1 ORDER BY id", {cid.value}), read);
}

void OrphanedVms::remove(const AgentId& agent) {
  db_.transaction([&](sql::Session& session) {
    session.run("DELETE FROM ip_addresses WHERE agent = :1 AND agent <> ''", {agent.value});
    session.run("DELETE FROM orphaned_vms WHERE agent = :1", {agent.value});
  });
}

}  // namespace slipway::director
