#include "cpi/aws/names.hpp"

#include <algorithm>
#include <cctype>

#include "base/digest.hpp"

namespace slipway::cpi::aws {

bool is_ec2_id(std::string_view text, std::string_view prefix) {
  constexpr std::size_t longest = 40;
  if (text.size() > longest || text.size() < prefix.size() + 2 || !text.starts_with(prefix) ||
      text[prefix.size()] != '-')
    return false;
  const auto digits = text.substr(prefix.size() + 1);
  return std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

namespace {
constexpr std::string_view token_prefix = "slipway-";
constexpr std::size_t token_digits = 40;
}  // namespace

std::string client_token(std::string_view kind, const std::string& name, int attempt) {
  const auto digest = sha256_hex(std::string(kind) + "\n" + name + "\n" + std::to_string(attempt));
  return std::string(token_prefix) + digest.substr(0, token_digits);
}

bool is_client_token(std::string_view text) {
  if (!text.starts_with(token_prefix) || text.size() != token_prefix.size() + token_digits) return false;
  text.remove_prefix(token_prefix.size());
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

Tags to_tags(const Json& object) {
  Tags tags;
  if (!object.is_object()) return tags;
  for (const auto& [key, value] : object.items()) {
    if (value.is_null()) continue;
    tags[key] = value.is_string() ? value.get<std::string>() : dump(value);
  }
  return tags;
}

Tags merged(Tags tags, const Tags& more) {
  for (const auto& [key, value] : more) tags[key] = value;
  return tags;
}

}  // namespace slipway::cpi::aws
