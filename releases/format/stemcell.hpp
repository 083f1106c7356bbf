#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/archive.hpp"
#include "base/json.hpp"

namespace slipway::releases {

// stemcell.MF. Source: contracts/agent-cpi.md section 5.
struct StemcellManifest {
  std::string name, version, operating_system;
  std::string sha1;  // a multi-digest of image
  int api_version = 1;
  std::string bosh_protocol;
  std::vector<std::string> formats;
  Json cloud_properties = Json::object();
};

StemcellManifest parse_stemcell_manifest(std::string_view yaml, std::string_view source);

// Reads stemcell.MF only; stops at it, so the image is not read when the manifest is first.
StemcellManifest read_stemcell_manifest(const std::filesystem::path& tarball);

struct TakeStemcellOptions {
  std::uint64_t max_image_bytes = 20ull << 30;
  // Asked as soon as stemcell.MF has been read, when it stands before the image; false: the image is
  // not read.
  std::function<bool(const StemcellManifest&)> wanted;
};
struct TakenStemcell {
  StemcellManifest manifest;
  std::string manifest_text;
  bool has_image = false;  // false only when it was not wanted
};

// In one pass: the image is written to `image` and hashed on its way. Throws Fault::invalid; then there
// is no file. A light stemcell's image is empty and has no digest worth checking.
TakenStemcell take_stemcell(ArchiveReader& archive, const std::filesystem::path& image,
                            const TakeStemcellOptions& options = {});
StemcellManifest extract_stemcell(const std::filesystem::path& tarball, const std::filesystem::path& image,
                                  std::uint64_t max_image_bytes = 20ull << 30);

// What take_stemcell() accepts of an archive.
ArchiveLimits stemcell_limits(std::uint64_t max_image_bytes = 20ull << 30);

}  // namespace slipway::releases
