#include "cpi/aws/api/credentials.hpp"

#include <mutex>

#include "base/http/client.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr std::chrono::minutes renew_before{5};
constexpr std::chrono::seconds metadata_timeout{5};
constexpr const char* roles = "/latest/meta-data/iam/security-credentials/";

http::ClientResponse ask(const http::Client& client, const http::ClientRequest& request,
                         const std::string& what) {
  auto response = client.send(request);
  if (response.status != 200) {
    throw Error(Fault::unauthenticated,
                what + ": the instance's metadata service answered " + std::to_string(response.status));
  }
  return response;
}

std::string required(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_string() && !found->get_ref<const std::string&>().empty())
    return found->get<std::string>();
  throw Error(Fault::unauthenticated, std::string("the instance's role has no ") + key);
}

}  // namespace

struct LentCredentials::State {
  Clock& clock;
  Fetch fetch;
  std::mutex mutex;
  std::optional<Credentials> held;
};

LentCredentials::LentCredentials(Clock& clock, Fetch fetch)
    : state_(new State{clock, std::move(fetch), {}, {}}) {}
LentCredentials::~LentCredentials() = default;

Credentials LentCredentials::get() {
  std::lock_guard lock(state_->mutex);
  auto& held = state_->held;
  if (!held || (held->expires && *held->expires - renew_before <= state_->clock.now()))
    held = state_->fetch();
  return *held;
}

void LentCredentials::forget() {
  std::lock_guard lock(state_->mutex);
  state_->held.reset();
}

LentCredentials::Fetch instance_profile(const std::string& endpoint) {
  return [endpoint] {
    return with_context("getting the credentials of this instance's role", [&] {
      const http::Client client(
          {.base_url = endpoint, .timeout = metadata_timeout, .max_response_bytes = 64u << 10});
      const auto token = ask(client,
                             {.method = "PUT",
                              .target = "/latest/api/token",
                              .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}}},
                             "asking for a session token");
      const http::Headers headers{{"X-aws-ec2-metadata-token", token.body}};
      auto role = ask(client, {.target = roles, .headers = headers}, "asking for the role's name").body;
      role = role.substr(0, role.find_first_of("\r\n"));
      const auto reply = ask(client, {.target = roles + http::url_encode(role), .headers = headers},
                             "asking for credentials")
                             .json();
      if (!reply.is_object())
        throw Error(Fault::unauthenticated, "the instance's metadata service sent no object");
      Credentials credentials;
      credentials.access_key_id = required(reply, "AccessKeyId");
      credentials.secret_access_key = Secret(required(reply, "SecretAccessKey"));
      credentials.session_token = Secret(required(reply, "Token"));
      credentials.expires = parse_rfc3339(required(reply, "Expiration"));
      return credentials;
    });
  };
}

}  // namespace slipway::cpi::aws
