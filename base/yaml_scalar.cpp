#include "base/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace slipway::yaml {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string without(std::string_view text, std::string_view dropped) {
  std::string out;
  for (const char c : text) {
    if (dropped.find(c) == std::string_view::npos) out += c;
  }
  return out;
}

bool consists_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view digits = "0123456789";
constexpr std::string_view digits_underscore = "0123456789_";

// null, booleans; nullopt when `text` is none of these words.
std::optional<Json> resolve_word(std::string_view text) {
  if (text == "~") return Json(nullptr);
  if (text.size() > 5) return std::nullopt;
  const auto word = lower(text);
  if (word == "null") return Json(nullptr);
  if (word == "yes" || word == "true" || word == "on") return Json(true);
  if (word == "no" || word == "false" || word == "off") return Json(false);
  return std::nullopt;
}

// `text` is clean: digits of `base` only, perhaps none.
std::optional<Json> integer(bool negative, const std::string& text, int base) {
  std::uint64_t magnitude = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, magnitude, base);
  if (error != std::errc() || stopped != end) return std::nullopt;
  if (!negative) return magnitude <= INT64_MAX ? Json(static_cast<std::int64_t>(magnitude)) : Json(magnitude);
  if (magnitude > static_cast<std::uint64_t>(INT64_MAX) + 1) return std::nullopt;
  return Json(static_cast<std::int64_t>(0 - magnitude));
}

std::optional<Json> resolve_integer(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  if (text.front() == '0') {
    const auto rest = text.substr(1);
    if (rest.empty()) return Json(0);
    if (rest.front() == 'x' && consists_of(rest.substr(1), "0123456789abcdefABCDEF_,")) {
      return integer(negative, without(rest.substr(1), "_,"), 16);
    }
    if (rest.front() == 'b' && consists_of(rest.substr(1), "01_,")) {
      return integer(negative, without(rest.substr(1), "_,"), 2);
    }
    if (consists_of(rest, "01234567_,")) return integer(negative, "0" + without(rest, "_,"), 8);
    return std::nullopt;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool separator = (text[i] == ',' || text[i] == '_') && i + 1 < text.size() && is_digit(text[i + 1]);
    if (!is_digit(text[i]) && !separator) return std::nullopt;
  }
  return integer(negative, without(text, "_,"), 10);
}

std::optional<Json> resolve_float(std::string_view text) {
  auto rest = text;
  if (rest.front() == '-' || rest.front() == '+') rest.remove_prefix(1);
  const auto dot = rest.find('.');
  if (dot == std::string_view::npos || rest.size() == 1) return std::nullopt;
  const auto whole = rest.substr(0, dot);
  if (!whole.empty() && (!is_digit(whole.front()) || !consists_of(whole, "0123456789_,"))) return std::nullopt;
  const auto fraction_and_exponent = rest.substr(dot + 1);
  const auto e = fraction_and_exponent.find_first_of("eE");
  const auto fraction = fraction_and_exponent.substr(0, e);
  if (!consists_of(fraction, digits)) return std::nullopt;
  if (e != std::string_view::npos) {
    const auto exponent = fraction_and_exponent.substr(e + 1);  // Psych wants its sign
    if (exponent.size() < 2 || (exponent.front() != '-' && exponent.front() != '+')) return std::nullopt;
    if (!consists_of(exponent.substr(1), digits)) return std::nullopt;
    if (whole.empty() && fraction.empty()) return std::nullopt;
  }
  const double value = std::strtod(without(text, "_,").c_str(), nullptr);
  if (!std::isfinite(value)) return std::nullopt;
  return Json(value);
}

// Base 60: "1:30" and "190:20:30", also with a fraction. The first part always counts
// 3600, as in Psych.
std::optional<Json> resolve_base60(std::string_view text) {
  const auto dot = text.find('.');
  if (dot != std::string_view::npos && !consists_of(text.substr(dot + 1), digits_underscore)) return std::nullopt;
  std::array<std::string_view, 3> parts;
  std::size_t count = 0;
  for (auto rest = text.substr(0, dot);;) {
    if (count == parts.size()) return std::nullopt;
    const auto colon = rest.find(':');
    parts[count++] = rest.substr(0, colon);
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (count < 2) return std::nullopt;
  auto first = parts[0];
  const bool negative = first.starts_with('-');
  if (negative || first.starts_with('+')) first.remove_prefix(1);
  if (first.empty() || !is_digit(first.front()) || !consists_of(first, digits_underscore)) return std::nullopt;
  const auto clean = without(first, "_");
  if (clean.size() > 12) return std::nullopt;
  std::int64_t total = std::strtoll(clean.c_str(), nullptr, 10) * 3600 * (negative ? -1 : 1);
  for (std::size_t i = 1; i < count; ++i) {
    const auto part = parts[i];
    const bool good = (part.size() == 1 && is_digit(part[0])) ||
                      (part.size() == 2 && part[0] >= '0' && part[0] <= '5' && is_digit(part[1]));
    if (!good) return std::nullopt;
    total += std::strtoll(std::string(part).c_str(), nullptr, 10) * (i == 1 ? 60 : 1);
  }
  if (dot == std::string_view::npos) return Json(total);
  const auto fraction = without(text.substr(dot + 1), "_");
  const double part = fraction.empty() ? 0.0 : std::strtod(("0." + fraction).c_str(), nullptr);
  return Json(static_cast<double>(total) + part * (count == 2 ? 60 : 1));
}

}  // namespace

Json resolve_plain(std::string_view text) {
  if (text.empty()) return nullptr;
  if (auto word = resolve_word(text)) return *word;
  const char first = text.front();
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    if (auto value = resolve_base60(text)) return *value;
    if (auto value = resolve_float(text)) return *value;
    if (auto value = resolve_integer(text)) return *value;
  }
  return std::string(text);
}

bool may_stand_plain(std::string_view text) {
  if (text.empty() || !(is_letter(text.front()) || text.front() == '/' || text.front() == '_')) return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool fine = is_letter(c) || is_digit(c) || std::string_view("_-./+=@()%*;, ").find(c) != std::string_view::npos ||
                      (c == ':' && text[i + 1] != ' ');
    if (!fine) return false;
  }
  const auto word = lower(text.substr(0, 6));
  if (word == "y" || word == "n") return false;
  return !resolve_word(text);
}

}  // namespace slipway::yaml
