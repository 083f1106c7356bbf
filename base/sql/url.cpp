#include "base/sql/url.hpp"

#include <charconv>

#include "base/error.hpp"

namespace slipway::sql {
namespace {

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size() ||
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr != text.data() + i + 3 ||
        value == 0)
      throw Error(Fault::invalid, "database URL: malformed percent escape");
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

}  // namespace

Url Url::parse(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos)
    throw Error(Fault::invalid, "database URL: expected sqlite:///path or postgresql://user@host/database");
  Url url;
  url.scheme = std::string(text.substr(0, colon));
  auto rest = text.substr(colon + 3);
  std::string_view query;
  if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const auto slash = rest.find('/');
  url.host = std::string(rest.substr(0, slash));
  if (slash != std::string_view::npos) url.path = decode(rest.substr(slash));
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) throw Error(Fault::invalid, "database URL: option without a value");
    url.options[decode(pair.substr(0, equals))] = decode(pair.substr(equals + 1));
  }
  return url;
}

std::uint64_t Url::take_number(const std::string& key, std::uint64_t fallback, std::uint64_t min,
                               std::uint64_t max) {
  const auto found = options.find(key);
  if (found == options.end()) return fallback;
  const auto& text = found->second;
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < min || value > max)
    throw Error(Fault::invalid, "database URL: " + key + " must be a number from " + std::to_string(min) +
                                    " to " + std::to_string(max));
  return value;
}

void Url::refuse_others(const std::vector<std::string>& allowed) const {
  std::string list;
  for (const auto& name : allowed) list += (list.empty() ? "" : ", ") + name;
  for (const auto& [key, value] : options) {
    bool known = false;
    for (const auto& name : allowed) known = known || name == key;
    if (!known) throw Error(Fault::invalid, "database URL: unknown option " + key + ", allowed: " + list);
  }
}

}  // namespace slipway::sql
