#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/digest.hpp"
#include "base/http/message.hpp"
#include "base/random.hpp"
#include "director/tasks/task_queue.hpp"
#include "director/uploads/stemcell_intake.hpp"

namespace slipway::director {

// Where uploads wait for their task: <folder>/<uuid>.tgz is a release's tarball, <folder>/<uuid>.stemcell
// the folder of a stemcell, <folder>/<uuid>.part either while it comes in. The task removes what it has
// used; what a cancelled task or a crash left behind is removed by sweep(). Thread-safe.
class UploadFolder {
 public:
  UploadFolder(std::filesystem::path folder, Random& random);

  // Streams the body to a file, in bounded memory. Fault::exhausted when the disk has no room
  // for it (found out before the first byte where the length is known). Nothing stays of a
  // body that breaks off, or has another digest than the one given.
  std::filesystem::path receive(http::BodyReader& body, const std::optional<MultiDigest>& digest = {});
  // The same for a stemcell, which is taken apart on its way; see StemcellIntake.
  std::filesystem::path receive_stemcell(http::BodyReader& body, const std::optional<MultiDigest>& digest,
                                         const StemcellIntake::Wanted& wanted);

  // Removes what no unfinished task refers to. Called at the start and before each upload.
  void sweep(Tasks& tasks);

 private:
  std::filesystem::path arrive(
      const http::BodyReader& body, const std::string& ending,
      const std::function<void(const std::filesystem::path& part, const std::filesystem::path& whole)>& action);

  const std::filesystem::path folder_;
  Random& random_;
  std::mutex mutex_;
  std::set<std::filesystem::path> in_progress_;
  std::set<std::filesystem::path> fresh_;  // received by this process, its task may not exist yet
};

}  // namespace slipway::director
