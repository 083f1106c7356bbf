#include "pks-api/identity/issuer_keys.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/http/client.hpp"
#include "base/json_text.hpp"

namespace slipway::pks {

namespace {

using std::chrono::seconds;

constexpr seconds fresh{300};         // a key that is withdrawn is not believed for longer, if the issuer is there
constexpr seconds believable{3600};   // and this long when it is away
constexpr seconds between_tries{5};   // after a failure
constexpr seconds between_searches{10};  // for ids that nobody knows: anybody can send one
constexpr std::size_t max_document_bytes = 1u << 20, max_keys = 100;
constexpr std::string_view scheme = "https://";

std::vector<Json> chosen(const std::vector<Json>& keys, const std::string& id) {
  if (id.empty()) return keys.size() == 1 ? keys : std::vector<Json>{};
  std::vector<Json> found;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(found),
               [&](const Json& key) { return key.value("kid", Json()) == Json(id); });
  return found;
}

}  // namespace

IssuerKeys::IssuerKeys(std::string issuer_url, std::string ca_pem, seconds timeout, Clock& clock)
    : issuer_url_(std::move(issuer_url)), ca_pem_(std::move(ca_pem)), timeout_(timeout), clock_(clock) {}

IssuerKeys::Snapshot IssuerKeys::known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

std::vector<Json> IssuerKeys::with_id(const std::string& id) {
  auto now = known();
  if (!now || clock_.monotonic() - now->fetched > fresh) now = refreshed(now);
  auto found = chosen(now->keys, id);
  if (!found.empty()) return found;
  {
    const std::lock_guard lock(fetching_);
    if (clock_.monotonic() < next_search_) return {};
    next_search_ = clock_.monotonic() + between_searches;
  }
  return chosen(refreshed(now)->keys, id);
}

// What is newer than `seen`, or `seen` itself while the issuer is away and it can be believed.
IssuerKeys::Snapshot IssuerKeys::refreshed(const Snapshot& seen) {
  const std::lock_guard lock(fetching_);
  const auto now = known();
  if (now != seen) return now;  // somebody else has fetched meanwhile
  if (clock_.monotonic() >= next_try_) {
    try {
      auto fetched = fetch();
      const std::lock_guard writing(mutex_);
      return known_ = std::move(fetched);
    } catch (const Error& error) {
      trouble_ = error.what();
      next_try_ = clock_.monotonic() + between_tries;
    }
  }
  if (now && clock_.monotonic() - now->fetched <= believable) return now;
  throw Error(Fault::retryable, "the keys of the token's issuer cannot be read right now: " + trouble_);
}

IssuerKeys::Snapshot IssuerKeys::fetch() const {
  auto base = issuer_url_;
  while (base.ends_with('/')) base.pop_back();
  const auto discovery = get(base + "/.well-known/openid-configuration");
  if (text_or_empty(discovery, "issuer") != issuer_url_)
    throw Error(Fault::invalid, "the document of " + issuer_url_ + " is of another issuer");
  const auto document = get(text_or_empty(discovery, "jwks_uri"));
  const auto keys = document.is_object() ? document.find("keys") : document.end();
  if (keys == document.end() || !keys->is_array() || keys->size() > max_keys)
    throw Error(Fault::invalid, "the issuer's jwks_uri has no list of at most " + std::to_string(max_keys) + " keys");
  Known known{{}, clock_.monotonic()};
  std::copy_if(keys->begin(), keys->end(), std::back_inserter(known.keys),
               [](const Json& key) { return key.is_object(); });
  return std::make_shared<const Known>(std::move(known));
}

Json IssuerKeys::get(const std::string& url) const {
  return with_context("GET " + url.substr(0, 200), [&] {
    if (!url.starts_with(scheme)) throw Error(Fault::invalid, "is no https URL");
    const auto path = std::min(url.find('/', scheme.size()), url.size());
    http::ClientConfig config;
    config.base_url = url.substr(0, path);
    config.ca_pem = ca_pem_;
    config.timeout = timeout_;
    config.max_response_bytes = max_document_bytes;
    const auto response =
        http::Client(config).send({.target = path == url.size() ? std::string("/") : url.substr(path)});
    if (response.status != 200) throw Error(Fault::retryable, "status " + std::to_string(response.status));
    return response.json();
  });
}

}  // namespace slipway::pks
