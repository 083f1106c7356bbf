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

// Differences of two YAML texts as the CLI shows them: what changed, and above it the keys that
// lead there. [[line, null | "added" | "removed"], …]. Source: contracts/director-api.md 1.4.
Json yaml_diff(const std::string& from, const std::string& to);

// The manifest with every value below a `properties` or `bosh` key hidden.
Json redacted(const Json& manifest);

}  // namespace slipway::director
