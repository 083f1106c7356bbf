#include "cpi/aws/api/api.hpp"

#include <algorithm>
#include <charconv>

namespace slipway::cpi::aws {

namespace {

// 2016-11-15 and so on are the versions of the interfaces, as AWS numbers them.
struct Kind {
  Service service;
  const char* host;
  const char* signing_name;
  const char* version;
};
constexpr Kind kinds[] = {
    {Service::ec2, "ec2", "ec2", "2016-11-15"},
    {Service::elb, "elasticloadbalancing", "elasticloadbalancing", "2012-06-01"},
    {Service::elbv2, "elasticloadbalancing", "elasticloadbalancing", "2015-12-01"},
    {Service::sts, "sts", "sts", "2011-06-15"},
    {Service::ebs, "ebs", "ebs", ""},
};

const Kind& kind_of(Service service) {
  return *std::find_if(std::begin(kinds), std::end(kinds),
                       [&](const Kind& kind) { return kind.service == service; });
}

std::string host_of(const std::string& url) {
  const auto start = url.find("://");
  const auto host = start == std::string::npos ? url : url.substr(start + 3);
  return host.substr(0, host.find('/'));
}

void replace_all(std::string& text, const std::string& secret) {
  if (secret.size() < 6) return;
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
    text.replace(at, secret.size(), "<redacted>");
}

}  // namespace

std::string default_endpoint(Service service, const std::string& region) {
  return std::string("https://") + kind_of(service).host + "." + region +
         (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

struct Api::Endpoint {
  const Kind& kind;
  std::string host;
  // Two, because a reused connection that ends early makes the HTTP library send again.
  http::Client reusing, fresh;

  Endpoint(const Kind& of, const std::string& url, const ApiConfig& config)
      : kind(of), host(host_of(url)), reusing(client(url, config, true)), fresh(client(url, config, false)) {}

  static http::ClientConfig client(const std::string& url, const ApiConfig& config, bool reuse) {
    return {.base_url = url,
            .ca_pem = config.ca_pem,
            .timeout = config.request_timeout,
            .posts_may_repeat = reuse};
  }
};

Api::Api(ApiConfig config, std::shared_ptr<CredentialsSource> credentials, Clock& clock, Random& random,
         Log log)
    : config_(std::move(config)),
      credentials_(std::move(credentials)),
      clock_(clock),
      random_(random),
      log_(std::move(log)) {
  for (const auto& kind : kinds) {
    const auto found = config_.endpoints.find(kind.service);
    const auto url = found == config_.endpoints.end() || found->second.empty()
                         ? default_endpoint(kind.service, config_.region)
                         : found->second;
    endpoints_[kind.service] = std::make_unique<Endpoint>(kind, url, config_);
  }
}

Api::~Api() = default;

const Api::Endpoint& Api::endpoint(Service service) const { return *endpoints_.at(service); }

http::ClientResponse Api::send(const Endpoint& endpoint, const http::ClientRequest& request,
                               Repeat repeat) const {
  UnsignedRequest to_sign{.method = request.method, .headers = request.headers, .body = request.body};
  const auto question = request.target.find('?');
  to_sign.path = request.target.substr(0, question);
  if (question != std::string::npos) to_sign.query = request.target.substr(question + 1);
  to_sign.headers["Host"] = endpoint.host;
  sign(to_sign, credentials_->get(), {config_.region, endpoint.kind.signing_name}, clock_.now());
  auto message = request;
  message.headers = to_sign.headers;
  // The library writes the same one; given one, it would expect the port in the certificate's name too.
  message.headers.erase("Host");
  return (repeat == Repeat::safe ? endpoint.reusing : endpoint.fresh).send(message);
}

// Between half and the whole of a time that doubles, so that many callers do not come back together.
void Api::pause(int attempt, const http::Headers& headers) const {
  auto longest = config_.first_backoff * (std::int64_t{1} << std::min(attempt, 16));
  longest = std::min<std::chrono::milliseconds>(longest, config_.longest_backoff);
  auto wait = longest / 2 +
              std::chrono::milliseconds(random_.below(static_cast<std::uint64_t>(longest.count() / 2 + 1)));
  if (const auto after = headers.find("Retry-After"); after != headers.end()) {
    int seconds = 0;
    std::from_chars(after->second.data(), after->second.data() + after->second.size(), seconds);
    wait = std::clamp<std::chrono::milliseconds>(std::chrono::seconds(seconds), wait,
                                                 std::max(wait, config_.longest_backoff));
  }
  clock_.sleep_for(wait);
}

// Some of AWS's errors repeat the request's headers, the session token among them.
void Api::fail(const Error& error, const std::string& what) const {
  std::string message = error.what();
  try {
    const auto held = credentials_->get();
    replace_all(message, held.secret_access_key.reveal());
    replace_all(message, held.session_token.reveal());
  } catch (const Error&) {
    // Without credentials there is none to hide.
  }
  if (const auto* aws = dynamic_cast<const AwsError*>(&error))
    throw AwsError(aws->fault(), aws->status(), aws->aws_code(), message);
  throw Error(error.fault(), message.starts_with(what) ? message : what + ": " + message);
}

http::ClientResponse Api::exchange(Service service, const http::ClientRequest& request,
                                   const std::string& what, Repeat repeat,
                                   const std::function<void(const http::ClientResponse&)>& accept) const {
  const auto& to = endpoint(service);
  bool renewed = false;
  for (int attempt = 0;; ++attempt) {
    http::Headers headers;
    const auto started = clock_.monotonic();
    try {
      const auto response = send(to, request, repeat);
      headers = response.headers;
      log_.debug("aws.call",
                 {{"action", what},
                  {"status", std::to_string(response.status)},
                  {"ms", std::to_string((clock_.monotonic() - started) / std::chrono::milliseconds(1))}});
      if (response.status / 100 != 2) throw read_error(response, what);
      try {
        accept(response);
      } catch (const Error& error) {
        throw Error(Fault::outcome_unknown, what + ": " + error.what());
      }
      return response;
    } catch (const Error& error) {
      const auto* aws = dynamic_cast<const AwsError*>(&error);
      if (!renewed && aws != nullptr && (aws->is("ExpiredToken") || aws->is("RequestExpired"))) {
        renewed = true;
        credentials_->forget();
        continue;
      }
      const bool again = error.fault() == Fault::retryable ||
                         (error.fault() == Fault::outcome_unknown && repeat == Repeat::safe);
      if (!again || attempt >= config_.max_retries) fail(error, what);
      log_.warn("aws.retry", {{"action", what},
                              {"attempt", std::to_string(attempt + 1)},
                              {"code", aws == nullptr ? "" : aws->aws_code()}});
    }
    pause(attempt, headers);
  }
}

Reply Api::query(Service service, const Query& query, Repeat repeat) const {
  http::ClientRequest request{.method = "POST", .target = "/", .body = query.body(kind_of(service).version)};
  request.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8";
  Reply reply;
  exchange(service, request, query.action(), repeat, [&](const http::ClientResponse& response) {
    reply = Reply::parse(response.body);
    if (reply.name() != query.action() + "Response")
      throw Error(Fault::invalid, "the reply is not one to " + query.action());
  });
  return reply;
}

std::vector<Reply> Api::pages(const Query& query, const std::string& list) const {
  std::vector<Reply> all;
  std::string next;
  do {
    auto page = query;
    page.set_if("NextToken", next);
    const auto reply = ec2(page);
    for (const auto& item : reply.items(list)) all.push_back(item);
    const auto token = reply.text("nextToken");
    if (!token.empty() && token == next)
      throw Error(Fault::internal, query.action() + ": the same page came twice");
    next = token;
  } while (!next.empty());
  return all;
}

Json Api::ebs(http::ClientRequest request, const std::string& what, Repeat repeat) const {
  Json json;
  exchange(Service::ebs, request, what, repeat, [&](const http::ClientResponse& response) {
    json = response.body.empty() ? Json(Json::object()) : response.json();
    if (!json.is_object()) throw Error(Fault::invalid, "the reply is no object");
  });
  return json;
}

Credentials Api::assume_role(const std::string& role_arn, const std::string& session_name,
                             const std::string& external_id) const {
  const auto reply = query(Service::sts, Query("AssumeRole")
                                             .set("RoleArn", role_arn)
                                             .set("RoleSessionName", session_name)
                                             .set("DurationSeconds", 3600)
                                             .set_if("ExternalId", external_id));
  const auto given = reply.at("AssumeRoleResult/Credentials");
  Credentials credentials;
  credentials.access_key_id = given.text("AccessKeyId");
  credentials.secret_access_key = Secret(given.text("SecretAccessKey"));
  credentials.session_token = Secret(given.text("SessionToken"));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(Fault::unauthenticated, "AssumeRole: the reply holds no credentials");
  }
  const auto expires = given.text("Expiration");
  if (!expires.empty()) credentials.expires = parse_rfc3339(expires);
  return credentials;
}

}  // namespace slipway::cpi::aws
