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

}  // namespace

UploadFolder::UploadFolder(fs::path folder, Random& random) : folder_(std::move(folder)), random_(random) {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::owner_all);
}

fs::path UploadFolder::receive(http::BodyReader& body) {
  if (const auto length = body.length()) require_space(folder_, *length);
  const auto name = folder_ / random_.uuid();
  auto part = name;
  part += ".part";
  auto whole = name;
  whole += ".tgz";
  {
    std::lock_guard lock(mutex_);
    fresh_.insert(part);
    fresh_.insert(whole);
  }
  try {
    NewFile file(part);
    std::vector<char> chunk(256u << 10);
    std::uint64_t total = 0;
    while (const auto count = body.read(chunk)) {
      file.write(std::span<const char>(chunk).first(count));
      total += count;
    }
    if (const auto length = body.length(); length && *length != total)
      throw Error(Fault::invalid, "the upload broke off after " + std::to_string(total) + " of " +
                                      std::to_string(*length) + " bytes");
    file.keep_as(whole);
  } catch (...) {
    std::lock_guard lock(mutex_);
    fresh_.erase(part);
    fresh_.erase(whole);
    throw;
  }
  std::lock_guard lock(mutex_);
  fresh_.erase(part);
  return whole;
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
