#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "base/http/test_support.hpp"
#include "test/measures.hpp"

using namespace slipway;
using namespace slipway::http;

namespace {

constexpr std::uint64_t two_gib = 2ull << 30;
constexpr long allowed_growth_kib = 64 << 10;

std::uint64_t drain(BodyReader& body) {
  std::vector<char> buffer(64u << 10);
  std::uint64_t total = 0;
  while (const auto size = body.read(buffer)) total += size;
  return total;
}

// Resets the process's high-water mark, so that each case measures itself.
long start_of_measurement() {
  std::ofstream("/proc/self/clear_refs") << "5";
  return memory_kib("VmRSS");
}

std::string sparse_file(const TempDir& folder, std::uint64_t size) {
  const auto path = folder.path() / "big";
  std::ofstream(path).put('x');
  std::filesystem::resize_file(path, size);
  return path.string();
}

std::string url(int port) { return "http://127.0.0.1:" + std::to_string(port); }

}  // namespace

TEST_CASE("an upload of 2 GiB from a file takes little memory on both sides") {
  TempDir folder;
  const auto path = sparse_file(folder, two_gib);
  std::uint64_t received = 0;
  Server server(
      {},
      [&](Request& request) {
        received = drain(*request.body);
        return Response::empty(201);
      },
      Log::discard());
  Client client({.base_url = url(server.port())});
  const auto before = start_of_measurement();
  CHECK(client.send({.method = "PUT", .target = "/big", .body_file = path}).status == 201);
  const auto growth = memory_kib("VmHWM") - before;
  MESSAGE("resident memory grew by ", growth, " KiB");
  CHECK(received == two_gib);
  CHECK((growth < allowed_growth_kib || !test::measures));
}

TEST_CASE("a download of 2 GiB to a sink takes little memory on both sides") {
  TempDir folder;
  const auto path = sparse_file(folder, two_gib);
  Server server(
      {}, [&](Request& request) { return Response::file(request, path, "application/octet-stream"); },
      Log::discard());
  Client client({.base_url = url(server.port())});
  const auto before = start_of_measurement();
  std::uint64_t received = 0;
  client.download({.target = "/big"}, [&](std::string_view piece) { received += piece.size(); });
  const auto growth = memory_kib("VmHWM") - before;
  MESSAGE("resident memory grew by ", growth, " KiB");
  CHECK(received == two_gib);
  CHECK((growth < allowed_growth_kib || !test::measures));
}

TEST_CASE("a slow reader on either side slows the sender instead of filling memory") {
  const auto& pki = TestPki::shared();
  TempDir folder;
  const auto path = sparse_file(folder, 64u << 20);
  std::atomic<std::uint64_t> produced{0};
  Server server(
      pki.server(),
      [&](Request& request) {
        if (request.method == "PUT") {
          std::vector<char> first(1000);
          request.body->read(first);
          std::this_thread::sleep_for(std::chrono::milliseconds(300));
          return Response::text(200, std::to_string(drain(*request.body)));
        }
        Response response;
        response.body = StreamBody([&](std::span<char> out) {
          const auto left = (64u << 20) - produced;
          const auto size = std::min<std::size_t>(out.size(), left);
          produced += size;
          return size;
        });
        return response;
      },
      Log::discard());
  Client client(pki.client(server.port()));
  const auto before = start_of_measurement();
  std::uint64_t received = 0, ahead = 0;
  client.download({.target = "/"}, [&](std::string_view piece) {
    if (received == 0) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    received += piece.size();
    ahead = std::max<std::uint64_t>(ahead, produced - received);
  });
  CHECK(received == 64u << 20);
  MESSAGE("the server was at most ", ahead >> 10, " KiB ahead");
  CHECK(ahead < 32u << 20);
  client.send({.method = "PUT", .target = "/", .body_file = path});
  CHECK((memory_kib("VmHWM") - before < allowed_growth_kib || !test::measures));
}

TEST_CASE("a range of a file is sent, and HEAD sends its length only") {
  TempDir folder;
  const auto path = (folder.path() / "f").string();
  write_file_atomically(path, "0123456789");
  Server server(
      {}, [&](Request& request) { return Response::file(request, path, "text/plain"); }, Log::discard());
  Client client({.base_url = url(server.port())});
  const auto part = client.send({.target = "/", .headers = {{"Range", "bytes=3-5"}}});
  CHECK(part.status == 206);
  CHECK(part.body == "345");
  CHECK(part.headers.at("Content-Range") == "bytes 3-5/10");
  CHECK(client.send({.target = "/", .headers = {{"Range", "bytes=10-"}}}).status == 416);
  const auto head = client.send({.method = "HEAD", .target = "/"});
  CHECK(head.headers.at("Content-Length") == "10");
  CHECK(head.body.empty());
  CHECK(client.send({.target = "/"}).body == "0123456789");
}

TEST_CASE("a stream of unknown length arrives whole, also at an HTTP/1.0 client") {
  Server server(
      {},
      [](Request&) {
        Response response;
        response.body = StreamBody([n = 0](std::span<char> out) mutable -> std::size_t {
          if (n == 3) return 0;
          out[0] = static_cast<char>('a' + n++);
          return 1;
        });
        return response;
      },
      Log::discard());
  CHECK(Client({.base_url = url(server.port())}).send({.target = "/"}).body == "abc");
  RawClient old(server.port());
  old.send("GET / HTTP/1.0\r\n\r\n");
  const auto answer = old.read_to_end();
  CHECK(answer.ends_with("\r\n\r\nabc"));
  CHECK(answer.find("chunked") == std::string::npos);
}
