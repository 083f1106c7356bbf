#pragma once

#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "base/http/message.hpp"
#include "base/random.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director {

// Where uploaded tarballs wait for their task: <folder>/<uuid>.tgz, and <folder>/<uuid>.part
// while one comes in. The task removes its file; what a cancelled task or a crash left behind is
// removed by sweep(). Thread-safe.
class UploadFolder {
 public:
  UploadFolder(std::filesystem::path folder, Random& random);

  // Streams the body to a file, in bounded memory. Fault::exhausted when the disk has no room
  // for it (found out before the first byte where the length is known). Nothing stays of a
  // body that breaks off.
  std::filesystem::path receive(http::BodyReader& body);

  // Removes what no unfinished task refers to. Called at the start and before each upload.
  void sweep(Tasks& tasks);

 private:
  const std::filesystem::path folder_;
  Random& random_;
  std::mutex mutex_;
  std::set<std::filesystem::path> fresh_;  // received by this process, its task may not exist yet
};

}  // namespace slipway::director
