#include "director/domain/names.hpp"

#include <algorithm>
#include <cctype>

namespace slipway::director {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool is_number(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

int compare_numbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

// One segment ("1.2.3"); missing trailing components count as 0.
int compare_segments(std::string_view a, std::string_view b) {
  const auto left = split(a, '.'), right = split(b, '.');
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const auto l = i < left.size() ? left[i] : std::string_view{"0"};
    const auto r = i < right.size() ? right[i] : std::string_view{"0"};
    int order = 0;
    if (is_number(l) && is_number(r)) order = compare_numbers(l, r);
    else if (is_number(l) != is_number(r)) order = is_number(l) ? -1 : 1;  // numbers stand before words
    else order = l.compare(r);
    if (order != 0) return order;
  }
  return 0;
}

struct Parts {
  std::string_view release, pre, post;
};

Parts parts_of(std::string_view version) {
  Parts parts;
  const auto plus = version.find('+');
  if (plus != std::string_view::npos) parts.post = version.substr(plus + 1);
  version = version.substr(0, plus);
  const auto dash = version.find('-');
  if (dash != std::string_view::npos) parts.pre = version.substr(dash + 1);
  parts.release = version.substr(0, dash);
  return parts;
}

constexpr std::string_view latest_suffix = ".latest";

}  // namespace

std::string canonical_name(std::string_view name) {
  std::string out;
  for (const unsigned char c : name) {
    if (std::isalnum(c) && c < 128) out += static_cast<char>(std::tolower(c));
    else if (c == '_' || c == '-') out += '-';
  }
  return out;
}

bool is_dns_label(std::string_view canonical) {
  return !canonical.empty() && canonical.size() <= 63 && canonical.front() != '-' && canonical.back() != '-';
}

std::string quoted_list(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  constexpr std::size_t shown = 20;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < shown; ++i) {
    if (i > 0) out += i + 1 == names.size() ? " and " : ", ";
    out += "'" + names[i] + "'";
  }
  if (names.size() > shown) out += " and " + std::to_string(names.size() - shown) + " more";
  return out;
}

int compare_versions(std::string_view a, std::string_view b) {
  const auto left = parts_of(a), right = parts_of(b);
  if (const int order = compare_segments(left.release, right.release)) return order;
  if (left.pre.empty() != right.pre.empty()) return left.pre.empty() ? 1 : -1;
  if (!left.pre.empty()) {
    if (const int order = compare_segments(left.pre, right.pre)) return order;
  }
  if (left.post.empty() != right.post.empty()) return left.post.empty() ? -1 : 1;
  return left.post.empty() ? 0 : compare_segments(left.post, right.post);
}

bool is_version_pattern(std::string_view wish) { return wish == "latest" || wish.ends_with(latest_suffix); }

bool version_matches(std::string_view wish, std::string_view version) {
  if (wish == "latest" || wish == version) return true;
  if (!wish.ends_with(latest_suffix)) return false;
  const auto stem = wish.substr(0, wish.size() - latest_suffix.size());
  if (!version.starts_with(stem)) return false;
  const auto rest = version.substr(stem.size());
  return rest.empty() || rest[0] == '.' || rest[0] == '-' || rest[0] == '+';
}

}  // namespace slipway::director
