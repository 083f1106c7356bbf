#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::sql {

// "scheme://authority/path?key=value&…". Percent escapes in path and options are decoded.
// Errors never repeat the URL, because it may hold a password.
struct Url {
  std::string scheme;
  std::string host;  // the authority as it stands
  std::string path;  // with its leading slash
  std::map<std::string, std::string> options;

  static Url parse(std::string_view text);  // Fault::invalid
  std::uint64_t take_number(const std::string& key, std::uint64_t fallback, std::uint64_t min,
                            std::uint64_t max);
  void refuse_others(const std::vector<std::string>& allowed) const;  // Fault::invalid, lists what is allowed
};

}  // namespace slipway::sql
