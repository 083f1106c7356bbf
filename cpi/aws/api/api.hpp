#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/http/client.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "cpi/aws/api/aws_error.hpp"
#include "cpi/aws/api/credentials.hpp"
#include "cpi/aws/api/query.hpp"
#include "cpi/aws/api/reply.hpp"

namespace slipway::cpi::aws {

enum class Service { ec2, elb, elbv2, sts, ebs };

struct ApiConfig {
  std::string region;
  std::map<Service, std::string> endpoints;  // empty: AWS's own for the region
  std::string ca_pem;                        // empty: the system's CAs
  int max_retries = 8;                       // after the first try
  std::chrono::milliseconds first_backoff{250};
  std::chrono::milliseconds longest_backoff{15'000};
  std::chrono::seconds request_timeout{60};
};

// May the call be made again when nobody knows whether the first one was heard?
enum class Repeat {
  safe,  // it only looks, sets what it is told, or carries a client token
  once,  // a second one would make a second thing
};

// A client of AWS's services: signs, sends, reads, and tries again. Throttling and refused
// connections are tried again always, lost or unreadable replies and failures inside AWS only for
// Repeat::safe; the pauses grow, with jitter, and respect Retry-After. What is left after the last
// try comes out as AwsError or Error. No message and no log line holds a credential or a
// parameter's value. Thread-safe.
class Api {
 public:
  Api(ApiConfig config, std::shared_ptr<CredentialsSource> credentials, Clock& clock, Random& random,
      Log log);
  ~Api();

  Reply query(Service service, const Query& query, Repeat repeat = Repeat::safe) const;
  Reply ec2(const Query& query, Repeat repeat = Repeat::safe) const {
    return this->query(Service::ec2, query, repeat);
  }
  // All pages of a Describe action: `each` gets the items of `list`.
  std::vector<Reply> pages(const Query& query, const std::string& list) const;
  // EBS direct: REST with JSON. `what` names the call in errors.
  Json ebs(http::ClientRequest request, const std::string& what, Repeat repeat = Repeat::safe) const;

  // One AssumeRole with these credentials; `external_id` may be empty.
  Credentials assume_role(const std::string& role_arn, const std::string& session_name,
                          const std::string& external_id) const;

  const std::string& region() const { return config_.region; }
  Clock& clock() const { return clock_; }
  Random& random() const { return random_; }
  const Log& log() const { return log_; }

 private:
  struct Endpoint;
  const Endpoint& endpoint(Service service) const;
  http::ClientResponse exchange(Service service, const http::ClientRequest& request, const std::string& what,
                                Repeat repeat,
                                const std::function<void(const http::ClientResponse&)>& accept) const;
  http::ClientResponse send(const Endpoint& endpoint, const http::ClientRequest& request,
                            Repeat repeat) const;
  void pause(int attempt, const http::Headers& headers) const;
  [[noreturn]] void fail(const Error& error, const std::string& what) const;

  const ApiConfig config_;
  const std::shared_ptr<CredentialsSource> credentials_;
  Clock& clock_;
  Random& random_;
  const Log log_;
  std::map<Service, std::unique_ptr<Endpoint>> endpoints_;
};

// https://SERVICE.REGION.amazonaws.com, or the other domain for regions in China.
std::string default_endpoint(Service service, const std::string& region);

}  // namespace slipway::cpi::aws
