#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace slipway::cpi::vsphere {

// A stemcell's image, unpacked: a tar, compressed or not, with one OVF descriptor, the disks that it refers
// to (VMDK, stream-optimised) and perhaps a manifest `.mf` of their digests. It is what `vsphere-ovf`
// stemcells hold. Source: contracts/agent-cpi.md section 5; DMTF DSP0243 for OVF.
struct OvfImage {
  std::string descriptor;
  std::map<std::string, std::filesystem::path> files;  // by the name that the descriptor gives
  std::uint64_t total_bytes = 0;                       // of all disks
};

// Unpacks `image` into `folder`. Throws cloud_error for a file that is none, for one whose descriptor names
// disks it lacks, and for digests that differ.
OvfImage unpack_image(const std::string& image, const std::filesystem::path& folder);

// The names of the files that an OVF descriptor refers to. Fault::outcome_unknown when it is no XML.
std::vector<std::string> files_of_descriptor(const std::string& descriptor);
// "SHA1(name)= hex" and "SHA256(name)= hex", a line each: name → "sha256:hex" or bare SHA-1.
std::map<std::string, std::string> parse_manifest(const std::string& text);

}  // namespace slipway::cpi::vsphere
