#include "director/store/rows.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {
namespace {

constexpr std::string_view columns =
    "SELECT id, deployment, instance_group, instance_index, bootstrap, az, state, ignored, update_completed, spec, "
    "dns_names FROM instances ";

constexpr std::string_view update_row =
    "UPDATE instances SET deployment = :2, instance_group = :3, instance_index = :4, bootstrap = :5, az = :6, "
    "state = :7, ignored = :8, update_completed = :9, spec = :10, dns_names = :11 WHERE id = :1";

InstanceRecord read(const sql::Row& row) {
  InstanceRecord instance;
  instance.id = InstanceId{row.text("id")};
  instance.deployment = row.text("deployment");
  instance.group = row.text("instance_group");
  instance.index = static_cast<int>(row.integer("instance_index"));
  instance.bootstrap = row.boolean("bootstrap");
  instance.az = row.text("az");
  instance.state = instance_state_from_string(row.text("state"));
  instance.ignore = row.boolean("ignored");
  instance.update_completed = row.boolean("update_completed");
  instance.spec = rows::json(row, "spec");
  instance.dns_names = rows::json(row, "dns_names").get<std::vector<std::string>>();
  return instance;
}

std::vector<sql::Value> values(const InstanceRecord& instance) {
  return {instance.id.value,
          instance.deployment,
          instance.group,
          std::int64_t{instance.index},
          rows::value(instance.bootstrap),
          instance.az,
          to_string(instance.state),
          rows::value(instance.ignore),
          rows::value(instance.update_completed),
          rows::value(instance.spec),
          rows::value(Json(instance.dns_names))};
}

}  // namespace

void Instances::insert(const InstanceRecord& instance) {
  db_.run(
      "INSERT INTO instances (id, deployment, instance_group, instance_index, bootstrap, az, state, ignored, "
      "update_completed, spec, dns_names) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11)",
      values(instance));
}

void Instances::update(const InstanceRecord& instance) {
  rows::expect_one(db_.run(update_row, values(instance)), instance.name());
}

std::optional<InstanceRecord> Instances::find(const InstanceId& id) {
  return rows::first(db_.run(std::string(columns) + "WHERE id = :1", {id.value}), read);
}

std::vector<InstanceRecord> Instances::of_deployment(const std::string& deployment) {
  return rows::all(
      db_.run(std::string(columns) + "WHERE deployment = :1 ORDER BY instance_group, instance_index", {deployment}),
      read);
}

void Instances::remove(const InstanceId& id) {
  db_.transaction([&](sql::Session& session) {
    if (rows::exists(session, "SELECT id FROM vms WHERE instance = :1 LIMIT 1", {id.value}))
      throw Error(Fault::conflict, "instance '" + id.value + "' still has a VM");
    session.run("DELETE FROM instances WHERE id = :1", {id.value});
    session.run("DELETE FROM dns_numbers WHERE kind = 'instance' AND name = :1", {id.value});
  });
}

}  // namespace slipway::director
