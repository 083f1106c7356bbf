// The blobs of an agent that has no password: each comes with a URL, as a director gives it to agents of
// stemcells of API version 3.
#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/http/server.hpp"
#include "stemcells/agent/contract/node_under_test.hpp"

using namespace slipway;
using namespace slipway::agent;
using namespace slipway::agent::contract;
namespace fs = std::filesystem;

namespace signed_urls_test {

namespace {

// Blobs at URLs, and nowhere else: a blob is put and got under its own path only.
struct UrlStore {
  std::mutex mutex;
  std::map<std::string, std::string> blobs;
  http::Server server{{}, [this](http::Request& request) { return answer(request); }, Log::discard()};

  http::Response answer(http::Request& request) {
    if (request.headers.contains("Authorization")) return http::Response::empty(400);
    auto body = request.method == "PUT" ? request.body->read_all(1u << 20) : std::string();
    const std::lock_guard lock(mutex);
    if (request.method == "PUT") {
      blobs[request.target] = std::move(body);
      return http::Response::empty(201);
    }
    const auto found = blobs.find(request.target);
    return found == blobs.end() ? http::Response::empty(403) : http::Response::text(200, found->second);
  }
  std::string url(const std::string& name) const {
    return "http://127.0.0.1:" + std::to_string(server.port()) + target(name);
  }
  std::string put(const std::string& name, const std::string& content) {
    blobs[target(name)] = content;
    return url(name);
  }
  static std::string target(const std::string& name) { return "/signed/aa/" + name + "?st=x&ts=1&e=2"; }
};

NodeUnderTest& node() {
  static NodeUnderTest shared;
  static const bool ready = (shared.wait_until_ready(), true);
  (void)ready;
  return shared;
}

// An archive that the node's own blobstore does not have.
std::string archive_of(const std::map<std::string, std::string>& files) {
  const auto path = node().blobs / node().put_archive(files);
  auto content = read_file(path);
  fs::remove(path);
  return content;
}

}  // namespace

TEST_CASE("packages and templates are fetched from their URLs, whatever blob ids say") {
  NodeUnderTest here;
  here.wait_until_ready();
  UrlStore store;
  const auto at_url = [&](const std::string& name, const std::string& content) {
    return Json{{"blobstore_id", "not-here"}, {"sha1", sha1_hex(content)}, {"signed_url", store.put(name, content)}};
  };
  Json spec = here.spec_with_job(sleeping_job(here));
  const fs::path local = here.blobs / spec["rendered_templates_archive"]["blobstore_id"].get<std::string>();
  const auto templates = read_file(local);
  fs::remove(local);
  spec["rendered_templates_archive"] = at_url("templates", templates);
  spec["packages"]["tool"] = at_url("tool", archive_of({{"bin/tool", "a tool"}}));
  spec["packages"]["tool"]["name"] = "tool";
  spec["packages"]["tool"]["version"] = "f00.1";
  const auto prepared = here.finish("prepare", Json::array({spec}));
  REQUIRE_MESSAGE(!prepared.exception, prepared.exception.value_or(""));
  store.blobs.clear();  // what was prepared is not fetched again
  CHECK(here.finish("apply", Json::array({spec})).value == "applied");
  CHECK(read_file(here.base / "packages/tool/bin/tool") == "a tool");
  CHECK(read_file(here.base / "jobs/web/config/web.yml") == "port: 80\n");
}

TEST_CASE("a package is compiled from its URL to its URL") {
  UrlStore store;
  const auto dependency = archive_of({{"lib/answer", "42"}});
  const auto source = archive_of({{"packaging", "set -e\ncp " + node().base.string() +
                                                    "/packages/dep/lib/answer ${BOSH_INSTALL_TARGET}/\n"}});
  const Json request{{"package_get_signed_url", store.put("source", source)},
                     {"upload_signed_url", store.url("compiled")},
                     {"blobstore_headers", Json::object()},
                     {"digest", sha1_hex(source)},
                     {"name", "tool"},
                     {"version", "f00.1"},
                     {"deps",
                      {{"dep",
                        {{"name", "dep"},
                         {"version", "1.1"},
                         {"sha1", sha1_hex(dependency)},
                         {"blobstore_id", "not-here"},
                         {"signed_url", store.put("dependency", dependency)}}}}}};
  const auto reply = node().finish("compile_package_with_signed_url", Json::array({request}));
  REQUIRE_MESSAGE(!reply.exception, reply.exception.value_or(""));
  CHECK_FALSE(reply.value["result"].contains("blobstore_id"));
  const auto compiled = store.blobs.at(UrlStore::target("compiled"));
  const auto file = node().folder.path() / "compiled.tgz";
  write_file_atomically(file, compiled);
  verify_file(file.string(), MultiDigest::parse(reply.value["result"]["sha1"].get<std::string>()));
  std::map<std::string, std::string> files;
  ArchiveReader reader(file);
  for (ArchiveEntry entry; reader.next(entry);) files[entry.name] = reader.read_all(1u << 20);
  CHECK(files.at("answer") == "42");
}

TEST_CASE("names come from their URL, and a URL that is refused says so") {
  UrlStore store;
  const auto content = dump(Json{{"records", Json::array({Json::array({"10.0.0.7", "signed.bosh"})})},
                                 {"record_keys", Json::array()},
                                 {"record_infos", Json::array()},
                                 {"version", 3}});
  Json request{{"signed_url", store.put("names", content)},
               {"multi_digest", sha1_hex(content)},
               {"version", 3},
               {"blobstore_headers", Json::object()}};
  CHECK(node().ask("sync_dns_with_signed_url", Json::array({request})).value == "synced");
  CHECK(read_file(node().etc / "hosts").find("10.0.0.7 signed.bosh\n") != std::string::npos);
  request["signed_url"] = store.url("others");
  request["version"] = 4;
  const auto refused = node().ask("sync_dns_with_signed_url", Json::array({request}));
  REQUIRE(refused.exception);
  CHECK(refused.exception->find("403") != std::string::npos);
}

}  // namespace signed_urls_test
