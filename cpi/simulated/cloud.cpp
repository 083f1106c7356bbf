#include "cpi/simulated/cloud.hpp"

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"

namespace slipway::cpi {

namespace {

// Addresses a VM claims for itself; a vip is routed elsewhere.
std::set<std::string> addresses_of(const Json& networks) {
  std::set<std::string> addresses;
  for (const auto& [name, network] : networks.items()) {
    if (network.value("type", std::string("manual")) == "vip") continue;
    if (const auto ip = network.find("ip"); ip != network.end() && ip->is_string()) {
      addresses.insert(ip->get<std::string>());
    }
  }
  return addresses;
}

std::string mac_of(const AgentId& agent, const std::string& network) {
  const auto hex = sha256_hex(agent.value + "/" + network);
  std::string mac = "06";
  for (std::size_t i = 0; i < 5; ++i) mac += ":" + hex.substr(2 * i, 2);
  return mac;
}

}  // namespace

void SimulatedCloud::violate(ErrorType type, const std::string& what) {
  violations_.push_back(what);
  throw CpiError(type, what);
}

std::string SimulatedCloud::next_id(const char* kind) {
  return std::string(kind) + "-" + std::to_string(++counter_);
}

SimulatedVm& SimulatedCloud::vm_at(const VmCid& vm) {
  require_vm(vm);
  return vms_.at(vm);
}

void SimulatedCloud::require_vm(const VmCid& vm) const {
  if (!vms_.contains(vm)) throw CpiError(ErrorType::vm_not_found, "VM '" + vm.value + "' does not exist");
}

SimulatedDisk& SimulatedCloud::disk_at(const DiskCid& disk) {
  const auto found = disks_.find(disk);
  if (found == disks_.end()) throw CpiError(ErrorType::disk_not_found, "Disk '" + disk.value + "' does not exist");
  return found->second;
}

StemcellCid SimulatedCloud::create_stemcell(const std::string& image_digest, const Json& cloud_properties,
                                            const Json& tags) {
  const std::lock_guard lock(mutex_);
  const StemcellCid cid{"stemcell-" + sha256_hex(image_digest + cloud_properties.dump()).substr(0, 16)};
  stemcells_.insert_or_assign(cid, SimulatedStemcell{image_digest, cloud_properties, tags});
  return cid;
}

void SimulatedCloud::delete_stemcell(const StemcellCid& stemcell) {
  const std::lock_guard lock(mutex_);
  for (const auto& [cid, vm] : vms_) {
    if (vm.stemcell == stemcell && stemcells_.contains(stemcell)) {
      violate(ErrorType::cloud_error, "Stemcell '" + stemcell.value + "' is in use by VM '" + cid.value + "'");
    }
  }
  stemcells_.erase(stemcell);
}

void SimulatedCloud::check_addresses(const CreateVm& request) {
  const auto wanted = addresses_of(request.networks);
  for (const auto& [cid, vm] : vms_) {
    if (vm.off) continue;
    for (const auto& address : addresses_of(vm.networks)) {
      if (!wanted.contains(address)) continue;
      const auto text = "Address " + address + " wanted by agent '" + request.agent.value + "' is in use by VM '" +
                        cid.value + "'";
      if (vm.ghost) throw CpiError(ErrorType::vm_creation_failed, text);
      violate(ErrorType::vm_creation_failed, text);
    }
  }
}

// Remembered only: which instance a VM is for is what the director says, no cloud knows.
void SimulatedCloud::check_identity(const VmCid& described, const Json& metadata) {
  const auto instance = metadata.value("id", std::string());
  if (!identities_watched_ || instance.empty() || vms_.at(described).ghost) return;
  for (const auto& [cid, vm] : vms_) {
    if (cid != described && !vm.ghost && !vm.off && vm.metadata.value("id", std::string()) == instance) {
      violations_.push_back("Instance " + instance + " has VMs '" + cid.value + "' and '" + described.value +
                            "' at once");
    }
  }
}

CreatedVm SimulatedCloud::create_vm(const CreateVm& request) {
  const VmCid cid{"vm-" + request.agent.value};
  SimulatedVm vm{request.agent, request.stemcell, request.cloud_properties, request.networks, request.env};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = vms_.find(cid); found != vms_.end()) return {cid, found->second.networks};
    if (!stemcells_.contains(request.stemcell)) {
      throw CpiError(ErrorType::vm_creation_failed, "Stemcell '" + request.stemcell.value + "' does not exist");
    }
    check_addresses(request);
    for (auto& [name, network] : vm.networks.items()) {
      if (network.value("type", std::string("manual")) != "vip") network["mac"] = mac_of(request.agent, name);
    }
    vms_.emplace(cid, vm);
    ++vms_made_;
  }
  if (on_vm_created) on_vm_created(cid, vm);
  return {cid, vm.networks};
}

SimulatedVm SimulatedCloud::take_out(const VmCid& vm) {
  const std::lock_guard lock(mutex_);
  const auto gone = vm_at(vm);
  for (auto& [cid, disk] : disks_) {
    if (disk.attached_to == vm) disk.attached_to.reset();
  }
  vms_.erase(vm);
  return gone;
}

void SimulatedCloud::delete_vm(const VmCid& vm) {
  if (watched_closely_) {
    const std::lock_guard lock(mutex_);
    for (const auto& [cid, disk] : disks_) {
      if (disk.attached_to == vm)
        violations_.push_back("VM '" + vm.value + "' was deleted with disk '" + cid.value + "' on it");
    }
  }
  const auto gone = take_out(vm);
  if (on_vm_deleted) on_vm_deleted(vm, gone);
}

void SimulatedCloud::lose_vm(const VmCid& vm) {
  const auto gone = take_out(vm);
  if (on_vm_deleted) on_vm_deleted(vm, gone);
}

void SimulatedCloud::bring_back(const VmCid& vm, SimulatedVm lost, const std::vector<DiskCid>& its_disks) {
  lost.ghost = true;
  {
    const std::lock_guard lock(mutex_);
    vms_.insert_or_assign(vm, lost);
    for (const auto& disk : its_disks) {
      const auto found = disks_.find(disk);
      if (found != disks_.end() && !found->second.attached_to) found->second.attached_to = vm;
    }
  }
  if (on_vm_back) on_vm_back(vm, lost);
}

void SimulatedCloud::lose_disk(const DiskCid& disk) {
  const std::lock_guard lock(mutex_);
  disks_.erase(disk);
}

void SimulatedCloud::reboot_vm(const VmCid& vm) {
  SimulatedVm copy;
  {
    const std::lock_guard lock(mutex_);
    auto& rebooted = vm_at(vm);
    if (rebooted.off) throw CpiError(ErrorType::cloud_error, "VM '" + vm.value + "' was powered off for good");
    ++rebooted.reboots;
    copy = rebooted;
  }
  if (on_vm_rebooted) on_vm_rebooted(vm, copy);
}

void SimulatedCloud::power_off_vm(const VmCid& vm) {
  SimulatedVm copy;
  {
    const std::lock_guard lock(mutex_);
    auto& ended = vm_at(vm);
    if (std::exchange(ended.off, true)) return;
    copy = ended;
  }
  if (on_vm_powered_off) on_vm_powered_off(vm, copy);
}

std::string SimulatedCloud::logs_of(const VmCid& vm, std::int64_t max_bytes) const {
  const std::lock_guard lock(mutex_);
  require_vm(vm);
  const TempDir place("logs");
  const auto archive = place.path() / "logs.tgz";
  ArchiveWriter writer(archive);
  const auto text = "console of " + vm.value + ", rebooted " + std::to_string(vms_.at(vm).reboots) + " times\n";
  writer.add("console.log", text.substr(0, static_cast<std::size_t>(max_bytes)));
  writer.finish();
  return read_file(archive);
}

void SimulatedCloud::set_vm_metadata(const VmCid& vm, const Json& metadata) {
  const std::lock_guard lock(mutex_);
  vm_at(vm).metadata = metadata;
  check_identity(vm, metadata);
}

DiskCid SimulatedCloud::create_disk(std::int64_t size_mib, const Json& cloud_properties,
                                    const std::optional<VmCid>& near_vm, const std::string& idempotency_key) {
  const std::lock_guard lock(mutex_);
  if (near_vm) require_vm(*near_vm);
  const DiskCid cid{idempotency_key.empty() ? next_id("disk") : "disk-" + sha256_hex(idempotency_key).substr(0, 15)};
  disks_.emplace(cid, SimulatedDisk{size_mib, cloud_properties, Json::object(), std::nullopt});
  return cid;
}

void SimulatedCloud::delete_disk(const DiskCid& disk) {
  const std::lock_guard lock(mutex_);
  if (const auto& vm = disk_at(disk).attached_to) {
    const auto text = "Disk '" + disk.value + "' is attached to VM '" + vm->value + "'";
    if (vms_.at(*vm).ghost) throw CpiError(ErrorType::cloud_error, text);
    violate(ErrorType::cloud_error, text);
  }
  disks_.erase(disk);
}

Json SimulatedCloud::attach_disk(const VmCid& vm, const DiskCid& disk) {
  const std::lock_guard lock(mutex_);
  require_vm(vm);
  auto& attached = disk_at(disk);
  if (attached.attached_to && *attached.attached_to != vm) {
    const auto text = "Disk '" + disk.value + "' is attached to VM '" + attached.attached_to->value + "'";
    if (vms_.at(*attached.attached_to).ghost) throw CpiError(ErrorType::cloud_error, text);
    violate(ErrorType::cloud_error, text);
  }
  attached.attached_to = vm;
  return {{"id", disk.value}};
}

void SimulatedCloud::detach_disk(const VmCid& vm, const DiskCid& disk) {
  const std::lock_guard lock(mutex_);
  require_vm(vm);
  auto& detached = disk_at(disk);
  if (detached.attached_to && *detached.attached_to != vm) {
    throw CpiError(ErrorType::disk_not_attached, "Disk '" + disk.value + "' is attached to VM '" +
                                                     detached.attached_to->value + "', not to '" + vm.value + "'");
  }
  detached.attached_to.reset();
}

void SimulatedCloud::set_disk_metadata(const DiskCid& disk, const Json& metadata) {
  const std::lock_guard lock(mutex_);
  disk_at(disk).metadata = metadata;
}

void SimulatedCloud::resize_disk(const DiskCid& disk, std::int64_t new_size_mib) {
  const std::lock_guard lock(mutex_);
  auto& resized = disk_at(disk);
  if (resized.attached_to) {
    throw CpiError(ErrorType::not_supported, "Disk '" + disk.value + "' is attached to VM '" +
                                                 resized.attached_to->value + "'; detach it before resizing");
  }
  if (new_size_mib < resized.size_mib) {
    throw CpiError(ErrorType::not_supported, "Disk '" + disk.value + "' has " + std::to_string(resized.size_mib) +
                                                 " MiB and cannot shrink to " + std::to_string(new_size_mib));
  }
  resized.size_mib = new_size_mib;
}

void SimulatedCloud::update_disk(const DiskCid& disk, std::int64_t new_size_mib, const Json& cloud_properties) {
  resize_disk(disk, new_size_mib);
  const std::lock_guard lock(mutex_);
  disk_at(disk).cloud_properties = cloud_properties;
}

SnapshotCid SimulatedCloud::snapshot_disk(const DiskCid& disk, const Json& metadata) {
  const std::lock_guard lock(mutex_);
  disk_at(disk);
  const SnapshotCid cid{next_id("snapshot")};
  snapshots_.emplace(cid, SimulatedSnapshot{disk, metadata});
  return cid;
}

void SimulatedCloud::delete_snapshot(const SnapshotCid& snapshot) {
  const std::lock_guard lock(mutex_);
  snapshots_.erase(snapshot);
}

Json SimulatedCloud::create_network(const Json& subnet_definition) {
  const std::lock_guard lock(mutex_);
  const NetworkCid cid{next_id("network")};
  const auto third = "10." + std::to_string(100 + counter_ / 256 % 100) + "." + std::to_string(counter_ % 256) + ".";
  const Json addresses{{"range", subnet_definition.value("range", third + "0/24")},
                       {"gateway", subnet_definition.value("gateway", third + "1")},
                       {"reserved", Json::array()}};
  networks_.emplace(cid, subnet_definition);
  return Json::array({cid.value, addresses, Json{{"name", cid.value}}});
}

void SimulatedCloud::delete_network(const NetworkCid& network) {
  const std::lock_guard lock(mutex_);
  if (networks_.erase(network) == 0) {
    throw CpiError(ErrorType::network_not_found, "Network '" + network.value + "' does not exist");
  }
}

std::size_t SimulatedCloud::vms_made() const {
  const std::lock_guard lock(mutex_);
  return vms_made_;
}

std::optional<SimulatedVm> SimulatedCloud::find_vm(const VmCid& vm) const {
  const std::lock_guard lock(mutex_);
  const auto found = vms_.find(vm);
  if (found == vms_.end()) return std::nullopt;
  return found->second;
}

std::optional<SimulatedVm> SimulatedCloud::find_vm_of(const AgentId& agent) const {
  return find_vm(VmCid{"vm-" + agent.value});
}

std::optional<SimulatedDisk> SimulatedCloud::find_disk(const DiskCid& disk) const {
  const std::lock_guard lock(mutex_);
  const auto found = disks_.find(disk);
  if (found == disks_.end()) return std::nullopt;
  return found->second;
}

std::vector<DiskCid> SimulatedCloud::disks_of(const VmCid& vm) const {
  const std::lock_guard lock(mutex_);
  require_vm(vm);
  std::vector<DiskCid> attached;
  for (const auto& [cid, disk] : disks_) {
    if (disk.attached_to == vm) attached.push_back(cid);
  }
  return attached;
}

std::map<StemcellCid, SimulatedStemcell> SimulatedCloud::stemcells() const {
  const std::lock_guard lock(mutex_);
  return stemcells_;
}

std::map<VmCid, SimulatedVm> SimulatedCloud::vms() const {
  const std::lock_guard lock(mutex_);
  return vms_;
}

std::map<DiskCid, SimulatedDisk> SimulatedCloud::disks() const {
  const std::lock_guard lock(mutex_);
  return disks_;
}

std::map<SnapshotCid, SimulatedSnapshot> SimulatedCloud::snapshots() const {
  const std::lock_guard lock(mutex_);
  return snapshots_;
}

std::size_t SimulatedCloud::networks_created() const {
  const std::lock_guard lock(mutex_);
  return networks_.size();
}

std::vector<std::string> SimulatedCloud::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

Json SimulatedCloud::to_json() const {
  const std::lock_guard lock(mutex_);
  Json out{{"counter", counter_},        {"stemcells", Json::object()}, {"vms", Json::object()},
           {"disks", Json::object()},    {"snapshots", Json::object()}, {"networks", Json::object()},
           {"violations", violations_}};
  for (const auto& [cid, stemcell] : stemcells_) {
    out["stemcells"][cid.value] = {{"image_digest", stemcell.image_digest},
                                   {"cloud_properties", stemcell.cloud_properties},
                                   {"tags", stemcell.tags}};
  }
  for (const auto& [cid, vm] : vms_) {
    out["vms"][cid.value] = {{"agent", vm.agent.value},   {"stemcell", vm.stemcell.value},
                             {"cloud_properties", vm.cloud_properties}, {"networks", vm.networks},
                             {"env", vm.env},             {"metadata", vm.metadata},
                             {"reboots", vm.reboots},     {"off", vm.off}};
  }
  for (const auto& [cid, disk] : disks_) {
    out["disks"][cid.value] = {{"size_mib", disk.size_mib},
                               {"cloud_properties", disk.cloud_properties},
                               {"metadata", disk.metadata},
                               {"attached_to", disk.attached_to ? Json(disk.attached_to->value) : Json(nullptr)}};
  }
  for (const auto& [cid, snapshot] : snapshots_) {
    out["snapshots"][cid.value] = {{"disk", snapshot.disk.value}, {"metadata", snapshot.metadata}};
  }
  for (const auto& [cid, definition] : networks_) out["networks"][cid.value] = definition;
  return out;
}

void SimulatedCloud::load(const Json& json) {
  const std::lock_guard lock(mutex_);
  try {
    counter_ = json.at("counter").get<std::uint64_t>();
    violations_ = json.at("violations").get<std::vector<std::string>>();
    stemcells_.clear();
    for (const auto& [cid, in] : json.at("stemcells").items()) {
      stemcells_[{cid}] = {in.at("image_digest").get<std::string>(), in.at("cloud_properties"), in.at("tags")};
    }
    vms_.clear();
    for (const auto& [cid, in] : json.at("vms").items()) {
      vms_[{cid}] = {{in.at("agent").get<std::string>()}, {in.at("stemcell").get<std::string>()},
                     in.at("cloud_properties"),           in.at("networks"),
                     in.at("env"),                        in.at("metadata"),
                     in.at("reboots").get<int>()};
      vms_[{cid}].off = in.value("off", false);
    }
    disks_.clear();
    for (const auto& [cid, in] : json.at("disks").items()) {
      SimulatedDisk disk{in.at("size_mib").get<std::int64_t>(), in.at("cloud_properties"), in.at("metadata"), {}};
      if (in.at("attached_to").is_string()) disk.attached_to = VmCid{in.at("attached_to").get<std::string>()};
      disks_[{cid}] = disk;
    }
    snapshots_.clear();
    for (const auto& [cid, in] : json.at("snapshots").items()) {
      snapshots_[{cid}] = {{in.at("disk").get<std::string>()}, in.at("metadata")};
    }
    networks_.clear();
    for (const auto& [cid, definition] : json.at("networks").items()) networks_[{cid}] = definition;
  } catch (const Json::exception& error) {
    throw Error(Fault::invalid, std::string("the simulated cloud's state is damaged: ") + error.what());
  }
}

}  // namespace slipway::cpi
