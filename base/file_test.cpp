#include "base/file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.hpp"

using namespace slipway;
namespace fs = std::filesystem;

namespace file_test {

namespace {

template <class Action>
Fault fault_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.fault();
  }
  FAIL("nothing was thrown");
  return Fault::internal;
}

}  // namespace

TEST_CASE("a file is replaced as a whole and gets the mode asked for") {
  const TempDir folder;
  const auto path = folder.path() / "settings.json";
  write_file_atomically(path, "old");
  write_file_atomically(path, "new", 0600);
  CHECK(read_file(path) == "new");
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);  // no temporary file is left
}

TEST_CASE("a file may have the longest name there is") {
  const TempDir folder;
  const auto path = folder.path() / std::string(255, 'n');
  write_file_atomically(path, "x");
  CHECK(read_file(path) == "x");
}

TEST_CASE("a failed write leaves no temporary file") {
  const TempDir folder;
  fs::create_directories(folder.path() / "taken" / "inner");
  CHECK_THROWS_AS(write_file_atomically(folder.path() / "taken", "x"), Error);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a removed file takes along what killed writers left of it, and of it alone") {
  const TempDir folder;
  const auto path = folder.path() / "record.json";
  remove_written_file(path);
  for (const auto* name : {"record.json", ".record.json.a1B2c3", "record.json.old", ".record.json.a1B2c3.d4E5f6"})
    write_file_atomically(folder.path() / name, "x");
  remove_written_file(path);
  CHECK_FALSE(fs::exists(path));
  CHECK_FALSE(fs::exists(folder.path() / ".record.json.a1B2c3"));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("reading says what is wrong by its fault") {
  const TempDir folder;
  const auto path = folder.path() / "f";
  CHECK(fault_of([&] { (void)read_file(path); }) == Fault::not_found);
  CHECK(fault_of([&] { (void)read_file(folder.path()); }) == Fault::invalid);
  write_file_atomically(path, "12345");
  CHECK(read_file(path, 5) == "12345");
  CHECK(fault_of([&] { (void)read_file(path, 4); }) == Fault::exhausted);
  CHECK_FALSE(read_file("/proc/self/status").empty());
}

TEST_CASE("a temporary folder disappears with its object") {
  fs::path path;
  {
    TempDir folder("test");
    path = folder.path();
    write_file_atomically(path / "f", "x");
    const TempDir moved(std::move(folder));
    CHECK(fs::exists(moved.path() / "f"));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("names that leave their folder are not safe") {
  for (const auto* good : {"a", "a/b", "./a", "a//b", "..a", "a..", "a/.b", "a/"}) {
    CAPTURE(good);
    CHECK(is_safe_relative(good));
  }
  for (const auto* bad : {"", "/", "/a", "..", "a/..", "a/../b", "../a", ".", "./", "a/b/.."}) {
    CAPTURE(bad);
    CHECK_FALSE(is_safe_relative(bad));
  }
  CHECK_FALSE(is_safe_relative(std::string_view("a\0b", 3)));
}

}  // namespace file_test
