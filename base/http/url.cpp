#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/http/client.hpp"

namespace slipway::http {

std::string url_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const bool complete = i + 2 < text.size();
    const char* digits = text.data() + i + 1;
    if (!complete || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2)
      throw Error(Fault::invalid, "malformed percent escape in a URL");
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::multimap<std::string, std::string> parse_query(std::string_view text) {
  std::multimap<std::string, std::string> query;
  while (!text.empty()) {
    std::string pair(text.substr(0, text.find('&')));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    std::replace(pair.begin(), pair.end(), '+', ' ');
    const auto equals = std::min(pair.find('='), pair.size());
    if (pair.empty()) continue;
    query.emplace(url_decode(pair.substr(0, equals)),
                  url_decode(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return query;
}

}  // namespace slipway::http
