#include "director/executor/problems/stored_instance.hpp"

#include <algorithm>

namespace slipway::director {

namespace {

// For specs of before they said how long to watch.
constexpr WatchTime usual_watch{std::chrono::milliseconds{1000}, std::chrono::milliseconds{300000}};

WatchTime watch_of(const Json& spec) {
  const Json update = spec.value("update", Json::object());
  return WatchTime::parse(update.value("update_watch_time", "")).value_or(usual_watch);
}

std::string cpi_of(const ActualInstance& actual) {
  if (actual.vm) return actual.vm->cpi;
  return actual.record.spec.value("cpi", "");
}

}  // namespace

StoredInstance::StoredInstance(Services& services, ActualInstance actual) : actual_(std::move(actual)) {
  const auto& record = actual_.record;
  const auto& spec = record.spec;
  if (spec.empty()) {
    throw Error(Fault::conflict, "instance " + record.name() +
                                     " has never been brought up, so nothing says how; deploy instead");
  }
  planned_.id = record.id;
  planned_.group = record.group;
  planned_.index = record.index;
  planned_.bootstrap = record.bootstrap;
  planned_.az = record.az;
  planned_.state = record.state;
  planned_.dns_names = record.dns_names;
  planned_.cpi = cpi_of(actual_);
  planned_.networks = spec.value("networks", Json::object());
  planned_.vm_cloud_properties = spec.value("vm_cloud_properties", Json::object());
  planned_.env = spec.value("env", Json::object());
  planned_.tags = spec.value("tags", Json::object());
  const Json stemcell = spec.value("stemcell", Json::object());
  planned_.stemcell.name = stemcell.value("name", "");
  planned_.stemcell.version = stemcell.value("version", "");
  const auto uploaded =
      services.stores.stemcells.find(planned_.stemcell.name, planned_.stemcell.version, planned_.cpi);
  if (uploaded) planned_.stemcell.os = uploaded->operating_system;
  const auto disk = std::find_if(actual_.disks.begin(), actual_.disks.end(),
                                 [](const DiskRecord& one) { return one.state == DiskState::active; });
  if (disk != actual_.disks.end()) {
    planned_.disk_size_mib = disk->size_mib;
    planned_.disk_cloud_properties = disk->cloud_properties;
  } else if (spec.value("persistent_disk", std::int64_t{0}) > 0) {
    throw Error(Fault::conflict, "instance " + record.name() +
                                     " has no persistent disk any more; deploy to give it a new, empty one");
  }
  group_.name = record.group;
  group_.update.update_watch_time = watch_of(spec);
  change_.id = record.id;
  change_.group = record.group;
  change_.name = record.name();
  change_.action = Action::recreate;
  change_.target = record.state;
}

InstanceJob StoredInstance::recreation(bool wait_until_running) const {
  return {.planned = &planned_,
          .change = &change_,
          .actual = &actual_,
          .group = &group_,
          .apply_spec = actual_.record.spec,
          .wait_until_running = wait_until_running};
}

}  // namespace slipway::director
