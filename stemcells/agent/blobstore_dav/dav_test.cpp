#include "stemcells/agent/blobstore_dav/dav.hpp"

#include <doctest/doctest.h>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/http/server.hpp"

using namespace slipway;
using namespace slipway::agent;

namespace {

// A DAV folder in memory that asks for agent:p.
struct FakeStore {
  std::map<std::string, std::string> blobs;
  int failures_left = 0;
  http::Server server;

  FakeStore() : server({}, [this](http::Request& request) { return handle(request); }, Log::discard()) {}

  http::Response handle(http::Request& request) {
    if (failures_left > 0) {
      --failures_left;
      return http::Response::empty(503);
    }
    const bool signed_url = request.path.starts_with("/signed/");
    const auto authorization = request.headers.find("Authorization");
    const std::string expected = "Basic " + base64_encode("agent:p");
    if (!signed_url && (authorization == request.headers.end() || authorization->second != expected)) {
      return http::Response::empty(401);
    }
    if (signed_url && authorization != request.headers.end()) return http::Response::empty(400);
    const std::string key = signed_url ? request.path.substr(7) : request.path;
    if (request.method == "PUT") {
      blobs[key] = request.body->read_all(1u << 20);
      return http::Response::empty(201);
    }
    const auto found = blobs.find(key);
    if (found == blobs.end()) return http::Response::empty(404);
    if (request.method == "DELETE") {
      blobs.erase(found);
      return http::Response::empty(204);
    }
    if (request.method == "HEAD") return http::Response::empty(200);
    return http::Response::text(200, found->second);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  Json options() const { return {{"endpoint", url()}, {"user", "agent"}, {"password", "p"}}; }
};

}  // namespace

TEST_CASE("a blob that was put is got again, byte for byte") {
  FakeStore store;
  const TempDir folder;
  const std::string from = folder.path() / "from", to = folder.path() / "to";
  const std::string content("\0binary\r\n", 9);
  write_file_atomically(from, content);
  run_dav_command(store.options(), {"put", from, "id-1"});
  CHECK(store.blobs.contains("/" + sha1_hex("id-1").substr(0, 2) + "/id-1"));
  run_dav_command(store.options(), {"exists", "id-1"});
  run_dav_command(store.options(), {"get", "id-1", to});
  CHECK(read_file(to) == content);
  run_dav_command(store.options(), {"delete", "id-1"});
  CHECK_THROWS_AS(run_dav_command(store.options(), {"exists", "id-1"}), Error);
}

TEST_CASE("a wrong password is refused without repetition") {
  FakeStore store;
  Json options = store.options();
  options["password"] = "wrong";
  CHECK_THROWS_WITH_AS(run_dav_command(options, {"exists", "id-1"}), "the blobstore answered 401", Error);
}

TEST_CASE("a store that fails once is asked again") {
  FakeStore store;
  store.failures_left = 1;
  const TempDir folder;
  const std::string from = folder.path() / "from";
  write_file_atomically(from, "x");
  run_dav_command(store.options(), {"put", from, "id-1"});
  CHECK(store.blobs.size() == 1);
}

TEST_CASE("a signed URL is used without the password") {
  FakeStore store;
  const TempDir folder;
  const std::string from = folder.path() / "from", to = folder.path() / "to";
  write_file_atomically(from, "signed");
  Json options = store.options();
  options["signed_url"] = store.url() + signed_target("id-2", "PUT", "secret", 1000, 60);
  run_dav_command(options, {"upload", from});
  options["signed_url"] = store.url() + signed_target("id-2", "GET", "secret", 1000, 60);
  run_dav_command(options, {"fetch", to});
  CHECK(read_file(to) == "signed");
}

TEST_CASE("a signature covers verb, path, time and validity") {
  const auto target = [](const char* verb, long now) { return signed_target("id-2", verb, "secret", now, 60); };
  CHECK(target("GET", 1000) != target("PUT", 1000));
  CHECK(target("GET", 1000) != target("GET", 1001));
  const std::string path = sha1_hex("id-2").substr(0, 2) + "/id-2";
  CHECK(target("GET", 1000) == "/signed/" + path + "?st=" +
                                   base64url_encode(hmac_sha256("secret", "GET" + path + "100060")) + "&ts=1000&e=60");
}

TEST_CASE("a blob id that is a path and an unknown verb are refused") {
  const Json options{{"endpoint", "http://127.0.0.1:1"}};
  CHECK_THROWS_AS(run_dav_command(options, {"get", "../x", "/dev/null"}), Error);
  CHECK_THROWS_AS(run_dav_command(options, {"dance"}), Error);
  CHECK_THROWS_AS(run_dav_command(options, {}), Error);
}
