#include "cpi/aws/volumes.hpp"

#include "cpi/aws/device_names.hpp"
#include "cpi/aws/names.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr int creations_at_most = 3;

[[noreturn]] void refuse_attached(const Volume& volume, const std::string& what) {
  throw CpiError(ErrorType::cloud_error,
                 what + " disk '" + volume.id + "': it is attached to VM '" + volume.attached_to + "'");
}

Volume read_volume(const Reply& item) {
  Volume volume{.id = item.text("volumeId"),
                .state = item.text("status"),
                .availability_zone = item.text("availabilityZone"),
                .type = item.text("volumeType"),
                .kms_key_id = item.text("kmsKeyId"),
                .size_gib = item.integer("size").value_or(0),
                .iops = item.integer("iops").value_or(0),
                .throughput = item.integer("throughput").value_or(0),
                .encrypted = item.truth("encrypted")};
  volume.size_mib = volume.size_gib * 1024;
  for (const auto& tag : item.items("tagSet")) {
    if (tag.text("key") != disk_size_tag) continue;
    // Of a disk that another hand has made larger the tag tells too little.
    const auto asked = tag.integer("value").value_or(volume.size_mib);
    if (gib_of(asked) == volume.size_gib) volume.size_mib = asked;
  }
  for (const auto& attachment : item.items("attachmentSet")) {
    const auto state = attachment.text("status");
    if (state == "detached") continue;
    volume.attached_to = attachment.text("instanceId");
    volume.device = attachment.text("device");
    volume.attachment_state = state;
  }
  return volume;
}

VolumeWish read_wish(const Json& properties, const AwsConfig& config) {
  Problems problems;
  JsonReader in(properties, "cloud_properties", problems);
  auto wish = read_volume_wish(in, config, problems);
  if (problems.empty()) return wish;
  std::string details;
  for (const auto& problem : problems.items())
    details += (details.empty() ? "" : "; ") + problem.place + " " + problem.message;
  throw CpiError(ErrorType::cloud_error, Fault::invalid, details, false);
}

void require_size(std::int64_t mib) {
  constexpr std::int64_t most = std::int64_t{64} << 20;
  if (mib >= 1 && mib <= most) return;
  throw CpiError(ErrorType::cloud_error, Fault::invalid,
                 "a disk of " + std::to_string(mib) + " MiB: 1 to " + std::to_string(most) + " are allowed",
                 false);
}

// Quotas of volumes and of their performance.
bool is_quota_error(const AwsError& error) {
  return error.is("VolumeLimitExceeded") || error.is("MaxIOPSLimitExceeded") ||
         error.is("InsufficientVolumeCapacity");
}

}  // namespace

void throw_disk_not_found(const DiskCid& disk) {
  throw CpiError(ErrorType::disk_not_found, "there is no disk '" + disk.value + "'");
}

Patience Volumes::patience(const std::string& what) const {
  return Patience(api_.clock(), config_.first_poll, config_.wait_limit, what);
}

std::optional<Volume> Volumes::find(const std::string& id) const {
  if (!is_ec2_id(id, "vol")) return std::nullopt;
  try {
    const auto found = api_.ec2(Query("DescribeVolumes").list("VolumeId", {id})).items("volumeSet");
    if (!found.empty()) {
      auto volume = read_volume(found.front());
      if (volume.exists()) return volume;
    }
  } catch (const AwsError& error) {
    if (!error.is("InvalidVolume") && !error.is("InvalidParameterValue")) throw;
  }
  return std::nullopt;
}

Volume Volumes::get(const DiskCid& disk) const {
  auto found = find(disk.value);
  if (!found) throw_disk_not_found(disk);
  return std::move(*found);
}

bool Volumes::exists(const DiskCid& disk) const { return find(disk.value).has_value(); }

std::string Volumes::zone_for(const Json& properties, const std::optional<VmCid>& near_vm) const {
  if (near_vm) return get_instance(api_, *near_vm).availability_zone;
  const auto zone = properties.find("availability_zone");
  if (zone != properties.end() && zone->is_string()) return zone->get<std::string>();
  if (!config_.default_availability_zone.empty()) return config_.default_availability_zone;
  throw CpiError(ErrorType::cloud_error, Fault::invalid,
                 "the disk's zone is not known: give a VM, cloud_properties.availability_zone or the CPI's "
                 "default_availability_zone",
                 false);
}

std::optional<DiskCid> Volumes::made_for(const std::string& key) const {
  for (const auto& item :
       api_.pages(Query("DescribeVolumes").filter(std::string("tag:") + disk_key_tag, {key}), "volumeSet")) {
    const auto volume = read_volume(item);
    if (volume.exists() && volume.state != "error") return DiskCid{volume.id};
  }
  return std::nullopt;
}

bool Volumes::became_available(const std::string& id) const {
  auto waiting = patience("waiting until " + id + " is available");
  bool seen = false;
  for (int misses = 0;;) {
    const auto volume = find(id);
    seen = seen || volume;
    if (volume && (volume->state == "available" || volume->state == "in-use")) return true;
    if (volume && volume->state == "error") {
      throw CpiError(ErrorType::cloud_error,
                     "EC2 could not make volume " + id + "; is the key it is encrypted with usable?");
    }
    // It is not told everywhere yet, or it is what a used-up token stands for: a volume deleted since.
    constexpr int misses_of_a_new_one = 5;
    if (!volume && (seen || ++misses == misses_of_a_new_one)) return false;
    waiting.pause();
  }
}

DiskCid Volumes::create(std::int64_t size_mib, const Json& properties, const std::optional<VmCid>& near_vm,
                        const std::string& key) {
  require_size(size_mib);
  const auto wish = read_wish(properties, config_);
  const auto digest = key.empty() ? "" : client_token("disk key", key, 0);
  if (!key.empty()) {
    if (const auto known = made_for(digest); known && became_available(known->value)) return *known;
  }
  const auto zone = zone_for(properties, near_vm);
  auto tags = merged(to_tags(config_.tags), {{disk_size_tag, std::to_string(size_mib)}});
  if (properties.contains("tags")) tags = merged(to_tags(properties["tags"]), tags);
  if (!key.empty()) tags[disk_key_tag] = digest;
  const auto name = key.empty() ? api_.random().uuid() : key;
  for (int attempt = 0; attempt < creations_at_most; ++attempt) {
    Query query("CreateVolume");
    query.set("AvailabilityZone", zone)
        .set("Size", gib_of(size_mib))
        .set("ClientToken", client_token("disk", name, attempt));
    set_volume(query, "", wish);
    query.tag_specification("volume", tags);
    try {
      const auto id = api_.ec2(query).text("volumeId");
      if (became_available(id)) return {id};
    } catch (const AwsError& error) {
      if (is_quota_error(error)) throw CpiError(ErrorType::no_disk_space, error.what());
      throw;
    }
  }
  throw CpiError(ErrorType::cloud_error,
                 "EC2 made no volume of " + std::to_string(size_mib) + " MiB in " + zone, true);
}

Volume Volumes::wait_while_moving(const DiskCid& disk, const char* state) const {
  auto waiting = patience("waiting while " + disk.value + " is " + state);
  for (;;) {
    auto volume = get(disk);
    if (volume.attachment_state != state) return volume;
    waiting.pause();
  }
}

void Volumes::remove(const DiskCid& disk) {
  if (!is_ec2_id(disk.value, "vol")) throw_disk_not_found(disk);
  for (bool waited = false;; waited = true) {
    try {
      api_.ec2(Query("DeleteVolume").set("VolumeId", disk.value));
      return;
    } catch (const AwsError& error) {
      if (error.is("InvalidVolume.NotFound") || error.is("InvalidParameterValue")) throw_disk_not_found(disk);
      if (!error.is("VolumeInUse")) throw;
      const auto volume = wait_while_moving(disk, "detaching");
      if (!volume.attached_to.empty()) refuse_attached(volume, "cannot delete");
      if (waited) throw;
    }
  }
}

Json Volumes::attach(const VmCid& vm, const DiskCid& disk) {
  auto instance = get_instance(api_, vm);
  if (!is_ec2_id(disk.value, "vol")) throw_disk_not_found(disk);
  for (const auto& device : instance.devices) {
    if (device.volume_id == disk.value && device.status == "attached")
      return device_hint(instance.type, device.name, disk.value);
  }
  constexpr int tries = 5;
  std::string device;
  for (int attempt = 0;; ++attempt) {
    const auto name = free_device(instance);
    if (!name)
      throw CpiError(ErrorType::cloud_error, "VM '" + vm.value + "' has no free device from sdf to sdp");
    try {
      api_.ec2(
          Query("AttachVolume").set("VolumeId", disk.value).set("InstanceId", vm.value).set("Device", *name));
      break;
    } catch (const AwsError& error) {
      if (error.is("InvalidVolume.NotFound")) throw_disk_not_found(disk);
      const auto volume = get(disk);
      if (volume.attached_to == vm.value) break;
      if (!volume.attached_to.empty()) refuse_attached(volume, "cannot attach");
      // Another call took the device, or the instance is not there yet.
      const bool again =
          error.is("InvalidParameterValue") || error.is("InvalidDevice") || error.is("IncorrectState");
      if (!again || attempt == tries) throw;
      api_.clock().sleep_for(config_.first_poll);
      instance = get_instance(api_, vm);
    }
  }
  const auto volume = wait_while_moving(disk, "attaching");
  if (volume.attached_to != vm.value)
    throw CpiError(ErrorType::cloud_error, "disk '" + disk.value + "' did not come to VM '" + vm.value + "'",
                   true);
  return device_hint(instance.type, volume.device, disk.value);
}

void Volumes::detach(const VmCid& vm, const DiskCid& disk) {
  if (!is_ec2_id(vm.value, "i")) throw_vm_not_found(vm);
  if (!is_ec2_id(disk.value, "vol")) throw_disk_not_found(disk);
  try {
    api_.ec2(Query("DetachVolume").set("VolumeId", disk.value).set("InstanceId", vm.value));
  } catch (const AwsError& error) {
    if (error.is("InvalidVolume.NotFound")) throw_disk_not_found(disk);
    if (error.is("InvalidInstanceID")) throw_vm_not_found(vm);
    if (!error.is("IncorrectState") && !error.is("InvalidAttachment") && !error.is("InvalidParameter")) throw;
    const auto volume = get(disk);
    if (volume.attached_to.empty()) return;
    if (volume.attached_to != vm.value) {
      throw CpiError(ErrorType::disk_not_attached, "disk '" + disk.value + "' is attached to VM '" +
                                                       volume.attached_to + "', not to '" + vm.value + "'");
    }
  }
  auto waiting = patience("waiting until the guest lets go of " + disk.value);
  while (get(disk).attached_to == vm.value) waiting.pause();
}

std::vector<DiskCid> Volumes::of(const VmCid& vm) const {
  std::vector<DiskCid> disks;
  for (const auto& device : get_instance(api_, vm).devices) {
    if (is_persistent_device(device.name) && !device.volume_id.empty()) disks.push_back({device.volume_id});
  }
  return disks;
}

void Volumes::set_metadata(const DiskCid& disk, const Json& metadata) {
  if (!is_ec2_id(disk.value, "vol")) throw_disk_not_found(disk);
  auto tags = merged(to_tags(config_.tags), to_tags(metadata));
  for (const auto* ours : {disk_key_tag, disk_size_tag}) tags.erase(ours);
  try {
    api_.ec2(Query("CreateTags").list("ResourceId", {disk.value}).tags(tags));
  } catch (const AwsError& error) {
    if (error.is("InvalidVolume") || error.is("InvalidID")) throw_disk_not_found(disk);
    throw;
  }
}

void Volumes::resize(const DiskCid& disk, std::int64_t new_size_mib) {
  require_size(new_size_mib);
  const auto volume = get(disk);
  modify(volume, new_size_mib, Query("ModifyVolume"), false);
}

void Volumes::update(const DiskCid& disk, std::int64_t new_size_mib, const Json& properties) {
  require_size(new_size_mib);
  const auto wish = read_wish(properties, config_);
  const auto volume = get(disk);
  const bool other_key = !wish.kms_key_arn.empty() && !volume.kms_key_id.empty() &&
                         wish.kms_key_arn != volume.kms_key_id &&
                         !volume.kms_key_id.ends_with(wish.kms_key_arn);
  if (wish.encrypted != volume.encrypted || other_key) {
    throw CpiError(ErrorType::not_supported,
                   "EC2 cannot change how disk '" + disk.value + "' is encrypted: it has to be copied");
  }
  Query changes("ModifyVolume");
  bool any = false;
  const auto change = [&](const char* name, auto value) {
    changes.set(name, value);
    any = true;
  };
  if (wish.type != volume.type) change("VolumeType", wish.type);
  if (wish.iops && *wish.iops != volume.iops) change("Iops", *wish.iops);
  if (wish.throughput && *wish.throughput != volume.throughput) change("Throughput", *wish.throughput);
  modify(volume, new_size_mib, std::move(changes), any);
}

void Volumes::modify(const Volume& volume, std::int64_t new_size_mib, Query changes, bool changes_anything) {
  if (new_size_mib < volume.size_mib) {
    throw CpiError(ErrorType::not_supported, "disk '" + volume.id + "' of " +
                                                 std::to_string(volume.size_mib) + " MiB cannot shrink to " +
                                                 std::to_string(new_size_mib));
  }
  if (!volume.attached_to.empty()) {
    throw CpiError(ErrorType::not_supported, "disk '" + volume.id + "' is attached to VM '" +
                                                 volume.attached_to + "': it is changed when detached");
  }
  const auto gib = gib_of(new_size_mib);
  if (gib != volume.size_gib) changes.set("Size", gib);
  if (gib != volume.size_gib || changes_anything) {
    try {
      api_.ec2(changes.set("VolumeId", volume.id));
    } catch (const AwsError& error) {
      const bool too_soon =
          error.is("VolumeModificationRateExceeded") || error.is("IncorrectModificationState");
      // One change in six hours is EC2's rule: a copy is what remains, unless it is this change that is under
      // way.
      if (too_soon && !is_modified_to(volume.id, gib)) throw CpiError(ErrorType::not_supported, error.what());
      if (is_quota_error(error)) throw CpiError(ErrorType::no_disk_space, error.what());
      if (!too_soon) throw;
    }
    wait_for_modification(volume.id, gib);
  }
  if (new_size_mib != volume.size_mib) {
    api_.ec2(Query("CreateTags")
                 .list("ResourceId", {volume.id})
                 .tags({{disk_size_tag, std::to_string(new_size_mib)}}));
  }
}

Reply Volumes::last_modification(const std::string& id) const {
  const auto found =
      api_.ec2(Query("DescribeVolumesModifications").list("VolumeId", {id})).items("volumeModificationSet");
  return found.empty() ? Reply() : found.back();
}

bool Volumes::is_modified_to(const std::string& id, std::int64_t gib) const {
  const auto last = last_modification(id);
  const auto state = last.text("modificationState");
  return last.integer("targetSize") == gib && (state == "modifying" || state == "optimizing");
}

// A volume that is "optimizing" can be used, with its new size.
void Volumes::wait_for_modification(const std::string& id, std::int64_t gib) const {
  auto waiting = patience("waiting until " + id + " is changed");
  for (;;) {
    const auto last = last_modification(id);
    const auto state = last.integer("targetSize") == gib ? last.text("modificationState") : std::string();
    if (state == "optimizing" || state == "completed") return;
    if (state == "failed")
      throw CpiError(ErrorType::cloud_error,
                     "EC2 could not change volume " + id + ": " + last.text("statusMessage"));
    waiting.pause();
  }
}

}  // namespace slipway::cpi::aws
