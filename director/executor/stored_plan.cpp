#include "director/executor/stored_plan.hpp"

#include <algorithm>

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

// For specs of before they said how long to watch.
constexpr WatchTime usual_watch{1s, 300s};

StemcellRef stemcell_of(Stores& stores, const Json& spec) {
  const Json said = spec.value("stemcell", Json::object());
  StemcellRef ref{.name = said.value("name", ""), .version = said.value("version", "")};
  for (const auto& stemcell : stores.stemcells.all()) {
    if (stemcell.name == ref.name && stemcell.version == ref.version) ref.os = stemcell.operating_system;
  }
  return ref;
}

}  // namespace

PlannedInstance planned_as_stored(Stores& stores, const ActualInstance& actual) {
  const auto& record = actual.record;
  const auto& spec = record.spec;
  PlannedInstance planned;
  planned.id = record.id;
  planned.group = record.group;
  planned.index = record.index;
  planned.bootstrap = record.bootstrap;
  planned.az = record.az;
  planned.state = record.state;
  planned.stemcell = stemcell_of(stores, spec);
  planned.cpi = spec.value("cpi", actual.vm ? actual.vm->cpi : "");
  planned.networks = spec.value("networks", Json::object());
  planned.ips = actual.ips;
  planned.vm_cloud_properties = spec.value("vm_cloud_properties", Json::object());
  planned.env = spec.value("env", Json::object());
  planned.tags = spec.value("tags", Json::object());
  planned.dns_names = record.dns_names;
  for (const auto& disk : actual.disks) {
    if (disk.state == DiskState::active) planned.disks.push_back({disk.name, disk.size_mib, disk.cloud_properties});
  }
  return planned;
}

InstanceGroup group_as_stored(const InstanceRecord& record) {
  InstanceGroup group;
  group.name = record.group;
  const Json update = record.spec.value("update", Json::object());
  group.update.update_watch_time =
      WatchTime::parse(update.is_object() ? update.value("update_watch_time", "") : "").value_or(usual_watch);
  return group;
}

}  // namespace slipway::director
