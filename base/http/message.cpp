#include "base/http/message.hpp"

#include <algorithm>
#include <cctype>

namespace slipway::http {
namespace {

unsigned char lower(char c) {
  return static_cast<unsigned char>(std::tolower(static_cast<unsigned char>(c)));
}

}  // namespace

bool CaseInsensitive::operator()(const std::string& a, const std::string& b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return lower(x) < lower(y); });
}

std::string BodyReader::read_all(std::size_t max_bytes) {
  std::string all;
  const auto too_large = [&] {
    return BodyTooLarge("the body is larger than " + std::to_string(max_bytes) + " bytes");
  };
  if (const auto size = length(); size && *size > max_bytes) throw too_large();
  std::vector<char> chunk(std::min<std::size_t>(max_bytes + 1, 64u << 10));
  while (const auto size = read(chunk)) {
    if (size > max_bytes - all.size()) throw too_large();
    all.append(chunk.data(), size);
  }
  return all;
}

std::optional<std::string> Request::query_value(const std::string& name) const {
  const auto found = query.find(name);
  if (found == query.end()) return std::nullopt;
  return found->second;
}

const std::string& Request::path_param(const std::string& name) const {
  const auto found = path_params.find(name);
  if (found == path_params.end()) throw Error(Fault::internal, "the route has no parameter " + name);
  return found->second;
}

Json Request::json_body(std::size_t max_bytes) const {
  return parse_json(body->read_all(max_bytes), "request body", {.max_bytes = max_bytes});
}

Response Response::json(int status, const Json& value) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = dump(value)};
}

Response Response::text(int status, std::string text, const std::string& content_type) {
  return {.status = status, .headers = {{"Content-Type", content_type}}, .body = std::move(text)};
}

Response Response::empty(int status) { return {.status = status, .headers = {}, .body = std::string()}; }

Response Response::redirect(const std::string& location) {
  return {.status = 302, .headers = {{"Location", location}}, .body = std::string()};
}

}  // namespace slipway::http
