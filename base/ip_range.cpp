#include "base/ip_range.hpp"

#include <algorithm>
#include <charconv>

namespace slipway {

namespace {

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<int> small_number(std::string_view text, int max) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > max) return std::nullopt;
  return value;
}

std::uint32_t mask_of(int prefix) { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }

}  // namespace

std::string Ipv4::to_string() const {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += std::to_string((value >> shift) & 255u);
    if (shift != 0) out += '.';
  }
  return out;
}

std::optional<Ipv4> Ipv4::parse(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    const auto dot = text.find('.');
    if ((part < 3) == (dot == std::string_view::npos)) return std::nullopt;
    const auto octet = small_number(text.substr(0, dot), 255);
    if (!octet) return std::nullopt;
    value = value << 8 | static_cast<std::uint32_t>(*octet);
    if (part < 3) text.remove_prefix(dot + 1);
  }
  return Ipv4{value};
}

std::string IpRange::to_string() const {
  return first == last ? first.to_string() : first.to_string() + "-" + last.to_string();
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
  text = trim(text);
  if (text.find('/') != std::string_view::npos) {
    const auto cidr = Cidr::parse(text);
    if (!cidr) return std::nullopt;
    return cidr->range();
  }
  const auto dash = text.find('-');
  const auto first = Ipv4::parse(trim(text.substr(0, dash)));
  const auto last = dash == std::string_view::npos ? first : Ipv4::parse(trim(text.substr(dash + 1)));
  if (!first || !last || *last < *first) return std::nullopt;
  return IpRange{*first, *last};
}

IpRange Cidr::range() const { return {network, Ipv4{network.value | ~mask_of(prefix)}}; }

std::string Cidr::netmask() const { return Ipv4{mask_of(prefix)}.to_string(); }

std::string Cidr::to_string() const { return network.to_string() + "/" + std::to_string(prefix); }

std::optional<Cidr> Cidr::parse(std::string_view text) {
  text = trim(text);
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto network = Ipv4::parse(text.substr(0, slash));
  const auto prefix = small_number(text.substr(slash + 1), 32);
  if (!network || !prefix) return std::nullopt;
  return Cidr{Ipv4{network->value & mask_of(*prefix)}, *prefix};
}

IpSet::IpSet(std::vector<IpRange> ranges) : ranges_(std::move(ranges)) {
  std::sort(ranges_.begin(), ranges_.end());
  std::size_t kept = 0;
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    auto& last = ranges_[kept];
    const bool touches = ranges_[i].first <= last.last || ranges_[i].first.value == last.last.value + 1;
    if (touches) last.last = std::max(last.last, ranges_[i].last);
    else ranges_[++kept] = ranges_[i];
  }
  if (!ranges_.empty()) ranges_.resize(kept + 1);
}

const IpRange* IpSet::containing(Ipv4 ip) const {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), ip,
                                [](Ipv4 value, const IpRange& range) { return value < range.first; });
  if (after == ranges_.begin()) return nullptr;
  --after;
  return after->contains(ip) ? &*after : nullptr;
}

std::uint64_t IpSet::size() const {
  std::uint64_t total = 0;
  for (const auto& range : ranges_) total += range.size();
  return total;
}

}  // namespace slipway
