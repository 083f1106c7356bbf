#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

// Tar archives through libarchive, streamed, bounded, hostile input expected.

struct ArchiveLimits {
  std::uint64_t max_total_bytes = 20ull << 30;  // unpacked
  std::uint64_t max_entries = 200'000;
  bool allow_links = false;  // symlinks and hard links; targets must stay inside either way
};

struct ArchiveEntry {
  std::string name;  // normalised: no leading "./", no trailing "/"
  bool is_directory = false;
  unsigned mode = 0644;
  std::uint64_t size = 0;
  std::string symlink_target;   // as written in the archive; empty for all but symlinks
  std::string hardlink_target;  // an earlier entry's normalised name; empty for all but hard links
};

// Reads a tar (any compression libarchive knows) from a file, entry by entry. Names that
// are absolute or contain "..", devices, sockets and (unless allowed) links throw
// Fault::invalid naming the entry; so does a truncated or corrupt archive. A limit that
// is reached throws Fault::exhausted. Setuid, setgid and sticky bits are dropped.
class ArchiveReader {
 public:
  explicit ArchiveReader(const std::filesystem::path& archive, ArchiveLimits limits = {});
  // Reads an archive held in memory; `bytes` must outlive the reader.
  static ArchiveReader from_memory(std::string_view bytes, ArchiveLimits limits = {});
  // Pulls the archive's bytes from `pull`, which fills the buffer and returns how much, 0 at the end;
  // what it throws comes out of the call that needed the bytes. `source` names it in errors.
  using Pull = std::function<std::size_t(std::span<char>)>;
  static ArchiveReader from_stream(Pull pull, const std::string& source, ArchiveLimits limits = {});
  ~ArchiveReader();
  ArchiveReader(ArchiveReader&&) noexcept;

  bool next(ArchiveEntry& entry);                        // false at the end
  std::string read_all(std::size_t max_bytes);           // the current entry, once; larger: Fault::exhausted
  void read_to(const std::function<void(std::string_view chunk)>& sink);
  // Every piece also goes to `passed`, so that it can be hashed on its way.
  void read_to_file(const std::filesystem::path& path, unsigned mode = 0600,
                    const std::function<void(std::string_view chunk)>& passed = {});

 private:
  ArchiveReader();
  struct State;
  std::unique_ptr<State> state_;
};

// Unpacks everything below `folder` (which exists) and returns the entries.
std::vector<ArchiveEntry> unpack(const std::filesystem::path& archive, const std::filesystem::path& folder,
                                 ArchiveLimits limits = {});

// Writes a gzip-compressed tar that depends on names, modes and content only: no times,
// owners or compressor stamps. Same input, same bytes. Entries appear in the order added.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(const std::filesystem::path& archive, int compression_level = 6);
  ~ArchiveWriter();
  void add_directory(const std::string& name, unsigned mode = 0755);
  void add(const std::string& name, std::string_view content, unsigned mode = 0644);
  void add_file(const std::string& name, const std::filesystem::path& source, unsigned mode);
  void finish();  // throws when the disk is full; without it the file is incomplete

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway
