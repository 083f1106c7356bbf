#include "cpi/contract/redaction.hpp"

#include <algorithm>
#include <cctype>

namespace slipway::cpi {

namespace {

constexpr std::size_t shortest_secret = 6;

bool names_a_secret(std::string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* word : {"password", "passwd", "passphrase", "secret", "private_key", "token",
                           "access_key", "api_key", "credential"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

// Members whose whole subtree stays out of the log, whatever its keys are called.
bool names_a_secret_subtree(std::string_view key) {
  return key == "mbus" || key == "blobstores" || key == "blobstore";
}

void keep(const std::string& text, std::vector<std::string>& out) {
  if (text.size() < shortest_secret) return;
  out.push_back(text);
  // A PEM block is repeated line by line, or with its line ends escaped.
  std::size_t begin = 0;
  while (begin < text.size() && text.find('\n') != std::string::npos) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (end - begin >= shortest_secret) out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

void collect(const Json& value, bool secret, std::vector<std::string>& out) {
  if (value.is_string()) {
    if (secret) keep(value.get_ref<const std::string&>(), out);
  } else if (value.is_array()) {
    for (const auto& item : value) collect(item, secret, out);
  } else if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      collect(item, secret || names_a_secret(key) || key == "cert", out);
    }
  }
}

}  // namespace

Redactor::Redactor(const Json& request, const std::vector<std::string>& more) {
  collect(request, false, secrets_);
  for (const auto& secret : more) keep(secret, secrets_);
  std::sort(secrets_.begin(), secrets_.end(), [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  secrets_.erase(std::unique(secrets_.begin(), secrets_.end()), secrets_.end());
}

Json Redactor::json(const Json& value) const {
  if (value.is_string()) return text(value.get_ref<const std::string&>());
  if (value.is_array()) {
    Json out = Json::array();
    for (const auto& item : value) out.push_back(json(item));
    return out;
  }
  if (!value.is_object()) return value;
  Json out = Json::object();
  for (const auto& [key, item] : value.items()) {
    const bool hide = names_a_secret(key) || names_a_secret_subtree(key);
    out[key] = hide && !item.is_null() ? Json(std::string(mark)) : json(item);
  }
  return out;
}

std::string Redactor::text(std::string_view text) const {
  std::string out(text);
  for (const auto& secret : secrets_) {
    for (auto at = out.find(secret); at != std::string::npos; at = out.find(secret, at + mark.size())) {
      out.replace(at, secret.size(), mark);
    }
  }
  return out;
}

}  // namespace slipway::cpi
