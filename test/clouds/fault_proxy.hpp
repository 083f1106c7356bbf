#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http/message.hpp"

namespace slipway::test {

// What the proxy does to one exchange.
struct NetFault {
  enum class Kind {
    none,
    delay,         // waits `delay`, then as none
    lose_request,  // closes; the cloud never hears of it
    lose_reply,    // the cloud did it; then closes without a byte
    cut_reply,     // the cloud did it; sends half of the reply and closes
    corrupt,       // the cloud did it; the reply's body is damaged, its length is right
    twice,         // the cloud gets the request twice; the second reply is passed on
    answer,        // the cloud never hears of it; `status`, `content_type` and `body` are the reply
  };
  Kind kind = Kind::none;
  std::chrono::milliseconds delay{0};
  int status = 503;
  std::string content_type = "text/xml";
  std::string body;
  // Called after the cloud replied and before a byte of that reply leaves: the moment between effect
  // and reply, for tests that kill the caller there.
  std::function<void()> after_effect;
};

struct ProxiedRequest {
  std::string method, target;
  http::Headers headers;
  std::string body;
};

// An HTTP proxy in front of a simulator, for tests of what a CPI makes of bad networks. It listens on the
// loopback, with TLS and a certificate of its own CA, and forwards to `upstream`, whose own certificate is
// not verified. Requests are handled on a thread for each connection; `faults` is asked once a request,
// from any of them.
class FaultProxy {
 public:
  using Faults = std::function<NetFault(const ProxiedRequest&)>;

  explicit FaultProxy(const std::string& upstream);  // http(s)://host:port
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  std::string url() const;  // https://127.0.0.1:PORT
  int port() const;
  const std::string& ca_pem() const;  // who trusts this trusts the proxy

  void set_faults(Faults faults);  // empty: none
  // Every request since the last call, in the order they arrived.
  std::vector<ProxiedRequest> take_requests();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::test
