#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, agent, cid, instance, deployment, state, active, cpi, stemcell, stemcell_api_version, "
    "cloud_properties, networks, env, permanent_nats_certificate, created_at FROM vms ";

VmState state_from(const std::string& text) {
  if (text == "creating") return VmState::creating;
  if (text == "created") return VmState::created;
  if (text == "deleting") return VmState::deleting;
  throw Error(Fault::internal, "unknown VM state '" + text + "'");
}

std::string to_text(VmState state) {
  switch (state) {
    case VmState::creating: return "creating";
    case VmState::created: return "created";
    case VmState::deleting: return "deleting";
  }
  return "creating";
}

VmRecord read(const sql::Row& row) {
  VmRecord vm;
  vm.id = row.integer("id");
  vm.agent = AgentId{row.text("agent")};
  if (const auto cid = row.maybe_text("cid")) vm.cid = VmCid{*cid};
  vm.instance = InstanceId{row.maybe_text("instance").value_or("")};
  vm.deployment = row.text("deployment");
  vm.state = state_from(row.text("state"));
  vm.active = row.boolean("active");
  vm.cpi = row.text("cpi");
  const auto stemcell = rows::json(row, "stemcell");
  vm.stemcell = {stemcell.value("name", ""), stemcell.value("os", ""), stemcell.value("version", ""),
                 stemcell.value("alias", "")};
  vm.stemcell_api_version = static_cast<int>(row.integer("stemcell_api_version"));
  vm.cloud_properties = rows::json(row, "cloud_properties");
  vm.networks = rows::json(row, "networks");
  vm.env = rows::json(row, "env");
  vm.permanent_nats_certificate = row.boolean("permanent_nats_certificate");
  vm.created_at = rows::time(row, "created_at");
  return vm;
}

std::string name(const AgentId& agent) { return "VM of agent '" + agent.value + "'"; }

}  // namespace

std::int64_t Vms::insert_creating(const VmRecord& vm) {
  const Json stemcell = {{"name", vm.stemcell.name},
                         {"os", vm.stemcell.os},
                         {"version", vm.stemcell.version},
                         {"alias", vm.stemcell.alias}};
  return db_.insert(
      "INSERT INTO vms (agent, cid, instance, deployment, state, active, cpi, stemcell, stemcell_api_version, "
      "cloud_properties, networks, env, permanent_nats_certificate, created_at) VALUES (:1, :2, :3, :4, :5, :6, :7, "
      ":8, :9, :10, :11, :12, :13, :14)",
      {vm.agent.value, vm.cid ? sql::Value(vm.cid->value) : sql::Value(nullptr), rows::text_or_null(vm.instance.value),
       vm.deployment, to_text(VmState::creating), rows::value(vm.active), vm.cpi, rows::value(stemcell),
       std::int64_t{vm.stemcell_api_version}, rows::value(vm.cloud_properties), rows::value(vm.networks),
       rows::value(vm.env), rows::value(vm.permanent_nats_certificate), rows::value(vm.created_at)});
}

void Vms::set_created(const AgentId& agent, const VmCid& cid, const Json& networks) {
  rows::expect_one(db_.run("UPDATE vms SET state = 'created', cid = :1, networks = :2 WHERE agent = :3",
                           {cid.value, rows::value(networks), agent.value}),
                   name(agent));
}

void Vms::set_active(const AgentId& agent) {
  db_.transaction([&](sql::Session& session) {
    session.run(
        "UPDATE vms SET active = 0 WHERE agent <> :1 AND instance = (SELECT instance FROM vms WHERE agent = :1)",
        {agent.value});
    rows::expect_one(session.run("UPDATE vms SET active = 1 WHERE agent = :1", {agent.value}), name(agent));
  });
}

void Vms::set_permanent_certificate(const AgentId& agent) {
  rows::expect_one(db_.run("UPDATE vms SET permanent_nats_certificate = 1 WHERE agent = :1", {agent.value}),
                   name(agent));
}

void Vms::set_deleting(const AgentId& agent) {
  rows::expect_one(db_.run("UPDATE vms SET state = 'deleting' WHERE agent = :1", {agent.value}), name(agent));
}

void Vms::remove(const AgentId& agent) { db_.run("DELETE FROM vms WHERE agent = :1", {agent.value}); }

std::optional<VmRecord> Vms::find(const AgentId& agent) {
  return rows::first(db_.run(std::string(columns) + "WHERE agent = :1", {agent.value}), read);
}

std::optional<VmRecord> Vms::find_by_cid(const VmCid& cid) {
  return rows::first(db_.run(std::string(columns) + "WHERE cid = :1 ORDER BY id", {cid.value}), read);
}

std::optional<VmRecord> Vms::active_of(const InstanceId& instance) {
  return rows::first(
      db_.run(std::string(columns) + "WHERE instance = :1 AND active = 1 ORDER BY id DESC", {instance.value}), read);
}

std::vector<VmRecord> Vms::of_instance(const InstanceId& instance) {
  return rows::all(db_.run(std::string(columns) + "WHERE instance = :1 ORDER BY id", {instance.value}), read);
}

std::vector<VmRecord> Vms::of_deployment(const std::string& deployment) {
  return rows::all(db_.run(std::string(columns) + "WHERE deployment = :1 ORDER BY id", {deployment}), read);
}

std::vector<VmRecord> Vms::all() { return rows::all(db_.run(std::string(columns) + "ORDER BY id"), read); }

}  // namespace slipway::director
