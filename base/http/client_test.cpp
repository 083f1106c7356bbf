#include "base/http/client.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <thread>

#include "base/http/test_support.hpp"

using namespace slipway;
using namespace slipway::http;
using namespace std::chrono_literals;

namespace {

Response describe(Request& request) {
  auto response = Response::text(request.path == "/missing" ? 404 : 200,
                                 request.method + " " + request.target + " [" + request.client_common_name +
                                     "] " + request.body->read_all(1 << 20));
  response.headers["X-Seen"] = request.headers["X-Given"];
  return response;
}

Fault fault_of(const std::function<void()>& action, std::string* message = nullptr) {
  try {
    action();
  } catch (const Error& error) {
    if (message) *message = error.what();
    return error.fault();
  }
  FAIL("nothing was thrown");
  return Fault::internal;
}

// A listening socket that never speaks.
struct Mute {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  int port = 0;
  Mute() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(socket, 8);
    socklen_t size = sizeof(address);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  ~Mute() { ::close(socket); }
};

std::string url(int port) { return "http://127.0.0.1:" + std::to_string(port); }

}  // namespace

TEST_CASE("a request goes and its answer comes over TLS with a pinned CA") {
  const auto& pki = TestPki::shared();
  Server server(pki.server(), describe, Log::discard());
  Client client(pki.client(server.port()));
  const auto response = client.send(
      {.method = "PUT", .target = "/a%20b/c?x=%2F&y=1", .headers = {{"X-Given", "v"}}, .body = "text"});
  CHECK(response.status == 200);
  CHECK(response.body == "PUT /a%20b/c?x=%2F&y=1 [] text");
  CHECK(response.headers.at("x-seen") == "v");
  CHECK(client.send({.target = "/missing"}).status == 404);
  CHECK(client.send({.method = "HEAD", .target = "/"}).body.empty());
  CHECK(client.send({.method = "POST", .target = "/p", .body = "1"}).body == "POST /p [] 1");
  CHECK(client.send({.method = "DELETE", .target = "/d"}).body == "DELETE /d [] ");
}

TEST_CASE("a server certificate of another CA or for another name does not verify") {
  const auto& pki = TestPki::shared();
  Server server(pki.server(), describe, Log::discard());
  auto config = pki.client(server.port());
  config.ca_pem = "";
  CHECK(fault_of([&] { Client(config).send({}); }) == Fault::invalid);
  config.verify_peer = false;
  CHECK(Client(config).send({}).status == 200);
  auto elsewhere = pki.client(server.port());
  elsewhere.base_url = "https://127.0.0.2:" + std::to_string(server.port());
  auto everywhere = pki.server();
  everywhere.address = "127.0.0.2";
  Server other(everywhere, describe, Log::discard());
  elsewhere.base_url = "https://127.0.0.2:" + std::to_string(other.port());
  CHECK(fault_of([&] { Client(elsewhere).send({}); }) == Fault::invalid);
}

TEST_CASE("a client certificate names its owner; none or a foreign one is refused where it is required") {
  const auto& pki = TestPki::shared();
  Server strict(pki.server_that_knows_clients(true), describe, Log::discard());
  CHECK(Client(pki.known_client(strict.port())).send({.target = "/"}).body == "GET / [worker] ");
  CHECK(fault_of([&] { Client(pki.client(strict.port())).send({}); }) == Fault::unauthenticated);
  CHECK(fault_of([&] { Client(pki.foreign_client(strict.port())).send({}); }) == Fault::unauthenticated);
  Server lenient(pki.server_that_knows_clients(false), describe, Log::discard());
  CHECK(Client(pki.known_client(lenient.port())).send({.target = "/"}).body == "GET / [worker] ");
  CHECK(Client(pki.client(lenient.port())).send({.target = "/"}).body == "GET / [] ");
  CHECK(fault_of([&] { Client(pki.foreign_client(lenient.port())).send({}); }) == Fault::unauthenticated);
}

TEST_CASE("a request that never left is retryable, one that may have arrived has an unknown outcome") {
  CHECK(fault_of([&] { Client({.base_url = "http://127.0.0.1:1"}).send({}); }) == Fault::retryable);
  CHECK(fault_of([&] { Client({.base_url = "http://nosuch.invalid"}).send({}); }) == Fault::retryable);
  Mute mute;
  const auto begin = std::chrono::steady_clock::now();
  CHECK(fault_of([&] { Client({.base_url = url(mute.port)}).send({.timeout = 200ms}); }) ==
        Fault::outcome_unknown);
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  std::string message;
  CHECK(
      fault_of(
          [&] { Client({.base_url = url(mute.port)}).send({.target = "/p?token=hunter2", .timeout = 50ms}); },
          &message) == Fault::outcome_unknown);
  CHECK(message.find("hunter2") == std::string::npos);
}

TEST_CASE("a POST that a dying server has read is not sent again, on whatever connection") {
  Mute mute;
  std::atomic<int> seen{0};
  std::thread server([&] {
    for (int connection = 0; connection < 2; ++connection) {
      const int peer = ::accept(mute.socket, nullptr, nullptr);
      char buffer[4096];
      if (::recv(peer, buffer, sizeof(buffer), 0) > 0 && ++seen == 1) {
        const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        ::send(peer, ok.data(), ok.size(), MSG_NOSIGNAL);
        if (::recv(peer, buffer, sizeof(buffer), 0) > 0) ++seen;
      }
      ::close(peer);
    }
  });
  Client client({.base_url = url(mute.port)});
  CHECK(client.send({.method = "POST", .target = "/1"}).status == 200);
  CHECK(fault_of([&] { client.send({.method = "POST", .target = "/2"}); }) == Fault::outcome_unknown);
  server.join();
  CHECK(seen == 2);
}

// cpprestsdk puts a connection back a moment after the response is there, so that a quick
// caller may need a second one.
TEST_CASE("requests that may be repeated share a few connections") {
  Mute mute;
  std::atomic<int> connections{0};
  std::vector<std::thread> peers;
  std::thread server([&] {
    for (int peer = 0; (peer = ::accept(mute.socket, nullptr, nullptr)) >= 0;) {
      ++connections;
      peers.emplace_back([peer] {
        const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        char buffer[4096];
        while (::recv(peer, buffer, sizeof(buffer), 0) > 0) ::send(peer, ok.data(), ok.size(), MSG_NOSIGNAL);
        ::close(peer);
      });
    }
  });
  {
    Client client({.base_url = url(mute.port)});
    for (int i = 0; i < 50; ++i) CHECK(client.send({}).status == 200);
  }
  ::shutdown(mute.socket, SHUT_RDWR);
  server.join();
  for (auto& peer : peers) peer.join();
  CHECK(connections < 25);
}

TEST_CASE("a redirect is answered as it is") {
  Server server(
      {}, [](Request&) { return Response::redirect("/elsewhere"); }, Log::discard());
  const auto response = Client({.base_url = url(server.port())}).send({.target = "/x"});
  CHECK(response.status == 302);
  CHECK(response.headers.at("Location") == "/elsewhere");
}

TEST_CASE("a response beyond the limit is refused, and a sink that throws ends its download") {
  Server server(
      {}, [](Request& r) { return Response::text(r.path == "/no" ? 404 : 200, std::string(300'000, 'x')); },
      Log::discard());
  Client small({.base_url = url(server.port()), .max_response_bytes = 1000});
  CHECK(fault_of([&] { small.send({.target = "/"}); }) == Fault::exhausted);
  std::size_t size = 0;
  CHECK(small.download({.target = "/"}, [&](std::string_view piece) { size += piece.size(); }).body.empty());
  CHECK(size == 300'000);
  CHECK(fault_of([&] { small.download({.target = "/no"}, [](std::string_view) {}); }) == Fault::exhausted);
  CHECK(fault_of([&] {
          small.download({.target = "/"},
                         [](std::string_view) { throw Error(Fault::exhausted, "disk full"); });
        }) == Fault::exhausted);
  Client large({.base_url = url(server.port())});
  CHECK(large.download({.target = "/no"}, [](std::string_view) { FAIL("called"); }).body.size() == 300'000);
}

TEST_CASE("unusable settings and requests are invalid") {
  CHECK(fault_of([] { Client({.base_url = "no url"}); }) == Fault::invalid);
  CHECK(fault_of([] { Client({.base_url = "https://x", .ca_pem = "rubbish"}); }) == Fault::invalid);
  CHECK(fault_of([] { Client({.base_url = "https://x", .client_certificate_pem = "rubbish"}); }) ==
        Fault::invalid);
  Client client({.base_url = "http://127.0.0.1:1"});
  CHECK(fault_of([&] { client.send({.headers = {{"X", "a\r\nY: b"}}}); }) == Fault::invalid);
  CHECK(fault_of([&] { client.send({.body_file = "/nosuch"}); }) == Fault::not_found);
}
