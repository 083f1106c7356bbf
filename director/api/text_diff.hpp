#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::director {

enum class LineStatus { same, added, removed };
struct DiffLine {
  std::string text;
  LineStatus status = LineStatus::same;
};

// The shortest edit from one list of lines to the other; when they have very little in common,
// everything removed and everything added. Time grows with size times difference, bounded.
std::vector<DiffLine> diff_lines(const std::vector<std::string>& from, const std::vector<std::string>& to);

// Differences of two YAML documents as the CLI shows them: what changed, and above it the keys that
// lead there. [[line, null | "added" | "removed"], …]. Empty text is no document. `redact` hides
// every value below a `properties` or `bosh` key; one that changed is shown as removed and added.
// `what` names the documents in errors. Throws Fault::invalid on text that is no YAML.
Json document_diff(const std::string& from, const std::string& to, const std::string& what, bool redact = false);

}  // namespace slipway::director
