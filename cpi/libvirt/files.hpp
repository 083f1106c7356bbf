#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.hpp"

// Files, locks and loop devices as this CPI needs them.
namespace slipway::cpi {

// An exclusive flock on a file or folder, held until the object dies.
class FileLock {
 public:
  // Waits. With `create`, the file is made when absent. Throws Fault::not_found when the
  // path does not exist, also when it was removed while waiting.
  enum class Kind { existing, create_file, create_folder };
  FileLock(const std::filesystem::path& path, Kind kind);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_ = -1;
};

Json read_json_file(const std::filesystem::path& path);
void write_json_file(const std::filesystem::path& path, const Json& value, unsigned mode = 0644);

// A sparse file of exactly `bytes`; grows or stays, never shrinks.
void make_sparse_file(const std::filesystem::path& path, std::uint64_t bytes);

// A copy that appears at once: a reflink where the file system can, else a sparse copy.
// True when it was a reflink, which is the state of one moment.
bool try_reflink(const std::filesystem::path& from, const std::filesystem::path& to);
void copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to);

// Throws NoDiskSpace when the file system of `folder` has less than `bytes` available.
void require_space(const std::filesystem::path& folder, std::uint64_t bytes);

// A small ext4 image labelled config-2 that holds everything below `folder`: any guest kernel
// that mounts its root can read it.
void write_config_image(const std::filesystem::path& folder, const std::filesystem::path& image);

// Loop devices, found again by the file behind them.
std::vector<std::filesystem::path> loop_devices_of(const std::filesystem::path& file);  // /dev/loopN
std::filesystem::path attach_loop_device(const std::filesystem::path& file);
void flush_block_device(const std::filesystem::path& device);
// False when somebody still has the device open: it goes away when they close it.
bool free_loop_device(const std::filesystem::path& device);

}  // namespace slipway::cpi
