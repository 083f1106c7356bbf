#include "director/blobstore/blobstore.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <algorithm>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/digest.hpp"
#include "base/file.hpp"

using namespace slipway;
using namespace slipway::director;
namespace fs = std::filesystem;

namespace blobstore_test {

namespace {

// A body of one letter, which may break off before its end.
class Letters final : public http::BodyReader {
 public:
  Letters(char letter, std::uint64_t size, std::optional<std::uint64_t> breaks_at = {},
          bool tells_length = true)
      : letter_(letter), size_(size), breaks_at_(breaks_at), tells_length_(tells_length) {}
  std::size_t read(std::span<char> out) override {
    if (breaks_at_ && given_ >= *breaks_at_) throw Error(Fault::cancelled, "the client went away");
    const auto size = std::min<std::uint64_t>(out.size(), size_ - given_);
    std::memset(out.data(), letter_, size);
    given_ += size;
    return size;
  }
  std::optional<std::uint64_t> length() const override {
    return tells_length_ ? std::optional(size_) : std::nullopt;
  }

 private:
  char letter_;
  std::uint64_t size_, given_ = 0;
  std::optional<std::uint64_t> breaks_at_;
  bool tells_length_;
};

struct Fixture {
  TempDir folder;
  SystemRandom random;
  Blobstore blobs{folder.path() / "blobs", random};

  std::size_t unfinished() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder.path() / "blobs/incoming"), {}));
  }
};

Fault fault_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.fault();
  }
  FAIL("nothing was thrown");
  return Fault::internal;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a stored blob lies at xx/id with its digests, private to the director") {
  Letters body('a', 300'000);
  const auto stored = blobs.put(body, BlobId{"my-blob_1"});
  const std::string content(300'000, 'a');
  CHECK(stored.size == 300'000);
  CHECK(stored.sha1 == sha1_hex(content));
  CHECK(stored.sha256 == sha256_hex(content));
  const auto path = blobs.path(BlobId{"my-blob_1"});
  CHECK(path == folder.path() / "blobs" / sha1_hex("my-blob_1").substr(0, 2) / "my-blob_1");
  CHECK(read_file(path) == content);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(info.st_nlink == 1);
  CHECK(unfinished() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a file is copied, and an empty one is a blob too") {
  write_file_atomically(folder.path() / "source", "content");
  const auto stored = blobs.put_file(folder.path() / "source");
  fs::remove(folder.path() / "source");
  CHECK(read_file(blobs.path(stored.id)) == "content");
  CHECK(stored.sha256 == sha256_hex("content"));
  write_file_atomically(folder.path() / "empty", "");
  CHECK(blobs.put_file(folder.path() / "empty").size == 0);
  CHECK(fault_of([&] { blobs.put_file(folder.path() / "nosuch"); }) == Fault::not_found);
  CHECK(unfinished() == 0);
}

TEST_CASE_FIXTURE(Fixture, "an id that could leave the folder is invalid everywhere") {
  for (const std::string id : {"", "..", "../x", "a/b", "/etc/passwd", "a.b", "a b", "a\nb", "caf\xC3\xA9"}) {
    CAPTURE(id);
    if (!id.empty()) {
      Letters body('a', 1);
      CHECK(fault_of([&] { blobs.put(body, BlobId{id}); }) == Fault::invalid);
    }
    CHECK(fault_of([&] { (void)blobs.path(BlobId{id}); }) == Fault::invalid);
    CHECK(fault_of([&] { (void)blobs.exists(BlobId{id}); }) == Fault::invalid);
    CHECK(fault_of([&] { blobs.remove(BlobId{id}); }) == Fault::invalid);
  }
  CHECK(fault_of([&] { (void)blobs.exists(BlobId{std::string("a\0b", 3)}); }) == Fault::invalid);
  CHECK(fault_of([&] { (void)blobs.exists(BlobId{std::string(129, 'a')}); }) == Fault::invalid);
  CHECK_FALSE(blobs.exists(BlobId{std::string(128, 'a')}));
  CHECK(blobs.list().empty());
}

TEST_CASE_FIXTURE(Fixture, "a body that breaks off leaves nothing behind") {
  Letters body('a', 1'000'000, 500'000);
  CHECK(fault_of([&] { blobs.put(body, BlobId{"cut"}); }) == Fault::cancelled);
  CHECK_FALSE(blobs.exists(BlobId{"cut"}));
  CHECK(unfinished() == 0);
  CHECK(blobs.list().empty());
}

TEST_CASE_FIXTURE(Fixture, "a blob never changes: the same content again is fine, other content a conflict") {
  Letters first('a', 10), again('a', 10), other('b', 10);
  blobs.put(first, BlobId{"x"});
  blobs.put(again, BlobId{"x"});
  CHECK(fault_of([&] { blobs.put(other, BlobId{"x"}); }) == Fault::conflict);
  CHECK(read_file(blobs.path(BlobId{"x"})) == "aaaaaaaaaa");
  CHECK(unfinished() == 0);
}

TEST_CASE_FIXTURE(Fixture, "of many that store one id at once one wins and the file is whole") {
  std::atomic<int> stored{0}, conflicts{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      Letters body(static_cast<char>('a' + i), 100'000);
      try {
        blobs.put(body, BlobId{"contended"});
        ++stored;
      } catch (const Error& error) {
        if (error.fault() == Fault::conflict) ++conflicts;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(stored == 1);
  CHECK(conflicts == 7);
  const auto content = read_file(blobs.path(BlobId{"contended"}));
  CHECK(content == std::string(100'000, content.front()));
}

TEST_CASE_FIXTURE(Fixture, "blobs are listed and removed, and removing twice is fine") {
  Letters a('a', 1), b('b', 1);
  const auto first = blobs.put(a).id, second = blobs.put(b, BlobId{"zz"}).id;
  std::ofstream(folder.path() / "blobs" / "stray") << "x";
  CHECK(blobs.list().size() == 2);
  blobs.remove(first);
  blobs.remove(first);
  CHECK(blobs.list() == std::vector<BlobId>{second});
  CHECK(fault_of([&] { (void)blobs.path(first); }) == Fault::not_found);
}

TEST_CASE_FIXTURE(Fixture, "a start removes what was cut off long ago and leaves what may still be written") {
  const auto incoming = folder.path() / "blobs/incoming";
  std::ofstream(incoming / "old") << "x";
  std::ofstream(incoming / "new") << "x";
  fs::last_write_time(incoming / "old", fs::file_time_type::clock::now() - std::chrono::hours(25));
  const Blobstore again(folder.path() / "blobs", random);
  CHECK_FALSE(fs::exists(incoming / "old"));
  CHECK(fs::exists(incoming / "new"));
}

TEST_CASE("a full disk is exhausted, before the first byte when the length is known, and leaves nothing") {
  TempDir folder;
  // A small file system that only this thread sees; it goes away with the thread.
  std::thread([&] {
    REQUIRE_MESSAGE(::unshare(CLONE_NEWNS) == 0, "needs root");
    REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    REQUIRE(::mount("small", folder.path().c_str(), "tmpfs", 0, "size=1m") == 0);
    SystemRandom random;
    Blobstore blobs(folder.path() / "blobs", random);
    Letters known('a', 2u << 20), unknown('a', 2u << 20, {}, false), fits('a', 500'000);
    CHECK(fault_of([&] { blobs.put(known); }) == Fault::exhausted);
    CHECK(fault_of([&] { blobs.put(unknown); }) == Fault::exhausted);
    CHECK(blobs.list().empty());
    const auto before = blobs.free_bytes();
    CHECK(before > 900'000);
    blobs.put(fits);
    CHECK(blobs.free_bytes() < before - 400'000);
  }).join();
}

}  // namespace blobstore_test
