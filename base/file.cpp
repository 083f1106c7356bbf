#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace slipway {

namespace {

Fault fault_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return Fault::not_found;
    case EACCES:
    case EPERM: return Fault::forbidden;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Fault::exhausted;
    default: return Fault::internal;
  }
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* action, int error) {
  throw Error(fault_of(error), std::string(action) + " " + path.string() + ": " + std::strerror(error));
}

void write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const auto wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail(path, "writing", errno);
    content.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// What the names of a file's temporary files begin with. Cut, so that the longest names do not become too long.
std::string temporary_prefix(const std::filesystem::path& path) {
  return "." + path.filename().string().substr(0, 200) + ".";
}

constexpr std::string_view unique_part = "XXXXXX";

}  // namespace

std::string read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail(path, "reading", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail(path, "reading", errno);
  if (S_ISDIR(status.st_mode)) throw Error(Fault::invalid, "reading " + path.string() + ": it is a folder");

  std::string content;
  // The size is a hint only: files below /proc say 0, and a file may grow meanwhile.
  content.reserve(std::min<std::size_t>(static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)), max_bytes));
  std::vector<char> buffer(1u << 16);
  for (;;) {
    const auto got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "reading", errno);
    if (got == 0) return content;
    if (static_cast<std::size_t>(got) > max_bytes - content.size()) {
      throw Error(Fault::exhausted,
                  "reading " + path.string() + ": larger than " + std::to_string(max_bytes) + " bytes");
    }
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  const auto folder = folder_of(path);
  auto temporary = (folder / (temporary_prefix(path) + std::string(unique_part))).string();
  const Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) fail(path, "writing", errno);
  try {
    write_all(file.get(), content, path);
    if (::fchmod(file.get(), mode) != 0) fail(path, "writing", errno);
    if (::fsync(file.get()) != 0) fail(path, "writing", errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "writing", errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) fail(folder, "opening", errno);
  if (::fsync(directory.get()) != 0 && errno != EINVAL) fail(folder, "syncing", errno);
}

void remove_written_file(const std::filesystem::path& path) {
  const auto prefix = temporary_prefix(path);
  std::vector<std::filesystem::path> all{path};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(path), error)) {
    const auto name = entry.path().filename().string();
    if (name.size() == prefix.size() + unique_part.size() && name.rfind(prefix, 0) == 0) all.push_back(entry.path());
  }
  for (const auto& one : all) {
    if (::unlink(one.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) fail(one, "removing", errno);
  }
}

TempDir::TempDir(const std::string& prefix, const std::filesystem::path& under) {
  auto pattern = ((under.empty() ? std::filesystem::temp_directory_path() : under) / (prefix + ".XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) fail(pattern, "making folder", errno);
  path_ = pattern;
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir::~TempDir() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool is_safe_relative(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) return false;
  bool named = false;
  for (auto rest = path; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part == "..") return false;
    named = named || (!part.empty() && part != ".");
  }
  return named;
}

}  // namespace slipway
