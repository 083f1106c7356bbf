#include "cpi/aws/snapshots.hpp"

#include "cpi/aws/names.hpp"
#include "cpi/aws/patience.hpp"
#include "cpi/aws/volumes.hpp"

namespace slipway::cpi::aws {

// CreateSnapshot knows no client token. The tag of this one call tells whether it was heard when its reply is
// lost, and whether it was heard twice.
SnapshotCid Snapshots::create(const DiskCid& disk, const Json& metadata) {
  if (!is_ec2_id(disk.value, "vol")) throw_disk_not_found(disk);
  const auto call = api_.random().uuid();
  const auto tags = merged(merged(to_tags(config_.tags), to_tags(metadata)), {{request_tag, call}});
  Patience waiting(api_.clock(), config_.first_poll, config_.wait_limit,
                   "making a snapshot of " + disk.value);
  for (;;) {
    std::string made;
    try {
      made = api_.ec2(Query("CreateSnapshot")
                          .set("VolumeId", disk.value)
                          .set("Description", "slipway " + disk.value)
                          .tag_specification("snapshot", tags),
                      Repeat::once)
                 .text("snapshotId");
    } catch (const Error& error) {
      const auto* aws = dynamic_cast<const AwsError*>(&error);
      if (aws != nullptr && (aws->is("InvalidVolume") || aws->is("InvalidParameterValue")))
        throw_disk_not_found(disk);
      if (error.fault() != Fault::outcome_unknown) throw;
      waiting.pause();
    }
    const auto known = api_.pages(
        Query("DescribeSnapshots").filter(std::string("tag:") + request_tag, {call}), "snapshotSet");
    for (const auto& item : known) {
      const auto id = item.text("snapshotId");
      if (made.empty())
        made = id;
      else if (id != made)
        remove({id});
    }
    if (!made.empty()) return {made};
  }
}

void Snapshots::remove(const SnapshotCid& snapshot) {
  if (!is_ec2_id(snapshot.value, "snap")) return;
  try {
    api_.ec2(Query("DeleteSnapshot").set("SnapshotId", snapshot.value));
  } catch (const AwsError& error) {
    if (!error.is("InvalidSnapshot.NotFound") && !error.is("InvalidSnapshotID")) throw;
  }
}

}  // namespace slipway::cpi::aws
