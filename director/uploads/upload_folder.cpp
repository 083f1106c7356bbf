#include "director/uploads/upload_folder.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

namespace slipway::director {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uint64_t reserve_bytes = 64u << 20;  // for the database and task outputs
constexpr auto task_follows_within = 10min;

void require_space(const fs::path& folder, std::uint64_t bytes) {
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) != 0) return;
  const auto free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  if (free < bytes || free - bytes < reserve_bytes)
    throw Error(Fault::exhausted, "the upload needs " + std::to_string(bytes >> 20) + " MiB, only " +
                                      std::to_string(free >> 20) + " MiB are free on the director's disk");
}

class NewFile {
 public:
  explicit NewFile(fs::path path) : path_(std::move(path)) {
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file_ < 0) fail();
  }
  ~NewFile() {
    ::close(file_);
    if (!kept_) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const char> bytes) {
    while (!bytes.empty()) {
      const auto count = ::write(file_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  void keep_as(const fs::path& name) {
    if (::fsync(file_) != 0) fail();
    fs::rename(path_, name);
    kept_ = true;
  }

 private:
  [[noreturn]] static void fail() {
    const int reason = errno;
    throw Error(reason == ENOSPC || reason == EDQUOT ? Fault::exhausted : Fault::internal,
                "storing the upload: " + std::system_category().message(reason));
  }
  fs::path path_;
  int file_ = -1;
  bool kept_ = false;
};

// Hashes what passes, when somebody wants to know.
class HashedBody final : public http::BodyReader {
 public:
  HashedBody(http::BodyReader& body, const std::optional<MultiDigest>& digest) : body_(body), digest_(digest) {
    if (digest_) hasher_.emplace(digest_->kind());
  }
  std::size_t read(std::span<char> out) override {
    const auto size = body_.read(out);
    if (hasher_) hasher_->update({out.data(), size});
    return size;
  }
  std::optional<std::uint64_t> length() const override { return body_.length(); }
  void verify() {
    if (!hasher_) return;
    const auto actual = hasher_->hex();
    if (!digest_->matches(digest_->kind(), actual))
      throw Error(Fault::invalid, "the upload: expected is the digest " + digest_->hex() + ", what came has " + actual);
  }

 private:
  http::BodyReader& body_;
  const std::optional<MultiDigest>& digest_;
  std::optional<Hasher> hasher_;
};

}  // namespace

UploadFolder::UploadFolder(fs::path folder, Random& random) : folder_(std::move(folder)), random_(random) {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::owner_all);
}

// From its first byte to the end of `action` an upload is in progress, afterwards fresh: a sweep leaves
// both alone.
fs::path UploadFolder::arrive(const http::BodyReader& body, const std::string& ending,
                              const std::function<void(const fs::path& part, const fs::path& whole)>& action) {
  if (const auto length = body.length()) require_space(folder_, *length);
  const auto name = (folder_ / random_.uuid()).string();
  const fs::path part = name + ".part", whole = name + ending;
  {
    std::lock_guard lock(mutex_);
    in_progress_.insert(part);
    fresh_.insert(whole);
  }
  try {
    action(part, whole);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(part, ignored);
    std::lock_guard lock(mutex_);
    in_progress_.erase(part);
    fresh_.erase(whole);
    throw;
  }
  std::lock_guard lock(mutex_);
  in_progress_.erase(part);
  return whole;
}

fs::path UploadFolder::receive(http::BodyReader& body, const std::optional<MultiDigest>& digest) {
  return arrive(body, ".tgz", [&](const fs::path& part, const fs::path& whole) {
    NewFile file(part);
    HashedBody hashed(body, digest);
    std::vector<char> chunk(256u << 10);
    std::uint64_t total = 0;
    while (const auto count = hashed.read(chunk)) {
      file.write(std::span<const char>(chunk).first(count));
      total += count;
    }
    if (const auto length = body.length(); length && *length != total)
      throw Error(Fault::invalid, "the upload broke off after " + std::to_string(total) + " of " +
                                      std::to_string(*length) + " bytes");
    hashed.verify();
    file.keep_as(whole);
  });
}

fs::path UploadFolder::receive_stemcell(http::BodyReader& body, const std::optional<MultiDigest>& digest,
                                        const StemcellIntake::Wanted& wanted) {
  return arrive(body, ".stemcell", [&](const fs::path& part, const fs::path& whole) {
    fs::create_directory(part);
    HashedBody hashed(body, digest);
    StemcellIntake::receive(hashed, part, wanted);
    hashed.verify();
    fs::rename(part, whole);
  });
}

void UploadFolder::sweep(Tasks& tasks) {
  std::set<fs::path> needed;
  TaskFilter unfinished;
  unfinished.states = {TaskState::queued, TaskState::processing, TaskState::cancelling};
  unfinished.include_internal = true;
  unfinished.limit = 100000;
  for (const auto& task : tasks.list(unfinished))
    if (const auto path = task.arguments.find("path"); path != task.arguments.end() && path->is_string())
      needed.insert(path->get<std::string>());

  std::lock_guard lock(mutex_);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    if (in_progress_.contains(entry.path())) continue;
    if (needed.contains(entry.path())) {
      fresh_.erase(entry.path());
      continue;
    }
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(entry.path(), ignored);
    if (fresh_.contains(entry.path()) && age < task_follows_within) continue;
    fresh_.erase(entry.path());
    fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace slipway::director
