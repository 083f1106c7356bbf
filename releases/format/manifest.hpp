#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::releases {

struct ReleaseJob {
  std::string name, version, fingerprint;
  std::string sha1;  // a multi-digest of jobs/<name>.tgz
};

struct ReleasePackage {
  std::string name, version, fingerprint;
  std::string sha1;  // a multi-digest of packages/<name>.tgz or compiled_packages/<name>.tgz
  std::vector<std::string> dependencies;
  std::string stemcell;  // compiled packages only: "os/version"
};

// release.MF. Source: contracts/agent-cpi.md section 5.
struct ReleaseManifest {
  std::string name, version, commit_hash;
  bool uncommitted_changes = false;
  bool compiled = false;  // `packages` were listed as compiled_packages
  std::vector<ReleaseJob> jobs;
  std::vector<ReleasePackage> packages;
};

// Fault::invalid with all problems: names, versions, duplicates, digests, unknown and cyclic
// dependencies.
ReleaseManifest parse_release_manifest(std::string_view yaml, std::string_view source);
std::string to_yaml(const ReleaseManifest& manifest);

// Dependencies before dependants, else by name. Fault::invalid naming the cycle.
std::vector<std::string> dependency_order(const std::map<std::string, std::vector<std::string>>& packages);

}  // namespace slipway::releases
