#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace slipway {

// Faults: not_found, forbidden, invalid (a folder), exhausted (larger than `max_bytes`).
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes = 64u << 20);

// Readers see the old content or the new, never half of it: temporary file, fsync,
// rename, fsync of the folder. `mode` as in chmod. A full disk is Fault::exhausted.
void write_file_atomically(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// Removes a file that write_file_atomically wrote, and the temporary files of writers that were killed before their
// rename. Nobody may write it meanwhile. Nothing there is no error.
void remove_written_file(const std::filesystem::path& path);

// A folder of its own that disappears with the object.
class TempDir {
 public:
  explicit TempDir(const std::string& prefix = "slipway", const std::filesystem::path& under = {});
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// True when `path` (an entry name from outside) stays below the folder it is joined to:
// relative, no "..", no NUL, not empty.
bool is_safe_relative(std::string_view path);

}  // namespace slipway
