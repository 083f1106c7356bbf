#include "director/api/authenticator.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/tls.hpp"

namespace slipway::director {
namespace {

using namespace std::chrono_literals;

constexpr auto remembered_for = 60s;
constexpr std::size_t max_remembered = 1024;
constexpr std::size_t max_token_bytes = 16u << 10;

bool starts_with_ignoring_case(const std::string& text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  return std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  });
}

// UAA writes a list, others a text with spaces.
std::set<std::string> scopes_of(const Json& claims) {
  std::set<std::string> scopes;
  const auto found = claims.find("scope");
  if (found == claims.end()) return scopes;
  if (found->is_array()) {
    for (const auto& scope : *found)
      if (scope.is_string()) scopes.insert(scope.get<std::string>());
  } else if (found->is_string()) {
    const auto text = found->get<std::string>();
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find(' ', at), text.size());
      if (end > at) scopes.insert(text.substr(at, end - at));
      at = end + 1;
    }
  }
  return scopes;
}

std::string text_claim(const Json& claims, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    const auto found = claims.find(name);
    if (found != claims.end() && found->is_string() && !found->get_ref<const std::string&>().empty())
      return found->get<std::string>();
  }
  return "";
}

bool valid_now(const Json& claims, std::int64_t now) {
  const auto expires = claims.find("exp");
  if (expires == claims.end() || !expires->is_number() || expires->get<double>() <= static_cast<double>(now))
    return false;
  const auto not_before = claims.find("nbf");
  return not_before == claims.end() || !not_before->is_number() ||
         not_before->get<double>() <= static_cast<double>(now) + 60;
}

}  // namespace

Authenticator::Authenticator(std::vector<ApiUser> users, const std::vector<std::string>& token_keys, Clock& clock,
                             Random& random)
    : users_(std::move(users)),
      token_keys_(token_keys.begin(), token_keys.end()),
      clock_(clock),
      cache_key_(random.hex(32)) {}

Caller Authenticator::identify(const http::Request& request) {
  const auto header = request.headers.find("Authorization");
  if (header == request.headers.end()) return {};
  const auto& text = header->second;
  try {
    if (starts_with_ignoring_case(text, "basic ")) return by_password(std::string_view(text).substr(6));
    if (starts_with_ignoring_case(text, "bearer ")) return by_token(text.substr(7));
  } catch (const std::exception&) {
    // Credentials that cannot be read are no credentials.
  }
  return {};
}

Caller Authenticator::by_password(std::string_view encoded) {
  const Secret plain(base64_decode(encoded));
  const auto colon = plain.reveal().find(':');
  if (colon == std::string::npos || colon == 0) return {};
  const auto name = plain.reveal().substr(0, colon);
  const auto user = std::find_if(users_.begin(), users_.end(), [&](const ApiUser& u) { return u.name == name; });
  const auto caller = [&] { return Caller{user->name, {user->scopes.begin(), user->scopes.end()}}; };

  const auto key = hmac_sha256(cache_key_.reveal(), plain.reveal());
  const auto remembered = [&] {
    std::lock_guard lock(mutex_);
    const auto known = known_.find(key);
    return known != known_.end() && known->second.user == name && clock_.monotonic() < known->second.until;
  };
  if (user != users_.end() && remembered()) return caller();

  const Secret password(plain.reveal().substr(colon + 1));
  std::lock_guard one_at_a_time(hashing_);
  // Found out while this one waited for its turn.
  if (user != users_.end() && remembered()) return caller();
  if (user == users_.end() && hash_of_nobody_.empty()) hash_of_nobody_ = tls::hash_password(cache_key_);
  const bool right = tls::check_password(password, user == users_.end() ? hash_of_nobody_ : user->password_hash);
  if (user == users_.end() || !right) return {};
  std::lock_guard lock(mutex_);
  if (known_.size() >= max_remembered) known_.clear();
  known_[key] = {name, clock_.monotonic() + remembered_for};
  return caller();
}

Caller Authenticator::by_token(const std::string& token) const {
  if (token.size() > max_token_bytes) return {};
  const auto first = token.find('.');
  const auto second = token.find('.', first == std::string::npos ? first : first + 1);
  if (second == std::string::npos || token.find('.', second + 1) != std::string::npos) return {};
  const auto header = parse_json(base64url_decode(token.substr(0, first)), "token header");
  if (header.value("alg", "") != "RS256") return {};
  const auto signature = base64url_decode(token.substr(second + 1));
  const std::string_view message(token.data(), second);
  const bool trusted = std::any_of(token_keys_.begin(), token_keys_.end(), [&](const tls::Rs256Key& key) {
    return key.verifies(message, signature);
  });
  if (!trusted) return {};
  const auto claims = parse_json(base64url_decode(token.substr(first + 1, second - first - 1)), "token");
  if (!valid_now(claims, to_epoch_seconds(clock_.now()))) return {};
  return {text_claim(claims, {"user_name", "client_id", "sub"}), scopes_of(claims)};
}

}  // namespace slipway::director
