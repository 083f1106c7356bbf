#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "base/file.hpp"
#include "cpi/contract/server.hpp"
#include "cpi/simulated/simulated_cpi.hpp"

// slipway-cpi-simulated FOLDER: a CPI executable whose cloud is FOLDER/cloud.json. Calls take
// turns by a lock on FOLDER/lock, so that the cloud stays one truth for many processes.
namespace {

namespace fs = std::filesystem;
using namespace slipway;

class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) : fd_(open((folder / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
    if (fd_ < 0 || flock(fd_, LOCK_EX) != 0) {
      throw cpi::CpiError(cpi::ErrorType::cpi_error, "cannot lock the folder '" + folder.string() + "'");
    }
  }
  ~FolderLock() { close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

// The cloud, loaded under the lock, the CPI over it, and the state written back at the end.
class StoredCloud {
 public:
  explicit StoredCloud(const fs::path& folder) : lock_(folder), file_(folder / "cloud.json") {
    if (fs::exists(file_)) cloud_.load(parse_json(read_file(file_), file_.string()));
  }
  ~StoredCloud() {
    try {
      write_file_atomically(file_, dump(cloud_.to_json()));
    } catch (const std::exception& error) {
      std::cerr << "the cloud's state is lost: " << error.what() << "\n";
    }
  }
  StoredCloud(const StoredCloud&) = delete;
  StoredCloud& operator=(const StoredCloud&) = delete;
  cpi::SimulatedCloud& cloud() { return cloud_; }

 private:
  FolderLock lock_;
  fs::path file_;
  cpi::SimulatedCloud cloud_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: slipway-cpi-simulated FOLDER   (one CPI request on stdin, the response on stdout)\n";
    return 2;
  }
  std::unique_ptr<StoredCloud> stored;
  SystemClock clock;
  return cpi::serve_stdio([&](const Json&) -> std::unique_ptr<cpi::Cpi> {
    stored = std::make_unique<StoredCloud>(argv[1]);
    return std::make_unique<cpi::SimulatedCpi>(stored->cloud(), clock);
  });
}
