#include "director/blobstore/blob_file.hpp"
#include "base/fd.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <system_error>
#include <vector>

namespace slipway::director {
namespace {

constexpr std::size_t chunk_bytes = 256u << 10;

void sync_folder(const std::filesystem::path& folder) {
  const Fd handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0 || ::fsync(handle.get()) != 0)
    throw_system_error(errno, "syncing the blob folder");
}

}  // namespace

void throw_system_error(int code, const std::string& doing) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  throw Error(full ? Fault::exhausted : Fault::internal, doing + ": " + std::system_category().message(code));
}

IncomingBlob::IncomingBlob(const std::filesystem::path& folder, const std::string& name)
    : path_(folder / name) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file_ < 0) throw_system_error(errno, "creating a blob");
}

IncomingBlob::~IncomingBlob() {
  if (file_ >= 0) ::close(file_);
  ::unlink(path_.c_str());
}

void IncomingBlob::account(std::string_view bytes) {
  sha1_.update(bytes);
  sha256_.update(bytes);
  size_ += bytes.size();
}

void IncomingBlob::append(std::string_view bytes) {
  account(bytes);
  while (!bytes.empty()) {
    const auto written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_system_error(errno, "writing a blob");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void IncomingBlob::copy_from(const std::filesystem::path& source) {
  const Fd input(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (input.get() < 0) throw Error(Fault::not_found, "cannot open " + source.string());
  const bool shared = ::ioctl(file_, FICLONE, input.get()) == 0;
  std::vector<char> buffer(chunk_bytes);
  for (;;) {
    const auto size = ::read(input.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw_system_error(errno, "reading " + source.string());
    if (size == 0) return;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
    if (shared)
      account(bytes);
    else
      append(bytes);
  }
}

bool IncomingBlob::publish(const std::filesystem::path& target) {
  if (::fsync(file_) != 0) throw_system_error(errno, "syncing a blob");
  if (::mkdir(target.parent_path().c_str(), 0700) == 0)
    sync_folder(target.parent_path().parent_path());
  else if (errno != EEXIST)
    throw_system_error(errno, "creating the folder of a blob");
  // Unlike rename(), link() does not replace what is there.
  if (::link(path_.c_str(), target.c_str()) != 0) {
    if (errno == EEXIST) return false;
    throw_system_error(errno, "publishing a blob");
  }
  sync_folder(target.parent_path());
  return true;
}

}  // namespace slipway::director
