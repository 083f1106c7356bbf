#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/archive.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace slipway {

struct ArchiveWriter::State {
  ::archive* handle = archive_write_new();
  std::string path;
  int fd = -1;

  ~State() {
    archive_write_free(handle);
    if (fd >= 0) ::close(fd);
  }

  void check(int status) const {
    if (status == ARCHIVE_OK) return;
    const int error = archive_errno(handle);
    const char* text = archive_error_string(handle);
    throw Error(error == ENOSPC || error == EDQUOT ? Fault::exhausted : Fault::internal,
                "writing " + path + ": " + (text == nullptr ? "failed" : text));
  }

  void header(const std::string& name, bool is_directory, std::uint64_t size, unsigned mode) {
    if (handle == nullptr || fd < 0) throw Error(Fault::internal, path + " is finished already");
    if (!is_safe_relative(name)) throw Error(Fault::invalid, "not a name for an archive entry: \"" + name + "\"");
    const std::unique_ptr<::archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                                &archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), is_directory ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry.get(), mode & 0777);
    archive_entry_set_size(entry.get(), static_cast<std::int64_t>(size));
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_uid(entry.get(), 0);
    archive_entry_set_gid(entry.get(), 0);
    check(archive_write_header(handle, entry.get()));
  }

  void data(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto wrote = archive_write_data(handle, bytes.data(), bytes.size());
      if (wrote < 0) check(static_cast<int>(wrote));
      if (wrote == 0) throw Error(Fault::internal, "writing " + path + ": the entry is longer than announced");
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }
};

ArchiveWriter::ArchiveWriter(const std::filesystem::path& archive, int compression_level)
    : state_(std::make_unique<State>()) {
  auto& state = *state_;
  state.path = archive.string();
  if (state.handle == nullptr) throw Error(Fault::internal, "out of memory");
  // GNU tar's format keeps any byte in a name and adds no records of its own.
  state.check(archive_write_set_format_gnutar(state.handle));
  state.check(archive_write_add_filter_gzip(state.handle));
  const auto level = std::to_string(std::clamp(compression_level, 0, 9));
  state.check(archive_write_set_filter_option(state.handle, "gzip", "compression-level", level.c_str()));
  state.check(archive_write_set_filter_option(state.handle, "gzip", "timestamp", nullptr));
  state.fd = ::open(archive.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (state.fd < 0) throw Error(Fault::internal, "writing " + state.path + ": " + std::strerror(errno));
  state.check(archive_write_open_fd(state.handle, state.fd));
}

ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::add_directory(const std::string& name, unsigned mode) { state_->header(name, true, 0, mode); }

void ArchiveWriter::add(const std::string& name, std::string_view content, unsigned mode) {
  state_->header(name, false, content.size(), mode);
  state_->data(content);
}

void ArchiveWriter::add_file(const std::string& name, const std::filesystem::path& source, unsigned mode) {
  const auto fail = [&] {
    throw Error(errno == ENOENT ? Fault::not_found : Fault::internal,
                "reading " + source.string() + ": " + std::strerror(errno));
  };
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  };
  const int fd = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail();
  const Closer closer{fd};
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail();
  if (!S_ISREG(status.st_mode)) throw Error(Fault::invalid, source.string() + " is not a file");
  auto left = static_cast<std::uint64_t>(status.st_size);
  state_->header(name, false, left, mode);
  std::string buffer(1u << 18, '\0');
  while (left > 0) {
    const auto got = ::read(fd, buffer.data(), std::min<std::uint64_t>(buffer.size(), left));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail();
    if (got == 0) throw Error(Fault::internal, source.string() + " became shorter while it was read");
    state_->data({buffer.data(), static_cast<std::size_t>(got)});
    left -= static_cast<std::uint64_t>(got);
  }
}

void ArchiveWriter::finish() {
  auto& state = *state_;
  if (state.fd < 0) return;
  state.check(archive_write_close(state.handle));
  const int closed = ::close(state.fd);
  state.fd = -1;
  if (closed != 0) {
    throw Error(errno == ENOSPC || errno == EDQUOT ? Fault::exhausted : Fault::internal,
                "writing " + state.path + ": " + std::strerror(errno));
  }
}

}  // namespace slipway
