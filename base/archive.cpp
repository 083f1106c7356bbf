#include "base/archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"

namespace slipway {

namespace {

constexpr std::size_t block_size = 1u << 18;

// No leading, trailing or double "/", no "." part. Empty for the archive's root.
std::string normalised(const std::string& name) {
  std::string out;
  for (std::string_view rest = name; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

std::string shown(const std::string& name) { return "\"" + name.substr(0, 256) + "\""; }

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw Error(Fault::invalid, "archive entry " + shown(name) + " " + why);
}

// A symlink may climb out of its own folder only in front, so that no detour through
// another link leads outside.
bool stays_inside(const std::string& entry, const std::string& target) {
  if (target.empty() || target.front() == '/') return false;
  auto depth = std::count(entry.begin(), entry.end(), '/');
  bool descended = false;
  for (std::string_view rest = target; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      descended = true;
    } else if (descended || --depth < 0) {
      return false;
    }
  }
  return true;
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

struct ArchiveReader::State {
  ::archive* handle = archive_read_new();
  ArchiveLimits limits;
  std::string source = "archive";
  int fd = -1;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  ArchiveEntry current;
  bool readable = false;
  Pull pull;
  std::string pulled;
  std::exception_ptr pull_failure;

  ~State() {
    archive_read_free(handle);
    if (fd >= 0) ::close(fd);
  }

  // No exception may pass through libarchive: it waits here until fail().
  static la_ssize_t pull_some(::archive*, void* self, const void** buffer) {
    auto& state = *static_cast<State*>(self);
    try {
      const auto size = state.pull({state.pulled.data(), state.pulled.size()});
      *buffer = state.pulled.data();
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      state.pull_failure = std::current_exception();
      return -1;
    }
  }

  [[noreturn]] void fail() const {
    if (pull_failure) std::rethrow_exception(pull_failure);
    throw Error(Fault::invalid, source + ": " + text_or_empty(archive_error_string(handle)) +
                                    (current.name.empty() ? "" : " (at " + shown(current.name) + ")"));
  }

  void prepare() {
    if (handle == nullptr) throw Error(Fault::internal, "out of memory");
    archive_read_support_format_tar(handle);
    // Not "all" of them: some filters would start programs found in PATH.
    archive_read_support_filter_gzip(handle);
    archive_read_support_filter_bzip2(handle);
    archive_read_support_filter_xz(handle);
    archive_read_support_filter_lzma(handle);
    archive_read_support_filter_zstd(handle);
    archive_read_support_filter_lz4(handle);
  }

  void describe(::archive_entry* entry) {
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) name = archive_entry_pathname(entry);
    const auto raw = text_or_empty(name);
    current = {};
    current.name = normalised(raw);
    if (raw.empty()) refuse(raw, "has no name");
    if (raw.front() == '/') refuse(raw, "has an absolute name");
    if (!current.name.empty() && !is_safe_relative(raw)) refuse(raw, "leads out of the archive");
    current.mode = archive_entry_perm(entry) & 0777;
    current.size = archive_entry_size_is_set(entry) ? static_cast<std::uint64_t>(archive_entry_size(entry)) : 0;
    const auto type = archive_entry_filetype(entry);
    current.hardlink_target = normalised(text_or_empty(archive_entry_hardlink(entry)));
    if (archive_entry_hardlink(entry) != nullptr) {
      if (!limits.allow_links) refuse(raw, "is a hard link");
      if (!is_safe_relative(text_or_empty(archive_entry_hardlink(entry)))) refuse(raw, "links to the outside");
      current.size = 0;
    } else if (type == AE_IFLNK) {
      if (!limits.allow_links) refuse(raw, "is a symbolic link");
      current.symlink_target = text_or_empty(archive_entry_symlink(entry));
      if (!stays_inside(current.name, current.symlink_target)) refuse(raw, "links to the outside");
      current.size = 0;
    } else if (type == AE_IFDIR) {
      current.is_directory = true;
      current.size = 0;
    } else if (type != AE_IFREG) {
      refuse(raw, "is neither a file nor a folder");
    }
    if (current.name.empty() && !current.is_directory) refuse(raw, "has no name");
  }

  void count() {
    if (++entries > limits.max_entries) {
      throw Error(Fault::exhausted, source + ": more than " + std::to_string(limits.max_entries) + " entries");
    }
    if (current.size > limits.max_total_bytes - bytes) {
      throw Error(Fault::exhausted,
                  source + ": unpacks to more than " + std::to_string(limits.max_total_bytes) + " bytes");
    }
    bytes += current.size;
  }
};

ArchiveReader::ArchiveReader() : state_(std::make_unique<State>()) { state_->prepare(); }

ArchiveReader::ArchiveReader(const std::filesystem::path& archive, ArchiveLimits limits) : ArchiveReader() {
  state_->limits = limits;
  state_->source = archive.string();
  state_->fd = ::open(archive.c_str(), O_RDONLY | O_CLOEXEC);
  if (state_->fd < 0) {
    throw Error(errno == ENOENT ? Fault::not_found : Fault::internal, archive.string() + ": " + std::strerror(errno));
  }
  if (archive_read_open_fd(state_->handle, state_->fd, block_size) != ARCHIVE_OK) state_->fail();
}

ArchiveReader ArchiveReader::from_memory(std::string_view bytes, ArchiveLimits limits) {
  ArchiveReader reader;
  reader.state_->limits = limits;
  if (archive_read_open_memory(reader.state_->handle, bytes.data(), bytes.size()) != ARCHIVE_OK) reader.state_->fail();
  return reader;
}

ArchiveReader ArchiveReader::from_stream(Pull pull, const std::string& source, ArchiveLimits limits) {
  ArchiveReader reader;
  auto& state = *reader.state_;
  state.limits = limits;
  state.source = source;
  state.pull = std::move(pull);
  state.pulled.resize(block_size);
  if (archive_read_open(state.handle, &state, nullptr, &State::pull_some, nullptr) != ARCHIVE_OK) state.fail();
  return reader;
}

ArchiveReader::~ArchiveReader() = default;
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;

bool ArchiveReader::next(ArchiveEntry& entry) {
  for (;;) {
    state_->readable = false;
    ::archive_entry* raw = nullptr;
    const int status = archive_read_next_header(state_->handle, &raw);
    if (status == ARCHIVE_EOF) return false;
    // A warning is about a name's character set; the name is checked below.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) state_->fail();
    state_->describe(raw);
    state_->count();
    if (state_->current.name.empty()) continue;  // "./"
    state_->readable = true;
    entry = state_->current;
    return true;
  }
}

void ArchiveReader::read_to(const std::function<void(std::string_view chunk)>& sink) {
  if (!state_->readable) throw Error(Fault::internal, "an archive entry can be read once, after next()");
  state_->readable = false;
  std::string buffer(std::min<std::uint64_t>(state_->current.size + 1, block_size), '\0');
  for (;;) {
    const auto got = archive_read_data(state_->handle, buffer.data(), buffer.size());
    if (got < 0) state_->fail();
    if (got == 0) return;
    sink({buffer.data(), static_cast<std::size_t>(got)});
  }
}

std::string ArchiveReader::read_all(std::size_t max_bytes) {
  std::string content;
  const auto room = [&](std::uint64_t more) {
    if (more > max_bytes - content.size()) {
      throw Error(Fault::exhausted,
                  "archive entry " + shown(state_->current.name) + " is larger than " + std::to_string(max_bytes) + " bytes");
    }
  };
  room(state_->current.size);
  read_to([&](std::string_view chunk) {
    room(chunk.size());
    content += chunk;
  });
  return content;
}

namespace {

[[noreturn]] void fail_writing(const std::string& path, int error) {
  const auto fault = error == ENOSPC || error == EDQUOT ? Fault::exhausted : Fault::internal;
  throw Error(fault, "writing " + path + ": " + std::strerror(error));
}

void write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail_writing(path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

// Writes below one folder and never through a symlink, whatever the entries are called.
class Unpacker {
 public:
  explicit Unpacker(const std::filesystem::path& folder)
      : root_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (root_.get() < 0) fail_writing(folder.string(), errno);
  }

  void take(const ArchiveEntry& entry, ArchiveReader& reader) {
    if (entry.is_directory) {
      open_folder(entry.name, entry.name);
      folders_.push_back(entry);
      return;
    }
    const auto slash = entry.name.rfind('/');
    const auto parent = open_folder(slash == std::string::npos ? "" : entry.name.substr(0, slash), entry.name);
    const auto leaf = slash == std::string::npos ? entry.name : entry.name.substr(slash + 1);
    if (::unlinkat(parent.get(), leaf.c_str(), 0) != 0 && errno != ENOENT) {
      refuse(entry.name, "would replace a folder");
    }
    if (!entry.symlink_target.empty()) {
      if (::symlinkat(entry.symlink_target.c_str(), parent.get(), leaf.c_str()) != 0) fail_writing(entry.name, errno);
    } else if (!entry.hardlink_target.empty()) {
      link(entry, parent, leaf);
    } else {
      write_file(entry, reader, parent, leaf);
    }
  }

  // Modes of folders come last: a read-only one must be filled first.
  void finish() {
    for (auto entry = folders_.rbegin(); entry != folders_.rend(); ++entry) {
      const auto folder = open_folder(entry->name, entry->name);
      if (::fchmod(folder.get(), entry->mode) != 0) fail_writing(entry->name, errno);
    }
  }

 private:
  // Opens `path` below the root, making what is missing; "" is the root.
  Fd open_folder(const std::string& path, const std::string& entry) const {
    Fd here(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
    if (here.get() < 0) fail_writing(entry, errno);
    for (std::string_view rest = path; !rest.empty();) {
      const std::string part(rest.substr(0, rest.find('/')));
      rest.remove_prefix(std::min(part.size() + 1, rest.size()));
      if (::mkdirat(here.get(), part.c_str(), 0755) != 0 && errno != EEXIST) fail_writing(entry, errno);
      Fd inner(::openat(here.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (inner.get() < 0 && (errno == ELOOP || errno == ENOTDIR)) refuse(entry, "stands below a file or a link");
      if (inner.get() < 0) fail_writing(entry, errno);
      here = std::move(inner);
    }
    return here;
  }

  void link(const ArchiveEntry& entry, const Fd& parent, const std::string& leaf) const {
    const auto& target = entry.hardlink_target;
    const auto slash = target.rfind('/');
    const auto folder = open_folder(slash == std::string::npos ? "" : target.substr(0, slash), entry.name);
    const auto name = slash == std::string::npos ? target : target.substr(slash + 1);
    struct stat status {};
    // A hard link to a symlink would move that symlink to another depth.
    if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) {
      refuse(entry.name, "links to something that is not a file of the archive");
    }
    if (::linkat(folder.get(), name.c_str(), parent.get(), leaf.c_str(), 0) != 0) fail_writing(entry.name, errno);
  }

  static void write_file(const ArchiveEntry& entry, ArchiveReader& reader, const Fd& parent,
                         const std::string& leaf) {
    const Fd file(
        ::openat(parent.get(), leaf.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) fail_writing(entry.name, errno);
    reader.read_to([&](std::string_view chunk) { write_all(file.get(), chunk, entry.name); });
    if (::fchmod(file.get(), entry.mode) != 0) fail_writing(entry.name, errno);
  }

  Fd root_;
  std::vector<ArchiveEntry> folders_;
};

}  // namespace

void ArchiveReader::read_to_file(const std::filesystem::path& path, unsigned mode,
                                 const std::function<void(std::string_view chunk)>& passed) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode));
  if (file.get() < 0) fail_writing(path.string(), errno);
  if (::fchmod(file.get(), mode) != 0) fail_writing(path.string(), errno);
  read_to([&](std::string_view chunk) {
    write_all(file.get(), chunk, path.string());
    if (passed) passed(chunk);
  });
}

std::vector<ArchiveEntry> unpack(const std::filesystem::path& archive, const std::filesystem::path& folder,
                                 ArchiveLimits limits) {
  ArchiveReader reader(archive, limits);
  Unpacker unpacker(folder);
  std::vector<ArchiveEntry> entries;
  for (ArchiveEntry entry; reader.next(entry);) {
    unpacker.take(entry, reader);
    entries.push_back(entry);
  }
  unpacker.finish();
  return entries;
}

}  // namespace slipway
