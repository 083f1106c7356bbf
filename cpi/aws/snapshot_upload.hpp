#pragma once

#include <cstdint>
#include <string>

#include "cpi/aws/api/api.hpp"

namespace slipway::cpi::aws {

struct SnapshotUpload {
  std::string image_path;       // a tar, compressed or not, that holds root.img: a raw disk
  std::int64_t volume_gib = 0;  // 0: as large as the disk
  bool encrypted = false;
  std::string kms_key_arn;
  std::string description;
  Tags tags;
  int threads = 8;
};

// Writes the disk into a new snapshot by the EBS direct API, streaming: blocks of 512 KiB, several at once,
// those of zeros left out. Returns the snapshot's id; it may still be pending. A failed upload deletes what
// it made. Throws CloudError for an image that holds no disk, else as AWS does.
std::string upload_snapshot(const Api& api, const SnapshotUpload& upload);

}  // namespace slipway::cpi::aws
