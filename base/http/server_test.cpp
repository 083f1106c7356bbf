#include "base/http/server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "base/http/test_support.hpp"

using namespace slipway;
using namespace slipway::http;
using namespace std::chrono_literals;

namespace {

Response echo(Request& request) {
  return Response::text(200, request.method + " " + request.path + " [" + request.client_common_name + "] " +
                                 request.body->read_all(1 << 20));
}

ServerConfig plain() { return {}; }

// A gate that a handler waits at until the test opens it.
class Gate {
 public:
  void open() { promise_.set_value(); }
  void pass() const { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

}  // namespace

TEST_CASE("a request without a body, with one and with chunks is served on one connection") {
  Server server(plain(), echo, Log::discard());
  RawClient client(server.port());
  client.send("GET /a%20b?q=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.read_until("[] ").find("GET /a b") != std::string::npos);
  client.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(client.read_until("[] hello").find("HTTP/1.1 200 OK") == 0);
  client.send(
      "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  CHECK(client.read_until("[] abcdefg").find("HTTP/1.1 200 OK") == 0);
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto both = client.read_to_end();
  CHECK(both.find("GET /1") < both.find("GET /2"));
  CHECK(both.find("Connection: close") != std::string::npos);
}

TEST_CASE("a query is decoded, and a header given twice is joined") {
  Server server(
      plain(),
      [](Request& r) {
        return Response::text(200, r.query_value("a").value_or("-") + "|" +
                                       r.query_value("none").value_or("-") + "|" + r.headers["x-h"] + "|" +
                                       r.target);
      },
      Log::discard());
  RawClient client(server.port());
  client.send("GET /p?a=b%26+c&d HTTP/1.1\r\nHost: x\r\nX-H: 1\r\nX-h: 2\r\nConnection: close\r\n\r\n");
  CHECK(client.read_to_end().ends_with("b& c|-|1, 2|/p?a=b%26+c&d"));
}

TEST_CASE("100 Continue is sent when the handler reads, and not when it refuses") {
  Server server(
      plain(),
      [](Request& r) {
        return r.path == "/read" ? Response::text(200, r.body->read_all(100)) : Response::empty(401);
      },
      Log::discard());
  RawClient reads(server.port());
  reads.send("PUT /read HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(reads.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  reads.send("ok");
  CHECK(reads.read_until("\r\n\r\nok").find("HTTP/1.1 200 OK") == 0);
  RawClient refuses(server.port());
  refuses.send("PUT /no HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(refuses.read_to_end().find("HTTP/1.1 401 Unauthorized") == 0);
}

TEST_CASE("malformed requests are 400, headers too large 431, bodies too large 413") {
  auto config = plain();
  config.max_header_bytes = 2000;
  config.max_body_bytes = 1000;
  Server server(config, echo, Log::discard());
  const auto answer = [&](const std::string& text) {
    RawClient client(server.port());
    client.send(text);
    return client.read_to_end().substr(0, 12);
  };
  CHECK(answer("rubbish\r\n\r\n") == "HTTP/1.1 400");
  CHECK(answer("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 400");
  CHECK(answer("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 400");
  CHECK(answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        "HTTP/1.1 400");
  CHECK(answer("GET / HTTP/1.1\r\nX: " + std::string(3000, 'x') + "\r\n\r\n") == "HTTP/1.1 431");
  CHECK(answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x')) ==
        "HTTP/1.1 413");
  CHECK(answer("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
               std::string(2000, 'x') + "\r\n0\r\n\r\n") == "HTTP/1.1 413");
}

TEST_CASE("a refused upload of any size still gets its answer") {
  Server server(
      plain(), [](Request&) { return Response::text(403, "no"); }, Log::discard());
  RawClient client(server.port());
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" + std::string(4'000'000, 'x'));
  CHECK(client.read_to_end().ends_with("\r\n\r\nno"));
}

TEST_CASE("a refused upload gets its answer however long it takes to arrive") {
  Server server(
      plain(), [](Request&) { return Response::text(507, "full"); }, Log::discard());
  RawClient client(server.port());
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
  for (int part = 0; part < 4; ++part) {
    std::this_thread::sleep_for(std::chrono::milliseconds{700});
    client.send(std::string(1'000'000, 'x'));
  }
  CHECK(client.read_to_end().ends_with("\r\n\r\nfull"));
}

TEST_CASE("an exception of a handler is an empty 500, or what the caller makes of it") {
  const auto fails = [](Request&) -> Response { throw Error(Fault::not_found, "the message"); };
  Server dumb(plain(), fails, Log::discard());
  Client client({.base_url = "http://127.0.0.1:" + std::to_string(dumb.port())});
  CHECK(client.send({.target = "/x"}).status == 500);
  CHECK(client.send({.target = "/x"}).body.empty());
  Server told(plain(), fails, Log::discard(),
              [](const std::exception& e) { return Response::text(404, e.what()); });
  Client other({.base_url = "http://127.0.0.1:" + std::to_string(told.port())});
  CHECK(other.send({.target = "/x"}).body == "the message");
}

TEST_CASE("a stream that fails before its first byte is a 500, one that fails later is cut") {
  Server server(
      plain(),
      [](Request& r) {
        Response response;
        const bool late = r.path == "/late";
        response.body = StreamBody([late, n = 0](std::span<char> out) mutable -> std::size_t {
          if (!late || n++ > 0) throw Error(Fault::internal, "broken");
          out[0] = 'x';
          return 1;
        });
        return response;
      },
      Log::discard());
  Client client({.base_url = "http://127.0.0.1:" + std::to_string(server.port())});
  CHECK(client.send({.target = "/early"}).status == 500);
  CHECK_THROWS_AS(client.send({.target = "/late"}), Error);
  RawClient raw(server.port());
  raw.send("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(raw.read_until("\r\n0\r\n").find("\r\n0\r\n") == std::string::npos);
}

TEST_CASE("a line break in a response header becomes a 500, not a second header") {
  Server server(
      plain(), [](Request&) { return Response::redirect("/a\r\nSet-Cookie: x=y"); }, Log::discard());
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto answer = client.read_to_end();
  CHECK(answer.find("HTTP/1.1 500") == 0);
  CHECK(answer.find("Set-Cookie") == std::string::npos);
}

TEST_CASE("a client that sends its header or body too slowly is disconnected") {
  auto config = plain();
  config.idle_timeout = 1s;
  std::atomic<int> faults{0};
  Server server(
      config,
      [&](Request& r) {
        try {
          return Response::text(200, r.body->read_all(1000));
        } catch (const Error& error) {
          if (error.fault() == Fault::cancelled) ++faults;
          throw;
        }
      },
      Log::discard());
  RawClient header(server.port());
  const auto begin = std::chrono::steady_clock::now();
  std::thread drips([&] {
    for (int i = 0; i < 6; ++i) {
      header.send(i == 0 ? "GET / HTTP/1.1\r\nX: " : "x");
      std::this_thread::sleep_for(250ms);
    }
  });
  CHECK(header.read_until("never").empty());
  CHECK(std::chrono::steady_clock::now() - begin < 1400ms);
  drips.join();

  RawClient body(server.port());
  std::thread drips_body([&] {
    body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n");
    for (int i = 0; i < 8; ++i) {
      body.send("x");
      std::this_thread::sleep_for(250ms);
    }
  });
  CHECK(body.read_until("never").empty());
  CHECK(std::chrono::steady_clock::now() - begin < 4s);
  drips_body.join();
  CHECK(faults == 1);
}

TEST_CASE("a connection costs no thread while it waits, and the pool bounds the handlers") {
  auto config = plain();
  config.threads = 2;
  std::atomic<int> now{0}, most{0};
  Server server(
      config,
      [&](Request&) {
        const int here = ++now;
        for (int seen = most; here > seen && !most.compare_exchange_weak(seen, here);) {
        }
        std::this_thread::sleep_for(20ms);
        --now;
        return Response::empty(204);
      },
      Log::discard());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(std::make_unique<RawClient>(server.port()));
  for (auto& client : clients) client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  for (auto& client : clients) CHECK(client->read_until("\r\n\r\n").find("HTTP/1.1 204") == 0);
  CHECK(most == 2);
}

TEST_CASE("connections beyond the limit wait until another ends") {
  auto config = plain();
  config.max_connections = 2;
  Server server(config, echo, Log::discard());
  auto first = std::make_unique<RawClient>(server.port());
  RawClient second(server.port()), third(server.port());
  first->send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(first->read_until("[] ") != "");
  third.send("GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  first.reset();
  CHECK(third.read_to_end().find("GET /3") != std::string::npos);
}

TEST_CASE("stop lets the running handler end, closes idle connections and refuses new ones") {
  Gate entered, leave;
  Server server(
      plain(),
      [&](Request&) {
        entered.open();
        leave.pass();
        return Response::text(200, "done");
      },
      Log::discard());
  const int port = server.port();
  RawClient busy(port), idle(port);
  busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  entered.pass();
  auto stopped = std::async(std::launch::async, [&] { server.stop(); });
  CHECK(idle.read_to_end().empty());
  CHECK(stopped.wait_for(50ms) == std::future_status::timeout);
  leave.open();
  const auto answer = busy.read_to_end();
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(answer.ends_with("done"));
  stopped.get();
  CHECK_THROWS(RawClient{port});
}

TEST_CASE("a port that is taken is a conflict, and unusable settings are invalid") {
  Server server(plain(), echo, Log::discard());
  const auto fault = [](const ServerConfig& config) {
    try {
      Server other(config, echo, Log::discard());
    } catch (const Error& error) {
      return error.fault();
    }
    return Fault::internal;
  };
  auto taken = plain();
  taken.port = server.port();
  CHECK(fault(taken) == Fault::conflict);
  CHECK(fault({.address = "not an address"}) == Fault::invalid);
  CHECK(fault({.certificate_file = "/nosuch"}) == Fault::invalid);
  auto mismatch = TestPki::shared().server();
  mismatch.private_key_file = mismatch.certificate_file;
  CHECK(fault(mismatch) == Fault::invalid);
}
