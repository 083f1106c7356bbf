#include "director/domain/names.hpp"

#include <cctype>

namespace slipway::director {

namespace {

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
