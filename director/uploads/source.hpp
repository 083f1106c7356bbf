#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/json.hpp"
#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Removes the file that came with the request at the end of its task, unless the task is
// interrupted and will want it again.
class UploadedFile {
 public:
  explicit UploadedFile(TaskContext& task) : task_(task) {}
  ~UploadedFile();
  UploadedFile(const UploadedFile&) = delete;
  UploadedFile& operator=(const UploadedFile&) = delete;

 private:
  TaskContext& task_;
};

// The tarball of an upload task: the file that came with the request, or one fetched from
// `location` (https or http) into `folder`, in bounded memory. What is fetched is compared with the
// digest in the arguments, if there is one; Fault::invalid with the code `mismatch` when it differs.
std::filesystem::path fetch_source(TaskContext& task, const std::filesystem::path& folder,
                                   TaskContext::Stage& stage, const std::string& what, int mismatch);

// Runs `action`, which reads the tarball. What cannot be read is called by what the user sent,
// not by where it lies, and the error says what was expected.
void read_upload(const std::string& what, const std::filesystem::path& tarball, const std::function<void()>& action);

// Every piece also goes to `passed`. Fault::invalid for an unusable location or an answer other than
// 200 (100002 for 404, else 100001); follows nine redirects. A file of the director's own host is no
// location: whoever may upload must not be able to read there.
void download(const std::string& location, const std::filesystem::path& target, TaskContext& task,
              const std::function<void(std::string_view)>& passed);

// The location without its password, for messages.
std::string shown_location(const std::string& location);

}  // namespace slipway::director
