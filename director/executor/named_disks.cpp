#include "director/executor/named_disks.hpp"

namespace slipway::director {

namespace {

constexpr const char* spec_key = "persistent_disks";

}  // namespace

Json disk_associations(Disks& disks, const InstanceId& instance) {
  Json links = Json::array();
  for (const auto& disk : disks.of_instance(instance)) {
    if (disk.state != DiskState::active || disk.name.empty()) continue;
    links.push_back({{"name", disk.name}, {"cid", disk.cid.value}});
  }
  return links;
}

void put_named_disks(const PlannedInstance& planned, Json& spec) {
  for (const auto& disk : planned.disks) {
    if (!disk.name.empty()) spec[spec_key].push_back({{"name", disk.name}, {"size", disk.size_mib}});
  }
}

std::vector<std::string> named_disks_in(const Json& spec) {
  std::vector<std::string> names;
  for (const auto& disk : spec.value(spec_key, Json::array())) names.push_back(disk.value("name", ""));
  return names;
}

}  // namespace slipway::director
