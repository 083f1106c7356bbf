#include "test/clouds/fault_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>

#include "base/http/client.hpp"
#include "base/http/server.hpp"

using namespace slipway;
using slipway::test::FaultProxy;
using slipway::test::NetFault;
using Kind = NetFault::Kind;

namespace {

// A cloud that counts, and a client that trusts the proxy in front of it.
struct World {
  std::atomic<int> effects{0};
  http::Server cloud{{},
                     [this](http::Request& request) {
                       ++effects;
                       return http::Response::text(200, "<ok>" + request.method + " " + request.target + " " +
                                                            request.body->read_all(1 << 20) + "</ok>");
                     },
                     Log::discard()};
  FaultProxy proxy{"http://127.0.0.1:" + std::to_string(cloud.port())};
  http::Client client{
      {.base_url = proxy.url(), .ca_pem = proxy.ca_pem(), .timeout = std::chrono::seconds(20)}};

  http::ClientResponse post() { return client.send({.method = "POST", .target = "/a?b=c", .body = "hello"}); }
  Fault fault_of_post() {
    try {
      post();
    } catch (const Error& error) {
      return error.fault();
    }
    FAIL("no error");
    return Fault::internal;
  }
  void do_to_all(NetFault fault) {
    proxy.set_faults([fault](const test::ProxiedRequest&) { return fault; });
  }
};

}  // namespace

TEST_CASE("without a fault the proxy passes method, target, body and reply on") {
  World world;
  CHECK(world.post().body == "<ok>POST /a?b=c hello</ok>");
  const auto seen = world.proxy.take_requests();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].target == "/a?b=c");
  CHECK(seen[0].body == "hello");
  CHECK(world.proxy.take_requests().empty());
}

TEST_CASE("a lost request has no effect, a lost or cut reply has one, and the caller sees no reply") {
  World world;
  world.do_to_all({.kind = Kind::lose_request});
  CHECK(world.fault_of_post() == Fault::outcome_unknown);
  CHECK(world.effects == 0);
  world.do_to_all({.kind = Kind::lose_reply});
  CHECK(world.fault_of_post() == Fault::outcome_unknown);
  CHECK(world.effects == 1);
  world.do_to_all({.kind = Kind::cut_reply});
  CHECK(world.fault_of_post() == Fault::outcome_unknown);
  CHECK(world.effects == 2);
}

TEST_CASE("a request sent twice has two effects and one reply") {
  World world;
  world.do_to_all({.kind = Kind::twice});
  CHECK(world.post().status == 200);
  CHECK(world.effects == 2);
}

TEST_CASE("a corrupt reply keeps its length and nothing else") {
  World world;
  const auto good = world.post().body;
  world.do_to_all({.kind = Kind::corrupt});
  const auto bad = world.post().body;
  CHECK(bad.size() == good.size());
  CHECK(bad != good);
}

TEST_CASE("an answer of the proxy's own never reaches the cloud") {
  World world;
  world.do_to_all({.kind = Kind::answer, .status = 503, .body = "busy"});
  const auto reply = world.post();
  CHECK(reply.status == 503);
  CHECK(reply.body == "busy");
  CHECK(world.effects == 0);
}

TEST_CASE("between effect and reply the test has a moment of its own") {
  World world;
  int effects_then = -1;
  world.do_to_all({.after_effect = [&] { effects_then = world.effects; }});
  CHECK(world.post().status == 200);
  CHECK(effects_then == 1);
}

TEST_CASE("who does not trust the proxy's CA is not served") {
  World world;
  const http::Client stranger({.base_url = world.proxy.url()});
  CHECK_THROWS_AS(stranger.send({.target = "/"}), Error);
  CHECK(world.effects == 0);
}
