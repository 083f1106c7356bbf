#include "director/blobstore/blob_handler.hpp"

#include <doctest/doctest.h>
#include <thread>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/http/test_support.hpp"

using namespace slipway;
using namespace slipway::director;

namespace blob_handler_test {

namespace {

struct Fixture {
  TempDir folder;
  SystemRandom random;
  ManualClock clock;
  Blobstore blobs{folder.path() / "blobs", random};
  BlobHandler handler{blobs, {"agent", Secret("p:w"), Secret("sign")}, clock};
  http::Server server{{}, std::ref(handler), Log::discard()};
  http::Client client{{.base_url = "http://127.0.0.1:" + std::to_string(server.port())}};

  http::ClientResponse call(const std::string& method, const std::string& target,
                            const std::string& body = {}, const std::string& credentials = "agent:p:w") {
    http::Headers headers;
    if (!credentials.empty()) headers["Authorization"] = "Basic " + base64_encode(credentials);
    return client.send({.method = method, .target = target, .headers = headers, .body = body});
  }
  int open_call(const std::string& method, const std::string& target, const std::string& body = {}) {
    return call(method, target, body, "").status;
  }
  static std::string target(const std::string& id) { return "/" + Blobstore::place(BlobId{id}); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an agent stores, reads and deletes a blob with its password") {
  CHECK(call("PUT", target("b1"), "hello").status == 201);
  CHECK(call("PUT", target("b1"), "hello").status == 204);
  CHECK(call("PUT", target("b1"), "other").status == 409);
  CHECK(call("GET", target("b1")).body == "hello");
  const auto head = call("HEAD", target("b1"));
  CHECK(head.status == 200);
  CHECK(head.headers.at("Content-Length") == "5");
  const auto part = client.send(
      {.target = target("b1"),
       .headers = {{"Authorization", "Basic " + base64_encode("agent:p:w")}, {"Range", "bytes=1-2"}}});
  CHECK(part.status == 206);
  CHECK(part.body == "el");
  CHECK(call("DELETE", target("b1")).status == 204);
  CHECK(call("GET", target("b1")).status == 404);
  CHECK(call("POST", target("b1"), "x").status == 405);
  CHECK(call("PUT", target("empty")).status == 201);
}

TEST_CASE_FIXTURE(Fixture, "without the right password nothing is read or written") {
  for (const std::string credentials : {"", "agent", "agent:", "agent:p:w2", "admin:p:w", "agent:p"}) {
    CAPTURE(credentials);
    const auto response = call("PUT", target("b1"), "hello", credentials);
    CHECK(response.status == 401);
    CHECK(response.headers.at("WWW-Authenticate") == "Basic realm=\"blobstore\"");
    CHECK(call("GET", target("b1"), "", credentials).status == 401);
  }
  for (const std::string header : {"Basic", "Basic !!!", "Bearer x", "basic"})
    CHECK(client.send({.target = target("b1"), .headers = {{"Authorization", header}}}).status == 401);
  CHECK(blobs.list().empty());
}

TEST_CASE_FIXTURE(Fixture, "a path that is not an id's own place finds and stores nothing") {
  call("PUT", target("b1"), "hello");
  const auto id = sha1_hex("b1").substr(0, 2);
  CHECK(call("GET", "/00/b1").status == (id == "00" ? 200 : 404));
  CHECK(call("PUT", "/zz/b2", "x").status == 404);
  for (const std::string& path :
       std::vector<std::string>{"/../b1", "/" + id + "/..", "/" + id + "/%2e%2e",
                                "/" + id + "/..%2f..%2fetc%2fpasswd", "/incoming/b1", "/" + id + "/b1/x",
                                "/" + id, "/", "/" + id + "/b1%00", "/" + id + "/" + std::string(200, 'a')}) {
    CAPTURE(path);
    const auto status = call("GET", path).status;
    CHECK((status == 400 || status == 404));
    CHECK(call("PUT", path, "x").status >= 400);
  }
  CHECK(blobs.list().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a signed URL needs no password, for its method and blob only") {
  const auto put = handler.signed_target("PUT", BlobId{"b1"}, std::chrono::seconds(60));
  const auto get = handler.signed_target("GET", BlobId{"b1"}, std::chrono::seconds(60));
  CHECK(open_call("PUT", put, "hello") == 201);
  CHECK(call("GET", get, "", "").body == "hello");
  CHECK(open_call("HEAD", get) == 200);
  CHECK(open_call("GET", put) == 403);
  CHECK(open_call("PUT", get, "x") == 403);
  CHECK(open_call("DELETE", get) == 405);
  call("PUT", target("b2"), "secret");
  CHECK(open_call("GET", "/signed" + target("b2") + get.substr(get.find('?'))) == 403);
}

TEST_CASE_FIXTURE(Fixture, "the signature is the one the contract describes") {
  const auto ts = std::to_string(to_epoch_seconds(clock.now()));
  const auto place = Blobstore::place(BlobId{"b1"});
  const auto st = base64url_encode(hmac_sha256("sign", "GET" + place + ts + "60"));
  CHECK(st.find('=') == std::string::npos);
  CHECK(handler.signed_target("GET", BlobId{"b1"}, std::chrono::seconds(60)) ==
        "/signed/" + place + "?st=" + st + "&ts=" + ts + "&e=60");
}

TEST_CASE_FIXTURE(Fixture, "an expired, prolonged, forged or missing signature is refused") {
  call("PUT", target("b1"), "hello");
  const auto good = handler.signed_target("GET", BlobId{"b1"}, std::chrono::seconds(60));
  const auto path = good.substr(0, good.find('?'));
  CHECK(open_call("GET", path) == 403);
  CHECK(open_call("GET", path + "?st=&ts=&e=") == 403);
  CHECK(open_call("GET", good + "0") == 403);
  CHECK(open_call("GET", good.substr(0, good.find("st=") + 3) + "A" + good.substr(good.find("st=") + 3)) ==
        403);
  const BlobHandler other(blobs, {"agent", Secret("p"), Secret("another")}, clock);
  CHECK(open_call("GET", other.signed_target("GET", BlobId{"b1"}, std::chrono::seconds(60))) == 403);
  clock.advance(std::chrono::seconds(60));
  CHECK(open_call("GET", good) == 200);
  clock.advance(std::chrono::seconds(1));
  CHECK(open_call("GET", good) == 403);
}

TEST_CASE_FIXTURE(Fixture, "without a signing secret no signature is accepted") {
  const BlobHandler closed(blobs, {"agent", Secret("p"), Secret()}, clock);
  CHECK_THROWS_AS(closed.signed_target("GET", BlobId{"b1"}, std::chrono::seconds(1)), Error);
  http::Server closed_server({}, std::ref(closed), Log::discard());
  const auto ts = std::to_string(to_epoch_seconds(clock.now()));
  const auto place = Blobstore::place(BlobId{"b1"});
  const auto st = base64url_encode(hmac_sha256("", "PUT" + place + ts + "60"));
  http::Client other({.base_url = "http://127.0.0.1:" + std::to_string(closed_server.port())});
  CHECK(other
            .send({.method = "PUT",
                   .target = "/signed/" + place + "?st=" + st + "&ts=" + ts + "&e=60",
                   .body = "x"})
            .status == 403);
  CHECK_THROWS_AS(BlobHandler(blobs, {"agent", Secret(), Secret()}, clock), Error);
}

TEST_CASE_FIXTURE(Fixture, "an upload that is cut off leaves nothing and the next one works") {
  {
    http::RawClient raw(server.port());
    raw.send("PUT " + target("b1") + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " +
             base64_encode("agent:p:w") + "\r\nContent-Length: 1000000\r\n\r\n" + std::string(200'000, 'x'));
  }
  CHECK(call("PUT", target("b1"), "whole").status == 201);
  server.stop();
  CHECK(blobs.list().size() == 1);
  CHECK(std::filesystem::is_empty(folder.path() / "blobs/incoming"));
}

}  // namespace blob_handler_test
