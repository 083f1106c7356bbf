#include "releases/format/fingerprint.hpp"

#include <algorithm>

#include "base/digest.hpp"

namespace slipway::releases {

std::string fingerprint(std::vector<SourceFile> files, std::vector<std::string> dependencies) {
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::sort(dependencies.begin(), dependencies.end());
  // NUL ends each field: no name holds one, so no two lists of fields look alike.
  std::string text("v2");
  const auto field = [&](const std::string& value) { text.append(1, '\0').append(value); };
  for (const auto& file : files) {
    field(file.name);
    field(sha256_of_file(file.path));
    field(file.executable ? "100755" : "100644");
  }
  field("");
  for (const auto& dependency : dependencies) field(dependency);
  return sha256_hex(text);
}

bool glob_matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.starts_with("**/")) {
    // Any number of folders, none included.
    if (glob_matches(pattern.substr(3), name)) return true;
    const auto slash = name.find('/');
    return slash != std::string_view::npos && glob_matches(pattern, name.substr(slash + 1));
  }
  if (pattern == "**") return !name.empty();
  if (pattern.front() == '*') {
    if (glob_matches(pattern.substr(1), name)) return true;
    return !name.empty() && name.front() != '/' && glob_matches(pattern, name.substr(1));
  }
  if (name.empty()) return false;
  if (pattern.front() == '?' ? name.front() == '/' : name.front() != pattern.front()) return false;
  return glob_matches(pattern.substr(1), name.substr(1));
}

}  // namespace slipway::releases
