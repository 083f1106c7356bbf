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
// `location` (https, http or file) into `folder`, in bounded memory. Its digest is verified when
// the arguments name one.
std::filesystem::path fetch_source(TaskContext& task, const std::filesystem::path& folder,
                                   TaskContext::Stage& stage, const std::string& what);

// Runs `action`, which reads the tarball. What cannot be read is called by what the user sent,
// not by where it lies, and the error says what was expected.
void read_upload(const std::string& what, const std::filesystem::path& tarball, const std::function<void()>& action);

// Fault::invalid for an unusable location or an answer other than 200; follows five redirects.
void download(const std::string& location, const std::filesystem::path& target, TaskContext& task);

}  // namespace slipway::director
