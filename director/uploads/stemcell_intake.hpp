#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/http/message.hpp"
#include "releases/format/stemcell.hpp"

namespace slipway::director {

// A stemcell that came with a request, as a folder of stemcell.MF and image.
//
// The tarball itself is never stored: its image is unpacked and hashed while it comes in, and neither
// read again nor flushed. That is safe against the director's death. Against the host's, which may
// lose what was not flushed, the folder notes in which boot it was made: after another one the image
// is hashed anew before it is used.
class StemcellIntake {
 public:
  using Wanted = std::function<bool(const releases::StemcellManifest&)>;

  // Fills `folder` (exists, empty). `wanted` false: the image is left out. The body is read to its end
  // in any case, so that a client can hear the answer. Fault::invalid for a bad tarball.
  static void receive(http::BodyReader& body, const std::filesystem::path& folder, const Wanted& wanted);

  // Opens what receive() has made. Fault::invalid when the image was lost with the host.
  explicit StemcellIntake(const std::filesystem::path& folder);
  const releases::StemcellManifest& manifest() const { return manifest_; }
  std::filesystem::path image() const { return folder_ / "image"; }
  bool has_image() const;

 private:
  std::filesystem::path folder_;
  releases::StemcellManifest manifest_;
};

}  // namespace slipway::director
