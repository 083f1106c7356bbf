#include "base/archive.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

using namespace slipway;
namespace fs = std::filesystem;

namespace archive_test {

namespace {

// One raw tar entry, so that a test can write what no honest program would.
std::string entry(const std::string& name, char type, const std::string& content = "", const std::string& link = "",
                  unsigned mode = 0644) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { std::memcpy(header.data() + at, text.data(), text.size()); };
  const auto octal = [](unsigned long value, int width) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*lo", width, value);
    return std::string(text);
  };
  put(0, name);
  put(100, octal(mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(content.size(), 11));
  put(136, octal(0, 11));
  put(148, "        ");
  header[156] = type;
  put(157, link);
  put(257, std::string("ustar\00000", 8));
  unsigned long sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + '\0');
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512, '\0');
  return header + padded;
}

const std::string end_of_archive(1024, '\0');

// Reads everything; the fault and message of what goes wrong, or "".
std::string failure_of(const std::string& bytes, ArchiveLimits limits = {}) {
  try {
    auto reader = ArchiveReader::from_memory(bytes, limits);
    for (ArchiveEntry found; reader.next(found);) {
      if (!found.is_directory) (void)reader.read_all(1 << 20);
    }
  } catch (const Error& error) {
    return std::string(to_string(error.fault())) + " " + error.what();
  }
  return "";
}

std::string unpack_failure(const std::string& bytes) {
  const TempDir folder;
  write_file_atomically(folder.path() / "a.tar", bytes);
  const auto inside = folder.path() / "x" / "inside";
  fs::create_directories(inside);
  std::string failure;
  try {
    (void)unpack(folder.path() / "a.tar", inside, {.allow_links = true});
  } catch (const Error& error) {
    failure = error.what();
  }
  CHECK(std::distance(fs::directory_iterator(folder.path() / "x"), {}) == 1);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);
  return failure;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string write_sample(const fs::path& path) {
  ArchiveWriter writer(path);
  writer.add_directory("bin", 0750);
  writer.add("bin/run", "content", 0755);
  writer.add(std::string(180, 'n') + "/" + std::string(90, 'm'), std::string(100'000, 'z'));
  writer.add("ümläut", "");
  writer.finish();
  return read_file(path);
}

}  // namespace

TEST_CASE("an archive gives back what was put into it") {
  const TempDir folder;
  const auto path = folder.path() / "a.tgz";
  write_sample(path);
  ArchiveReader reader(path);
  ArchiveEntry found;
  REQUIRE(reader.next(found));
  CHECK(found.name == "bin");
  CHECK(found.is_directory);
  CHECK(found.mode == 0750);
  REQUIRE(reader.next(found));
  CHECK(found.name == "bin/run");
  CHECK(found.mode == 0755);
  CHECK(found.size == 7);
  CHECK(reader.read_all(100) == "content");
  CHECK_THROWS_AS(reader.read_all(100), Error);
  REQUIRE(reader.next(found));
  CHECK(found.name == std::string(180, 'n') + "/" + std::string(90, 'm'));
  reader.read_to_file(folder.path() / "out", 0640);
  CHECK(read_file(folder.path() / "out") == std::string(100'000, 'z'));
  REQUIRE(reader.next(found));
  CHECK(found.name == "ümläut");
  CHECK_FALSE(reader.next(found));
}

TEST_CASE("the same input gives the same bytes and tar understands them") {
  const TempDir folder;
  CHECK(write_sample(folder.path() / "a.tgz") == write_sample(folder.path() / "b.tgz"));
  const auto listing = run_checked({.argv = {"tar", "-tvzf", (folder.path() / "a.tgz").string()},
                                    .env = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}}});
  CHECK(contains(listing, "-rwxr-xr-x 0/0               7 1970-01-01"));
}

TEST_CASE("files are added from the disk and bad names are refused") {
  const TempDir folder;
  write_file_atomically(folder.path() / "source", std::string(700'000, 'q'));
  ArchiveWriter writer(folder.path() / "a.tgz");
  writer.add_file("copy", folder.path() / "source", 0600);
  CHECK_THROWS_AS(writer.add_file("missing", folder.path() / "missing", 0600), Error);
  CHECK_THROWS_AS(writer.add("../up", "x"), Error);
  CHECK_THROWS_AS(writer.add("/abs", "x"), Error);
  writer.finish();
  CHECK_NOTHROW(writer.finish());
  CHECK_THROWS_AS(writer.add("late", "x"), Error);
  ArchiveReader reader(folder.path() / "a.tgz");
  ArchiveEntry found;
  REQUIRE(reader.next(found));
  CHECK(reader.read_all(1 << 20).size() == 700'000);
}

TEST_CASE("archives of tar with any usual compression are read") {
  const TempDir folder;
  fs::create_directories(folder.path() / "in" / "jobs");
  write_file_atomically(folder.path() / "in" / "jobs" / "a.tgz", "x");
  for (const auto* option : {"--gzip", "--bzip2", "--xz", "--zstd", "--no-auto-compress"}) {
    CAPTURE(option);
    const auto path = (folder.path() / "a").string();
    if (!run({.argv = {"tar", "-c", option, "-f", path, "-C", (folder.path() / "in").string(), "."}}).ok()) continue;
    ArchiveReader reader(path);
    ArchiveEntry found;
    REQUIRE(reader.next(found));
    CHECK(found.name == "jobs");  // "./" itself is no entry
    REQUIRE(reader.next(found));
    CHECK(found.name == "jobs/a.tgz");
  }
}

TEST_CASE("names that lead out of the archive are refused") {
  for (const auto* name : {"../a", "a/../../b", "/etc/passwd", "..", "a/..", "./../a"}) {
    CAPTURE(name);
    const auto failure = failure_of(entry(name, '0', "x") + end_of_archive);
    CHECK(failure.starts_with("invalid "));
    CHECK(contains(failure, name));
  }
  CHECK(failure_of(entry(".//a/./b", '0', "x") + end_of_archive).empty());
  CHECK(contains(failure_of(entry(".", '0', "x") + end_of_archive), "no name"));
}

TEST_CASE("links and devices are refused unless links are allowed") {
  for (const char type : {'1', '2', '3', '4', '6'}) {
    CAPTURE(type);
    CHECK(failure_of(entry("a", type, "", "b") + end_of_archive).starts_with("invalid "));
  }
  const ArchiveLimits links{.allow_links = true};
  CHECK(failure_of(entry("a", '3', "", "b") + end_of_archive, links).starts_with("invalid "));
  CHECK(failure_of(entry("d/a", '2', "", "../b") + end_of_archive, links).empty());
  for (const auto* target : {"/etc", "../b", "d/../../b", "d/..", ""}) {
    CAPTURE(target);
    CHECK(failure_of(entry("a", '2', "", target) + end_of_archive, links).starts_with("invalid "));
  }
  CHECK(failure_of(entry("a", '1', "", "../b") + end_of_archive, links).starts_with("invalid "));
}

TEST_CASE("nothing is written through a link or outside the folder") {
  CHECK(unpack_failure(entry("d", '5') + entry("l", '2', "", "d") + entry("d/f", '0', "x") + end_of_archive).empty());
  CHECK(contains(unpack_failure(entry("d", '5') + entry("l", '2', "", "d") + entry("l/f", '0', "x") + end_of_archive), "link"));
  CHECK(contains(unpack_failure(entry("d/s", '2', "", "..") + entry("t", '2', "", "d/s/..") + end_of_archive), "outside"));
  CHECK(contains(unpack_failure(entry("d/s", '2', "", "../f") + entry("u", '1', "", "d/s") + end_of_archive), "not a file"));
  CHECK(contains(unpack_failure(entry("u", '1', "", "none") + end_of_archive), "not a file"));
  CHECK(contains(unpack_failure(entry("d/f", '0', "x") + entry("d", '0', "x") + end_of_archive), "replace"));
  CHECK(contains(unpack_failure(entry("f", '0', "x") + entry("f/g", '0', "x") + end_of_archive), "below"));
  CHECK(contains(unpack_failure(entry("../../e", '0', "x") + end_of_archive), "out of"));
}

TEST_CASE("unpacking keeps content, modes and links but no setuid bit") {
  const TempDir folder;
  write_file_atomically(folder.path() / "a.tar", entry("d", '5', "", "", 0555) + entry("d/f", '0', "x", "", 04755) +
                                                     entry("d/l", '2', "", "f") + entry("h", '1', "", "d/f") +
                                                     entry("d/f", '0', "again", "", 0600) + end_of_archive);
  const auto inside = folder.path() / "in";
  fs::create_directories(inside);
  CHECK(unpack(folder.path() / "a.tar", inside, {.allow_links = true}).size() == 5);
  CHECK(read_file(inside / "d" / "l") == "again");
  CHECK(read_file(inside / "h") == "x");
  struct stat status {};
  REQUIRE(::stat((inside / "d").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0555);
  REQUIRE(::stat((inside / "h").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0755);
}

TEST_CASE("truncated and corrupt archives are refused") {
  const TempDir folder;
  const auto whole = write_sample(folder.path() / "a.tgz");
  for (const std::size_t size : {whole.size() / 4, whole.size() / 2, whole.size() - 20}) {
    CAPTURE(size);
    CHECK(failure_of(whole.substr(0, size)).starts_with("invalid "));
  }
  const auto plain = entry("a", '0', std::string(2000, 'x')) + end_of_archive;
  CHECK(failure_of(plain.substr(0, 1000)).starts_with("invalid "));
  auto corrupt = plain;
  corrupt[10] = 'x';
  CHECK(failure_of(corrupt).starts_with("invalid "));
  CHECK(failure_of("this is not an archive at all").starts_with("invalid "));
  CHECK(failure_of("").starts_with("invalid "));
  CHECK_THROWS_AS(ArchiveReader(folder.path() / "missing"), Error);
}

TEST_CASE("limits of size and number hold, also for sizes that are only announced") {
  const auto two = entry("a", '0', std::string(600, 'x')) + entry("b", '0', std::string(600, 'x')) + end_of_archive;
  CHECK(failure_of(two, {.max_total_bytes = 1200}).empty());
  CHECK(failure_of(two, {.max_total_bytes = 1199}).starts_with("exhausted "));
  CHECK(failure_of(two, {.max_entries = 1}).starts_with("exhausted "));
  auto reader = ArchiveReader::from_memory(two);
  ArchiveEntry found;
  REQUIRE(reader.next(found));
  CHECK_THROWS_AS(reader.read_all(599), Error);
}

}  // namespace archive_test
