#include "releases/format/stemcell.hpp"

#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"

using namespace slipway;
using namespace slipway::releases;

namespace stemcell_test {

namespace {

std::string manifest_for(const std::string& image) {
  return "name: s\nversion: '1.0'\noperating_system: debian-bookworm\nsha1: " + sha1_hex(image) +
         "\napi_version: 3\nstemcell_formats: [slipway-rootfs]\ncloud_properties: {}\n";
}

std::filesystem::path write(const TempDir& folder, const std::string& manifest, const std::string& image) {
  const auto path = folder.path() / "stemcell.tgz";
  ArchiveWriter writer(path);
  writer.add("stemcell.MF", manifest);
  writer.add("image", image);
  writer.finish();
  return path;
}

}  // namespace

TEST_CASE("a stemcell gives its manifest and its image") {
  const TempDir folder;
  const auto path = write(folder, manifest_for("bits"), "bits");
  CHECK(read_stemcell_manifest(path).formats == std::vector<std::string>{"slipway-rootfs"});
  const auto manifest = extract_stemcell(path, folder.path() / "image");
  CHECK(manifest.api_version == 3);
  CHECK(manifest.operating_system == "debian-bookworm");
  CHECK(read_file(folder.path() / "image") == "bits");
}

TEST_CASE("an image with another digest is refused and leaves no file") {
  const TempDir folder;
  const auto path = write(folder, manifest_for("bits"), "other");
  CHECK_THROWS_WITH_AS(extract_stemcell(path, folder.path() / "image"), doctest::Contains("image"), Error);
  CHECK(!std::filesystem::exists(folder.path() / "image"));
}

TEST_CASE("a light stemcell has an empty image") {
  const TempDir folder;
  const auto path = write(folder, manifest_for("bits"), "");
  CHECK(extract_stemcell(path, folder.path() / "image").name == "s");
}

TEST_CASE("a truncated stemcell is refused and leaves no file") {
  const TempDir folder;
  const std::string image(200'000, 'x');
  auto bytes = read_file(write(folder, manifest_for(image), image));
  write_file_atomically(folder.path() / "cut.tgz", bytes.substr(0, bytes.size() / 2));
  CHECK_THROWS_AS(extract_stemcell(folder.path() / "cut.tgz", folder.path() / "image"), Error);
  CHECK(!std::filesystem::exists(folder.path() / "image"));
}

TEST_CASE("a stemcell's manifest tells all its problems") {
  try {
    parse_stemcell_manifest("name: a/b\nversion: 'x y'\napi_version: many\n", "stemcell.MF");
    CHECK(false);
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("a/b") != std::string::npos);
    CHECK(text.find("x y") != std::string::npos);
    CHECK(text.find("api_version") != std::string::npos);
    CHECK(text.find("operating_system") != std::string::npos);
  }
}

}  // namespace stemcell_test
