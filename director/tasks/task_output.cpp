#include "director/tasks/task_output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace slipway::director {
namespace {

[[noreturn]] void fail(const std::string& path, int reason) {
  const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  throw Error(full ? Fault::exhausted : Fault::internal,
              "writing the task's output " + path + ": " + std::system_category().message(reason));
}

}  // namespace

FileOutput::FileOutput(std::string path, std::function<void()> changed)
    : path_(std::move(path)), changed_(std::move(changed)) {}

FileOutput::~FileOutput() {
  if (file_ >= 0) ::close(file_);
}

void FileOutput::open() {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  if (error) fail(path_, error.value());
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file_ < 0) fail(path_, errno);
  // A power cut can leave half a line; the reader expects every line to be whole.
  struct stat status {};
  char last = '\n';
  if (::fstat(file_, &status) == 0 && status.st_size > 0 && ::pread(file_, &last, 1, status.st_size - 1) == 1 &&
      last != '\n') {
    auto end = status.st_size - 1;
    while (end > 0 && ::pread(file_, &last, 1, end - 1) == 1 && last != '\n') --end;
    if (::ftruncate(file_, end) != 0) fail(path_, errno);
  }
}

void FileOutput::append(std::string_view line) {
  if (muted_) return;
  std::string bytes(line);
  bytes += '\n';
  {
    std::lock_guard lock(mutex_);
    if (file_ < 0) open();
    const auto before = ::lseek(file_, 0, SEEK_END);
    std::size_t written = 0;
    while (written < bytes.size()) {
      const auto count = ::write(file_, bytes.data() + written, bytes.size() - written);
      if (count >= 0) {
        written += static_cast<std::size_t>(count);
        continue;
      }
      const int reason = errno;
      if (reason == EINTR) continue;
      // If even this fails, open() of the next start cuts the half line off.
      [[maybe_unused]] const int ignored = ::ftruncate(file_, before);
      fail(path_, reason);
    }
  }
  changed_();
}

}  // namespace slipway::director
