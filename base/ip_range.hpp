#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

// An IPv4 address as a number, so that "the lowest free one" is arithmetic.
struct Ipv4 {
  std::uint32_t value = 0;

  auto operator<=>(const Ipv4&) const = default;
  std::string to_string() const;

  // Dotted decimal without leading zeros; nothing else (no "10.1", no "010.0.0.1").
  static std::optional<Ipv4> parse(std::string_view text);
};

// Both ends belong to it.
struct IpRange {
  Ipv4 first, last;

  auto operator<=>(const IpRange&) const = default;
  std::uint64_t size() const { return std::uint64_t{last.value} - first.value + 1; }
  bool contains(Ipv4 ip) const { return first <= ip && ip <= last; }
  bool contains(const IpRange& other) const { return first <= other.first && other.last <= last; }
  bool overlaps(const IpRange& other) const { return first <= other.last && other.first <= last; }
  std::string to_string() const;

  // "10.0.0.7", "10.0.0.2-10.0.0.9" (blanks allowed), or "10.0.0.0/28".
  static std::optional<IpRange> parse(std::string_view text);
};

// "10.0.0.0/24". The host bits of the text are cut off, as operators write gateways too.
struct Cidr {
  Ipv4 network;
  int prefix = 32;

  auto operator<=>(const Cidr&) const = default;
  IpRange range() const;
  std::string netmask() const;
  std::string to_string() const;

  static std::optional<Cidr> parse(std::string_view text);
};

// Sorted, merged ranges: membership costs a binary search.
class IpSet {
 public:
  IpSet() = default;
  explicit IpSet(std::vector<IpRange> ranges);

  bool contains(Ipv4 ip) const { return containing(ip) != nullptr; }
  const IpRange* containing(Ipv4 ip) const;  // nullptr when none does
  bool empty() const { return ranges_.empty(); }
  std::uint64_t size() const;
  const std::vector<IpRange>& ranges() const { return ranges_; }

 private:
  std::vector<IpRange> ranges_;
};

}  // namespace slipway
