#include "cpi/libvirt/files.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& doing, int error) {
  const auto text = doing + ": " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT) throw CpiError(ErrorType::no_disk_space, text);
  throw CpiError(ErrorType::cloud_error, text);
}

Fd open_file(const fs::path& path, int flags, mode_t mode = 0) {
  Fd file(open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!file.open()) fail("opening '" + path.string() + "'", errno);
  return file;
}

}  // namespace

FileLock::FileLock(const fs::path& path, Kind kind) {
  for (;;) {
    int flags = O_RDONLY | O_CLOEXEC;
    if (kind == Kind::create_file) flags = O_RDWR | O_CREAT | O_CLOEXEC;
    if (kind == Kind::create_folder) {
      std::error_code error;
      fs::create_directories(path, error);
      if (error) fail("making the folder '" + path.string() + "'", error.value());
    }
    fd_ = open(path.c_str(), flags, 0644);
    if (fd_ < 0) {
      if (errno == ENOENT && kind == Kind::create_folder) continue;
      if (errno == ENOENT) throw Error(Fault::not_found, "'" + path.string() + "' does not exist");
      fail("opening '" + path.string() + "'", errno);
    }
    while (flock(fd_, LOCK_EX) != 0) {
      if (errno != EINTR) {
        const int error = errno;
        close(fd_);
        fail("locking '" + path.string() + "'", error);
      }
    }
    // Whoever held the lock before may have removed what it locks.
    struct stat locked {}, present {};
    const bool same = fstat(fd_, &locked) == 0 && stat(path.c_str(), &present) == 0 &&
                      locked.st_ino == present.st_ino && locked.st_dev == present.st_dev;
    if (same) return;
    close(fd_);
    if (kind == Kind::existing && !fs::exists(path)) {
      throw Error(Fault::not_found, "'" + path.string() + "' does not exist");
    }
  }
}

FileLock::~FileLock() { close(fd_); }

Json read_json_file(const fs::path& path) { return parse_json(read_file(path), path.string()); }

void write_json_file(const fs::path& path, const Json& value, unsigned mode) {
  write_file_atomically(path, dump(value) + "\n", mode);
}

void make_sparse_file(const fs::path& path, std::uint64_t bytes) {
  const Fd file = open_file(path, O_RDWR | O_CREAT, 0600);
  struct stat now {};
  if (fstat(file.get(), &now) != 0) fail("looking at '" + path.string() + "'", errno);
  if (static_cast<std::uint64_t>(now.st_size) >= bytes) return;
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) fail("growing '" + path.string() + "'", errno);
}

bool try_reflink(const fs::path& from, const fs::path& to) {
  const Fd source = open_file(from, O_RDONLY);
  const auto incoming = fs::path(to.string() + ".incoming");
  bool done = false;
  {
    const Fd target = open_file(incoming, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fsync(source.get()) != 0) fail("flushing '" + from.string() + "'", errno);
    done = ioctl(target.get(), FICLONE, source.get()) == 0;
  }
  if (done) {
    fs::rename(incoming, to);
  } else {
    fs::remove(incoming);
  }
  return done;
}

void copy_sparse(const fs::path& from, const fs::path& to) {
  const auto incoming = to.string() + ".incoming";
  ProcessSpec copy;
  copy.argv = {"cp", "--reflink=auto", "--sparse=always", "--", from.string(), incoming};
  try {
    run_checked(copy);
    fs::rename(incoming, to);
  } catch (...) {
    std::error_code ignored;
    fs::remove(incoming, ignored);
    throw;
  }
}

void require_space(const fs::path& folder, std::uint64_t bytes) {
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error) fail("looking at the space of '" + folder.string() + "'", error.value());
  if (space.available >= bytes) return;
  throw CpiError(ErrorType::no_disk_space, "'" + folder.string() + "' has " + std::to_string(space.available >> 20) +
                                               " MiB available, " + std::to_string(bytes >> 20) + " are needed");
}

void write_config_image(const fs::path& folder, const fs::path& image) {
  constexpr std::uint64_t bytes = 2u << 20;
  const fs::path incoming = image.string() + ".incoming";
  // The settings hold a private key: the file is made for root alone before it is filled.
  fs::remove(incoming);
  make_sparse_file(incoming, bytes);
  run_checked({.argv = {"mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-L", "config-2", "-d", folder.string(), incoming.string()}});
  fs::rename(incoming, image);
}

std::vector<fs::path> loop_devices_of(const fs::path& file) {
  std::vector<fs::path> devices;
  std::error_code error;
  const auto wanted = fs::weakly_canonical(file, error).string();
  for (const auto& block : fs::directory_iterator("/sys/block", error)) {
    const auto name = block.path().filename().string();
    if (name.rfind("loop", 0) != 0) continue;
    std::ifstream in(block.path() / "loop" / "backing_file");
    std::string backing;
    if (std::getline(in, backing) && backing == wanted) devices.push_back(fs::path("/dev") / name);
  }
  return devices;
}

fs::path attach_loop_device(const fs::path& file) {
  const Fd backing = open_file(file, O_RDWR);
  const Fd control = open_file("/dev/loop-control", O_RDWR);
  constexpr int tries = 100;
  for (int attempt = 0; attempt < tries; ++attempt) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) fail("asking for a free loop device", errno);
    const fs::path device = "/dev/loop" + std::to_string(number);
    // A /dev that is not the kernel's own lacks nodes made after it was filled.
    constexpr unsigned loop_major = 7;
    if (mknod(device.c_str(), S_IFBLK | 0600, makedev(loop_major, static_cast<unsigned>(number))) != 0 && errno != EEXIST) {
      fail("making '" + device.string() + "'", errno);
    }
    const Fd loop = open_file(device, O_RDWR);
    loop_config config{};
    config.fd = static_cast<__u32>(backing.get());
    const auto name = file.filename().string();
    std::memcpy(config.info.lo_file_name, name.data(), std::min<std::size_t>(name.size(), LO_NAME_SIZE - 1));
    if (ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return device;
    if (errno != EBUSY) fail("binding '" + file.string() + "' to '" + device.string() + "'", errno);
  }
  throw CpiError(ErrorType::cloud_error, "no loop device became free", true);
}

void flush_block_device(const fs::path& device) {
  const Fd file = open_file(device, O_RDWR);
  if (fsync(file.get()) != 0) fail("flushing '" + device.string() + "'", errno);
}

bool free_loop_device(const fs::path& device) {
  const auto backing_file = fs::path("/sys/block") / device.filename() / "loop" / "backing_file";
  std::string before;
  if (!std::getline(std::ifstream(backing_file), before)) return true;
  {
    const Fd loop = open_file(device, O_RDWR);
    if (fsync(loop.get()) != 0) fail("flushing '" + device.string() + "'", errno);
    if (ioctl(loop.get(), LOOP_CLR_FD) != 0 && errno != ENXIO && errno != EBUSY) {
      fail("freeing '" + device.string() + "'", errno);
    }
  }
  // The kernel unbinds at the last close, which may be a moment away.
  constexpr int tries = 40;
  for (int attempt = 0; attempt < tries; ++attempt) {
    std::string now;
    if (!std::getline(std::ifstream(backing_file), now) || now != before) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{25});
  }
  return false;
}

}  // namespace slipway::cpi
