#include <doctest/doctest.h>

#include <deque>
#include <mutex>

#include "base/http/test_support.hpp"

using namespace slipway;
using namespace slipway::http;
using namespace std::chrono_literals;

namespace {

// A feed that the test fills.
class Fed final : public Feed {
 public:
  Next next(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) {
      auto first = std::move(waiting_.front());
      waiting_.pop_front();
      return {std::make_shared<const Chunk>(first), false};
    }
    if (!ended_) wake_ = std::move(wake);
    return {nullptr, ended_};
  }
  void say(const std::string& text) {
    change([&] { waiting_.push_back(text); });
  }
  void end() {
    change([&] { ended_ = true; });
  }

 private:
  template <class Change>
  void change(Change&& what) {
    std::function<void()> wake;
    {
      const std::lock_guard lock(mutex_);
      what();
      wake = std::exchange(wake_, nullptr);
    }
    if (wake) wake();
  }
  std::mutex mutex_;
  std::deque<std::string> waiting_;
  std::function<void()> wake_;
  bool ended_ = false;
};

Handler handler_of(std::shared_ptr<Fed> feed, std::chrono::seconds limit = 60s) {
  return [feed, limit](Request& request) {
    if (request.path != "/feed") return Response::text(200, "other");
    Response response;
    response.body = FeedBody{feed, limit};
    return response;
  };
}

constexpr const char* get_feed = "GET /feed HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* get_other = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace

TEST_CASE("a chunk has its frame around it and gives its content back") {
  const Chunk chunk(std::string(26, 'x'));
  CHECK(chunk.framed() == "1a\r\n" + std::string(26, 'x') + "\r\n");
  CHECK(chunk.content() == std::string(26, 'x'));
}

TEST_CASE("a feed's pieces arrive as they are made, and the connection serves on after its end") {
  const auto feed = std::make_shared<Fed>();
  Server server({}, handler_of(feed), Log::discard());
  RawClient client(server.port());
  feed->say("early\n");
  client.send(get_feed);
  CHECK(client.read_until("early\n\r\n").find("Transfer-Encoding: chunked") != std::string::npos);
  feed->say("late\n");
  CHECK(client.read_until("late\n\r\n") == "5\r\nlate\n\r\n");
  feed->end();
  CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
  client.send(get_other);
  CHECK(client.read_until("other").starts_with("HTTP/1.1 200"));
}

TEST_CASE("feeds that wait keep no thread from other requests") {
  const auto feed = std::make_shared<Fed>();
  ServerConfig config;
  config.threads = 1;
  Server server(config, handler_of(feed), Log::discard());
  RawClient first(server.port()), second(server.port());
  first.send(get_feed);
  first.read_until("\r\n\r\n");
  second.send(get_other);
  CHECK(second.read_until("other").starts_with("HTTP/1.1 200"));
}

TEST_CASE("a feed ends at its limit") {
  Server server({}, handler_of(std::make_shared<Fed>(), 0s), Log::discard());
  RawClient client(server.port());
  client.send(get_feed);
  CHECK(client.read_until("0\r\n\r\n").ends_with("\r\n\r\n0\r\n\r\n"));
}

TEST_CASE("a client of HTTP 1.0 gets a feed's bytes without frames, up to the connection's end") {
  const auto feed = std::make_shared<Fed>();
  feed->say("one\n");
  feed->say("two\n");
  feed->end();
  Server server({}, handler_of(feed), Log::discard());
  RawClient client(server.port());
  client.send("GET /feed HTTP/1.0\r\nHost: x\r\n\r\n");
  CHECK(client.read_to_end().ends_with("\r\n\r\none\ntwo\n"));
}

TEST_CASE("a server that stops ends its feeds") {
  const auto feed = std::make_shared<Fed>();
  auto server = std::make_unique<Server>(ServerConfig{}, handler_of(feed), Log::discard());
  RawClient client(server->port());
  client.send(get_feed);
  client.read_until("\r\n\r\n");
  server.reset();
  CHECK(client.read_to_end() == "0\r\n\r\n");
  feed->say("nobody is there any more");
}

TEST_CASE("a feed goes through TLS, and a client that leaves in the middle harms nobody") {
  const auto feed = std::make_shared<Fed>();
  Server server(TestPki::shared().server(), handler_of(feed), Log::discard());
  Client client(TestPki::shared().client(server.port()));
  feed->say("line\n");
  std::string got;
  const auto leave = [&](std::string_view bytes) {
    got += bytes;
    throw Error(Fault::cancelled, "enough");
  };
  CHECK_THROWS_AS(client.download({.target = "/feed"}, leave), Error);
  CHECK(got == "line\n");
  feed->end();
  CHECK(client.send({.target = "/other"}).body == "other");
}
