#include "releases/format/version.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"

namespace slipway::releases {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_allowed(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
}

[[noreturn]] void refuse(std::string_view text) {
  throw Error(Fault::invalid, "version '" + std::string(text) +
                                  "' is not of the form release[-pre][+post], each made of letters, digits, '_' "
                                  "and '.', for example 1.4.2-rc.1+build.7");
}

// "8.1-dev" was written by old tools for what is now "8+dev.1".
std::string modernise(std::string_view text) {
  constexpr std::string_view suffix = "-dev";
  if (!text.ends_with(suffix)) return std::string(text);
  const auto stem = text.substr(0, text.size() - suffix.size());
  const auto dot = stem.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == stem.size()) return std::string(text);
  const auto number = stem.substr(dot + 1);
  if (!std::all_of(number.begin(), number.end(), is_digit)) return std::string(text);
  return std::string(stem.substr(0, dot)) + "+dev." + std::string(number);
}

}  // namespace

Version::Segment Version::parse_segment(std::string_view text, std::string_view whole) {
  Segment segment;
  std::size_t start = 0;
  for (;;) {
    const auto dot = text.find('.', start);
    const auto part = text.substr(start, dot == std::string_view::npos ? dot : dot - start);
    if (part.empty()) refuse(whole);
    if (std::all_of(part.begin(), part.end(), is_digit)) {
      const auto significant = std::min(part.find_first_not_of('0'), part.size() - 1);
      segment.push_back({true, std::string(part.substr(significant))});
    } else {
      segment.push_back({false, std::string(part)});
    }
    if (dot == std::string_view::npos) return segment;
    start = dot + 1;
  }
}

Version Version::parse(std::string_view text) {
  if (text.empty() || text.size() > 200) refuse(text);
  Version version;
  version.text_ = modernise(text);
  std::string_view rest = version.text_;
  const auto plus = rest.find('+');
  if (plus != std::string_view::npos) {
    const auto post = rest.substr(plus + 1);
    if (!std::all_of(post.begin(), post.end(), is_allowed)) refuse(text);
    version.post_ = parse_segment(post, text);
    rest = rest.substr(0, plus);
  }
  const auto dash = rest.find('-');
  if (dash != std::string_view::npos) {
    version.pre_ = parse_segment(rest.substr(dash + 1), text);
  }
  if (!std::all_of(rest.begin(), rest.end(), is_allowed)) refuse(text);
  version.release_ = parse_segment(rest.substr(0, dash), text);
  return version;
}

Version Version::parse_stemcell(std::string_view text) {
  std::string dotted(text);
  std::replace(dotted.begin(), dotted.end(), '_', '.');
  return parse(dotted);
}

std::string Version::major() const { return release_.front().text; }

std::strong_ordering Version::compare(const Segment& a, const Segment& b) {
  const Component zero{true, "0"};
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const auto& left = i < a.size() ? a[i] : zero;
    const auto& right = i < b.size() ? b[i] : zero;
    if (left.is_number != right.is_number) {
      return left.is_number ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    // Numbers of any length: the longer one is larger, else digits decide.
    if (left.is_number && left.text.size() != right.text.size()) return left.text.size() <=> right.text.size();
    if (const auto order = left.text <=> right.text; order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering Version::operator<=>(const Version& other) const {
  if (const auto order = compare(release_, other.release_); order != 0) return order;
  // Without a pre-release part a version comes after those with one.
  if (pre_.empty() != other.pre_.empty()) {
    return pre_.empty() ? std::strong_ordering::greater : std::strong_ordering::less;
  }
  if (const auto order = compare(pre_, other.pre_); order != 0) return order;
  if (post_.empty() != other.post_.empty()) {
    return post_.empty() ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return compare(post_, other.post_);
}

bool is_older(const std::string& a, const std::string& b) {
  const auto parse = [](const std::string& text) -> std::optional<Version> {
    try {
      return Version::parse_stemcell(text);
    } catch (const Error&) {
      return std::nullopt;
    }
  };
  const auto left = parse(a), right = parse(b);
  if (left && right) return *left < *right;
  return !left && right;
}

}  // namespace slipway::releases
