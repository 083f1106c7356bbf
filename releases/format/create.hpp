#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "releases/format/manifest.hpp"

namespace slipway::releases {

// A release directory:
//
//   config/final.yml                 name: etcd
//   jobs/<name>/spec                 name, templates, packages, properties, consumes, provides
//   jobs/<name>/monit
//   jobs/<name>/templates/…
//   jobs/<name>/properties_schema.json   if its properties are to be checked
//   packages/<name>/spec             name, dependencies, files (globs)
//   packages/<name>/packaging        runs on the compilation VM
//   src/…, blobs/…                   where the globs look, in this order
struct CreateOptions {
  std::filesystem::path directory;
  std::string version;
  std::string name;                          // empty: from config/final.yml
  std::vector<std::filesystem::path> blobs;  // folders searched besides src/ and blobs/
  std::string commit_hash = "unknown";
};

// Writes the release tarball to `out` (replaced atomically). Same input, same bytes. Throws
// Fault::invalid with all problems of the directory; then `out` is untouched.
ReleaseManifest create_release(const CreateOptions& options, const std::filesystem::path& out);

}  // namespace slipway::releases
