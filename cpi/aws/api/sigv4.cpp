#include "cpi/aws/api/sigv4.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/digest.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr const char* algorithm = "AWS4-HMAC-SHA256";

// 20150830T123600Z
std::string amz_date(Timestamp now) {
  auto text = to_rfc3339(now);  // 2015-08-30T12:36:00Z
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// No blank at either end, and one where there were many.
std::string trimmed(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string sorted_query(const std::string& query) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < query.size();) {
    const auto end = std::min(query.find('&', at), query.size());
    auto part = query.substr(at, end - at);
    if (part.find('=') == std::string::npos) part += '=';
    parts.push_back(part);
    at = end + 1;
  }
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : "&") + part;
  return out;
}

void require_plain_path(const std::string& path) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_.~/").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!path.empty() && path[0] == '/' && std::all_of(path.begin(), path.end(), plain)) return;
  throw Error(Fault::invalid,
              "the path '" + path + "' cannot be signed: only letters, digits and -_.~/ are allowed");
}

}  // namespace

void sign(UnsignedRequest& request, const Credentials& credentials, const SigningScope& scope,
          Timestamp now) {
  require_plain_path(request.path);
  const auto date = amz_date(now);
  const auto day = date.substr(0, date.find('T'));
  request.headers["X-Amz-Date"] = date;
  if (!credentials.session_token.empty())
    request.headers["X-Amz-Security-Token"] = credentials.session_token.reveal();

  std::string headers, names;
  // The map is sorted without regard to case already, which is the order asked for.
  for (const auto& [name, value] : request.headers) {
    headers += lower(name) + ":" + trimmed(value) + "\n";
    names += (names.empty() ? "" : ";") + lower(name);
  }
  const auto canonical = request.method + "\n" + request.path + "\n" + sorted_query(request.query) + "\n" +
                         headers + "\n" + names + "\n" + sha256_hex(request.body);
  const auto place = day + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const auto to_sign = std::string(algorithm) + "\n" + date + "\n" + place + "\n" + sha256_hex(canonical);

  const Secret start("AWS4" + credentials.secret_access_key.reveal());
  auto key = hmac_sha256(start.reveal(), day);
  for (const auto& part : {scope.region, scope.service, std::string("aws4_request")})
    key = hmac_sha256(key, part);
  request.headers["Authorization"] = std::string(algorithm) + " Credential=" + credentials.access_key_id +
                                     "/" + place + ", SignedHeaders=" + names +
                                     ", Signature=" + hex_encode(hmac_sha256(key, to_sign));
}

}  // namespace slipway::cpi::aws
