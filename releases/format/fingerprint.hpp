#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::releases {

// A file on its way into a job's or package's tarball.
struct SourceFile {
  std::string name;  // inside the tarball
  std::filesystem::path path;
  bool executable = false;
};

// Hex SHA-256 over names, contents, executable bits and dependencies; the order in which files
// are given does not matter. Source: contracts/agent-cpi.md section 5 (version 2).
std::string fingerprint(std::vector<SourceFile> files, std::vector<std::string> dependencies);

// "**" matches any folders, "*" anything but "/", "?" one character but "/".
bool glob_matches(std::string_view pattern, std::string_view name);

}  // namespace slipway::releases
