#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT address, deployment, instance, agent, network, is_static FROM ip_addresses ";

IpRecord read(const sql::Row& row) {
  IpRecord ip;
  ip.address = row.text("address");
  ip.deployment = row.text("deployment");
  ip.instance = InstanceId{row.maybe_text("instance").value_or("")};
  ip.agent = AgentId{row.text("agent")};
  ip.network = row.text("network");
  ip.is_static = row.boolean("is_static");
  return ip;
}

}  // namespace

bool IpAddresses::reserve(const IpRecord& ip, Timestamp now) {
  bool reserved = false;
  db_.transaction([&](sql::Session& session) {
    reserved = session
                   .run("INSERT INTO ip_addresses (address, deployment, instance, agent, network, is_static, "
                        "reserved_at) VALUES (:1, :2, :3, :4, :5, :6, :7) ON CONFLICT (address) DO NOTHING",
                        {ip.address, ip.deployment, rows::text_or_null(ip.instance.value), ip.agent.value, ip.network,
                         rows::value(ip.is_static), rows::value(now)})
                   .changed == 1;
    if (reserved) return;
    // The owner itself asks again, after a restart or with other properties.
    reserved = session
                   .run("UPDATE ip_addresses SET network = :1, is_static = :2 WHERE address = :3 AND deployment = :4 "
                        "AND COALESCE(instance, '') = :5 AND agent = :6",
                        {ip.network, rows::value(ip.is_static), ip.address, ip.deployment, ip.instance.value,
                         ip.agent.value})
                   .changed == 1;
  });
  return reserved;
}

void IpAddresses::release(const std::string& address) {
  db_.run("DELETE FROM ip_addresses WHERE address = :1", {address});
}

void IpAddresses::release_of_agent(const AgentId& agent) {
  db_.run("DELETE FROM ip_addresses WHERE agent = :1 AND agent <> ''", {agent.value});
}

std::vector<IpRecord> IpAddresses::all() {
  return rows::all(db_.run(std::string(columns) + "ORDER BY address"), read);
}

std::vector<IpRecord> IpAddresses::of_deployment(const std::string& deployment) {
  return rows::all(db_.run(std::string(columns) + "WHERE deployment = :1 ORDER BY address", {deployment}), read);
}

}  // namespace slipway::director
