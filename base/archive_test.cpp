#include "base/archive.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

using namespace slipway;

TEST_CASE("an archive gives back what was put into it") {
  const TempDir folder;
  const auto path = folder.path() / "a.tgz";
  {
    ArchiveWriter writer(path);
    writer.add_directory("bin", 0750);
    writer.add("bin/run", "content", 0755);
    writer.finish();
  }
  ArchiveReader reader(path);
  ArchiveEntry entry;
  REQUIRE(reader.next(entry));
  CHECK(entry.name == "bin");
  CHECK(entry.is_directory);
  CHECK(entry.mode == 0750);
  REQUIRE(reader.next(entry));
  CHECK(entry.name == "bin/run");
  CHECK(entry.mode == 0755);
  CHECK(reader.read_all(100) == "content");
  CHECK_FALSE(reader.next(entry));
}
