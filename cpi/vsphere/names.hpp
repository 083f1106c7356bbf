#pragma once

#include <algorithm>
#include <string>

namespace slipway::cpi::vsphere {

// Letters, digits, '-', '_' and '.', not first: what a cid may consist of. Any other is nothing of ours, and
// would mean something else in an inventory path or a file name.
inline bool is_plain_name(const std::string& name) {
  constexpr std::size_t longest = 80;  // of vSphere's names
  return !name.empty() && name.size() <= longest && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == '.';
         });
}

}  // namespace slipway::cpi::vsphere
