#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpi/aws/config.hpp"
#include "cpi/aws/patience.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

struct Image {
  std::string id, state, reason, root_device, architecture;
  std::int64_t root_gib = 0;  // of the root volume
  std::vector<std::string> snapshots;
};

// The image of a stemcell's cid: "ami-…", "ami-… light", or the name that an image of ours has. Absent: EC2
// does not show it to this account.
std::optional<Image> find_image(const Api& api, const StemcellCid& stemcell);

// Stemcells as AMIs. A light one names an AMI that somebody has published in the region; it is used as it is,
// or copied with encryption. A heavy one carries a disk image: it is written into a snapshot through the EBS
// direct API, from wherever the CPI runs, and registered. Its cid is the image's name, made of a digest: the
// same stemcell has the same cid before it is there and after it was deleted.
class Stemcells {
 public:
  Stemcells(const AwsConfig& config, const Api& api) : config_(config), api_(api) {}

  StemcellCid create(const std::string& image_path, const Json& properties, const Json& tags);
  void remove(const StemcellCid& stemcell);

 private:
  struct Snapshot {
    std::string id, state;
  };
  std::vector<Snapshot> snapshots_made_for(const std::string& digest) const;
  void delete_snapshot(const std::string& id) const;
  bool is_there(const StemcellCid& stemcell);
  StemcellCid create_light(const Json& properties, const Json& tags);
  StemcellCid create_heavy(const std::string& image_path, const Json& properties, const Json& tags);
  std::string snapshot_of(const std::string& image_path, const Json& properties, const std::string& digest,
                          const Tags& tags) const;
  void register_image(const std::string& snapshot, const Json& properties, const std::string& digest,
                      const Tags& tags) const;
  StemcellCid when_available(const StemcellCid& stemcell) const;
  Patience patience(const std::string& what) const;

  const AwsConfig& config_;
  const Api& api_;
};

}  // namespace slipway::cpi::aws
