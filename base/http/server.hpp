#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http/message.hpp"
#include "base/log.hpp"

namespace slipway::http {

// Handlers are synchronous and run on a bounded pool. They know neither sockets nor TLS.
using Handler = std::function<Response(Request&)>;

// Routes by method and path pattern ("/tasks/{id}/output"); a "{rest*}" takes the tail.
// 404 for an unknown path, 405 for a known path with another method. HEAD without a route of
// its own goes to the one for GET. An escaped slash stays inside its segment.
class Router {
 public:
  void add(const std::string& method, const std::string& pattern, Handler handler);
  Response operator()(Request& request) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

struct ServerConfig {
  std::string address = "127.0.0.1";
  int port = 0;                  // 0: any free one, see Server::port()
  std::string certificate_file;  // PEM chain; empty: plain HTTP (tests only)
  std::string private_key_file;
  std::string client_ca_file;  // set: a client certificate is asked for and verified
  bool client_certificate_required = false;
  std::size_t threads = 8;  // requests handled at once
  std::size_t max_connections = 1024;
  std::uint64_t max_body_bytes = 10'000ull << 20;
  std::size_t max_header_bytes = 64u << 10;
  // No byte either way for so long closes the connection; a header must be complete within it,
  // and a body or a response must move 1 KiB/s on average beyond it.
  std::chrono::seconds idle_timeout{60};
};

// Starts to listen in the constructor (Fault::conflict when the port is taken, Fault::invalid
// for an unusable address or certificate). Bodies stream both ways with back-pressure; TLS 1.2
// and later; keep-alive and Expect: 100-continue (sent when the handler first reads). An
// exception that leaves a handler becomes `on_error(error)`, default: an empty 500 and a log
// line; a body beyond the limit is 413 in any case. A client that goes away shows as
// Fault::cancelled where the body is read.
class Server {
 public:
  Server(ServerConfig config, Handler handler, Log log,
         std::function<Response(const std::exception&)> on_error = {});
  ~Server();  // stop()
  int port() const;
  // No new connections; running handlers end; returns when all is closed. Not from a handler.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::http
