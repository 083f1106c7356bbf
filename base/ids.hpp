#pragma once

#include <compare>
#include <functional>
#include <ostream>
#include <string>

namespace slipway {

// A string that says what it names, so that a VM's id never lands where a disk's is due.
template <class Tag>
struct Id {
  std::string value;

  bool empty() const { return value.empty(); }
  auto operator<=>(const Id&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Id& id) { return out << id.value; }
};

}  // namespace slipway

template <class Tag>
struct std::hash<slipway::Id<Tag>> {
  std::size_t operator()(const slipway::Id<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.value);
  }
};
