#include <doctest/doctest.h>

#include <fstream>

#include "base/digest.hpp"
#include "base/http/server.hpp"
#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t two_gib = 2ull << 30;

DirectorProcess& director() {
  static DirectorProcess one;
  return one;
}

// A task that failed, said each of `parts`, and left nothing anywhere.
void check_refused(const TaskEnd& end, const std::vector<std::string>& parts) {
  CAPTURE(end.result);
  CHECK(end.state == "error");
  for (const auto& part : parts) {
    CAPTURE(part);
    CHECK(end.says(part));
  }
  CHECK(director().output(end.id, "event").find("\"error\":{\"code\":") != std::string::npos);
  CHECK(director().nothing_stored());
  CHECK(director().get("/releases").empty());
  CHECK(director().get("/stemcells").empty());
  CHECK(director().cloud().value("stemcells", Json::object()).empty());
}

std::filesystem::path sparse_file(const TempDir& folder, std::uint64_t size) {
  const auto path = folder.path() / "big";
  std::ofstream(path).put('x');
  std::filesystem::resize_file(path, size);
  return path;
}

}  // namespace

TEST_CASE("an entry that leads out of a tarball, or is no file, is named in the error") {
  struct Hostile {
    std::string what;
    std::string entry, part;
  };
  const std::vector<Hostile> all = {{"parent", tar_entry("../evil", '0', "x"), "../evil"},
                                    {"parent inside", tar_entry("jobs/../../evil", '0', "x"), "jobs/../../evil"},
                                    {"absolute", tar_entry("/etc/evil", '0', "x"), "/etc/evil"},
                                    {"hard link", tar_entry("jobs/evil.tgz", '1', "", "/etc/shadow"), "jobs/evil.tgz"},
                                    {"symbolic link", tar_entry("image", '2', "", "/etc/shadow"), "image"},
                                    {"device", tar_entry("jobs/evil.tgz", '3'), "jobs/evil.tgz"},
                                    {"pipe", tar_entry("jobs/evil.tgz", '6'), "jobs/evil.tgz"}};
  for (const std::string target : {"/releases", "/stemcells"}) {
    for (const auto& hostile : all) {
      CAPTURE(target);
      CAPTURE(hostile.what);
      check_refused(director().upload(target, hostile.entry + tar_end()), {hostile.part});
    }
  }
}

TEST_CASE("a hostile entry inside a job of a release is refused with its name") {
  SampleRelease sample;
  auto entries = sample.entries();
  const auto job = tar_entry("job.MF", '0', "name: web\n") + tar_entry("../../evil", '0', "x") + tar_end();
  auto& manifest = entries[0].second;
  const auto digest = manifest.find("sha256:");
  manifest.replace(digest, 7 + 64, "sha256:" + sha256_hex(job));
  entries[1].second = job;
  check_refused(director().upload("/releases", tarball(entries)), {"../../evil", "jobs/web.tgz"});
}

TEST_CASE("a part with another digest than the manifest's is named with both digests") {
  SampleRelease sample;
  sample.job_digest = "sha256:" + std::string(64, '0');
  check_refused(director().upload("/releases", sample.bytes()), {"jobs/web.tgz", std::string(64, '0')});
  check_refused(director().upload("/stemcells", sample_stemcell("image", std::string(40, '0'))),
                {"image", std::string(40, '0')});
}

TEST_CASE("a tarball that is fetched is compared with the digest the user gave") {
  http::Server server({}, [](http::Request&) { return http::Response::text(200, SampleRelease{}.bytes()); },
                      Log::discard());
  const auto location = "http://127.0.0.1:" + std::to_string(server.port()) + "/release.tgz";
  const Json order = {{"location", location}, {"sha1", std::string(40, '0')}};
  check_refused(director().follow(director().send("POST", "/releases", order.dump(), "application/json")),
                {location, std::string(40, '0')});
}

TEST_CASE("a truncated tarball, an empty one and one that is none are refused") {
  const auto release = SampleRelease{}.bytes();
  const auto stemcell = sample_stemcell();
  const std::string expected = "expected is a whole tar archive";
  check_refused(director().upload("/releases", release.substr(0, release.size() / 2)), {"release tarball", expected});
  check_refused(director().upload("/stemcells", stemcell.substr(0, stemcell.size() / 2)), {"stemcell tarball", expected});
  check_refused(director().upload("/releases", "this is no tarball"), {"release tarball", expected});
  check_refused(director().upload("/stemcells", tarball({{"README", "x"}})), {"stemcell.MF"});
  check_refused(director().upload("/releases", tarball({{"README", "x"}})), {"release.MF"});
}

TEST_CASE("an upload that breaks off leaves nothing behind") {
  const TempDir folder;
  const auto big = sparse_file(folder, 200u << 20);
  const auto cut = director().curl({"--data-binary", "@" + big.string(), "--limit-rate", "20M", "--max-time", "2",
                                    "--header", "Content-Type: application/x-compressed", "--header", "Expect:"},
                                   "/stemcells");
  CHECK_FALSE(cut.ok());
  CHECK(until(20s, [&] { return director().nothing_stored(); }));
  CHECK(director().get("/tasks?state=queued,processing").empty());
}

TEST_CASE("an upload of 2 GiB costs the director less than 64 MiB of memory") {
  const TempDir folder;
  const auto big = sparse_file(folder, two_gib);
  const auto before = director().start_of_measurement();
  const auto end = director().follow(director().send_file("/stemcells", big));
  const auto growth = director().highest_memory() - before;
  MESSAGE("resident memory grew by ", growth, " KiB");
  CHECK((growth < 64 * mib || !measures));
  check_refused(end, {});
}

TEST_CASE("after all that a good release and stemcell are taken in") {
  CHECK(director().upload("/releases", SampleRelease{}.bytes()).state == "done");
  CHECK(director().upload("/stemcells", sample_stemcell()).state == "done");
  CHECK(director().files("uploads").empty());
}
