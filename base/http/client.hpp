#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/http/message.hpp"
#include "base/secret.hpp"

namespace slipway::http {

struct ClientConfig {
  std::string base_url;  // https://host:port
  std::string ca_pem;    // trusted CA(s); empty: the system's
  bool verify_peer = true;
  std::string client_certificate_pem;  // with its key: mutual TLS
  Secret client_private_key_pem;
  std::chrono::seconds timeout{30};  // for the whole exchange; when a body streams, without progress
  std::size_t max_response_bytes = 64u << 20;
  // cpprestsdk sends a request again when a reused connection ends before the response, even
  // one the server has read. Hence POST and PATCH get a connection of their own, unless the
  // server is known to tell a repetition.
  bool posts_may_repeat = false;
};

struct ClientRequest {
  std::string method = "GET";
  std::string target;  // path and query, already encoded
  Headers headers;
  std::string body;
  std::string body_file;                 // set: streamed from this file instead of `body`
  std::chrono::milliseconds timeout{0};  // 0: the client's, same meaning
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
  Json json() const;  // Fault::invalid
};

// Over cpprestsdk. Redirects are not followed; connections are reused. Thread-safe. Failures:
// Fault::retryable when the request never left (connect refused, name unknown),
// Fault::outcome_unknown when it may have arrived (timeout, reset), Fault::invalid for a
// server certificate that does not verify, Fault::unauthenticated when the server refuses the
// client's, Fault::exhausted for a response beyond max_response_bytes.
class Client {
 public:
  explicit Client(ClientConfig config);  // Fault::invalid for an unusable URL or certificate
  ~Client();
  ClientResponse send(const ClientRequest& request) const;
  // The response body goes chunk by chunk to `sink`, whatever its size (body stays empty);
  // statuses other than 2xx are collected in `body` instead. `sink` runs on the calling
  // thread; what it throws ends the download and comes out here.
  ClientResponse download(const ClientRequest& request,
                          const std::function<void(std::string_view)>& sink) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string url_encode(std::string_view text);  // for one path segment or query value
std::string url_decode(std::string_view text);
// What stands behind the "?" of a request's target, decoded.
std::multimap<std::string, std::string> parse_query(std::string_view text);

}  // namespace slipway::http
