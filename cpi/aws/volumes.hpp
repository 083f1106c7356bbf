#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpi/aws/config.hpp"
#include "cpi/aws/instance.hpp"
#include "cpi/aws/patience.hpp"
#include "cpi/aws/volume_wish.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

struct Volume {
  std::string id, state, availability_zone, type, kms_key_id;
  std::int64_t size_mib = 0;  // as asked for; EC2 counts in GiB
  std::int64_t size_gib = 0, iops = 0, throughput = 0;
  bool encrypted = false;
  std::string attached_to, device, attachment_state;  // empty: to nothing

  bool exists() const { return state != "deleting" && state != "deleted"; }
};

[[noreturn]] void throw_disk_not_found(const DiskCid& disk);

// Persistent disks: EBS volumes.
class Volumes {
 public:
  Volumes(const AwsConfig& config, const Api& api) : config_(config), api_(api) {}

  DiskCid create(std::int64_t size_mib, const Json& properties, const std::optional<VmCid>& near_vm,
                 const std::string& key);
  void remove(const DiskCid& disk);
  bool exists(const DiskCid& disk) const;
  Json attach(const VmCid& vm, const DiskCid& disk);
  void detach(const VmCid& vm, const DiskCid& disk);
  std::vector<DiskCid> of(const VmCid& vm) const;
  void set_metadata(const DiskCid& disk, const Json& metadata);
  void resize(const DiskCid& disk, std::int64_t new_size_mib);
  void update(const DiskCid& disk, std::int64_t new_size_mib, const Json& properties);

 private:
  std::optional<Volume> find(const std::string& id) const;
  Volume get(const DiskCid& disk) const;  // throws disk_not_found
  std::string zone_for(const Json& properties, const std::optional<VmCid>& near_vm) const;
  std::optional<DiskCid> made_for(const std::string& key) const;
  bool became_available(const std::string& id) const;
  void modify(const Volume& volume, std::int64_t new_size_mib, Query changes, bool changes_anything);
  Reply last_modification(const std::string& id) const;
  bool is_modified_to(const std::string& id, std::int64_t gib) const;
  void wait_for_modification(const std::string& id, std::int64_t gib) const;
  Volume wait_while_moving(const DiskCid& disk, const char* state) const;
  Patience patience(const std::string& what) const;

  const AwsConfig& config_;
  const Api& api_;
};

}  // namespace slipway::cpi::aws
