#include <doctest/doctest.h>

#include <fstream>

#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t disk = 128u << 20;

std::filesystem::path sparse_file(const TempDir& folder, std::uint64_t size) {
  const auto path = folder.path() / "big";
  std::ofstream(path).put('x');
  std::filesystem::resize_file(path, size);
  return path;
}

// Takes the last byte of the director's disk.
void fill(const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  const std::string block(1 << 12, 'f');
  while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

}  // namespace

TEST_CASE("a full disk refuses what needs room, says so, and the director lives on") {
  const TempDir folder;
  DirectorProcess director({.disk_bytes = disk});
  const auto big = sparse_file(folder, 300u << 20);

  SUBCASE("an upload whose length is known is refused before its first byte is stored") {
    const auto answer = director.send_file("/stemcells", big);
    CHECK(answer.status == 507);
    CHECK(answer.body.find("the upload needs 300 MiB") != std::string::npos);
    CHECK(answer.body.find("MiB are free") != std::string::npos);
  }
  SUBCASE("an upload of unknown length ends when the disk is full") {
    const auto answer = director.curl({"--upload-file", "-", "--request", "POST", "--header", "Expect:", "--header",
                                       "Content-Type: application/x-compressed", "--write-out", "%{http_code}"},
                                      "/releases", std::string(200u << 20, 'x'));
    CAPTURE(answer.standard_output);
    CHECK(answer.standard_output.find("507") != std::string::npos);
    CHECK(answer.standard_output.find("No space left") != std::string::npos);
  }
  SUBCASE("without a single free byte the director still answers, and works again when there is room") {
    fill(director.state() / "filler");
    CHECK(director.get("/info").at("user") == "admin");
    CHECK(director.get("/deployments").empty());
    const auto upload = director.send("POST", "/releases", SampleRelease{}.bytes(), "application/x-compressed");
    CHECK(upload.status == 507);
    const auto config = director.send("POST", "/cloud_configs", sample_cloud_config());
    CAPTURE(config.body);
    CHECK(config.status >= 500);
    CHECK(config.body.find("full") != std::string::npos);
    CHECK(director.running());
    std::filesystem::remove(director.state() / "filler");
  }
  SUBCASE("a small tarball that unpacks to more than the disk is refused, or ends its task") {
    const auto stemcell = director.send("POST", "/stemcells", sample_stemcell(std::string(200u << 20, 'z')),
                                        "application/x-compressed");
    CAPTURE(stemcell.body);
    CHECK(stemcell.status == 507);
    CHECK(stemcell.body.find("No space left") != std::string::npos);
    auto entries = SampleRelease{}.entries();
    entries.push_back({"packages/zeros.tgz", std::string(200u << 20, 'z')});
    const auto release = director.upload("/releases", tarball(entries));
    CAPTURE(release.result);
    CHECK(release.state == "error");
    CHECK(release.says("No space left"));
  }
  CHECK(until(10s, [&] { return director.nothing_stored(); }));
  CHECK(director.get("/tasks?state=queued,processing").empty());
  REQUIRE(director.send("POST", "/cloud_configs", sample_cloud_config()).status == 201);
  CHECK(director.upload("/releases", SampleRelease{}.bytes()).state == "done");
}
