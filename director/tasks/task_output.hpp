#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "director/tasks/task_context.hpp"

namespace slipway::director {

// Appends whole lines to a file, opened with the first line. A line is on its way to the
// disk when append() returns, and it is there in full or not at all: when the disk fills up in
// the middle, the half that was written is taken back and Fault::exhausted names the file.
class FileOutput final : public TaskOutput {
 public:
  // `changed` is called after every line, without a lock held.
  FileOutput(std::string path, std::function<void()> changed);
  ~FileOutput() override;
  FileOutput(const FileOutput&) = delete;
  FileOutput& operator=(const FileOutput&) = delete;

  void append(std::string_view line) override;
  // From now on lines vanish: what an interrupted task says is no news to its reader.
  void mute() { muted_ = true; }

 private:
  void open();
  std::string path_;
  std::function<void()> changed_;
  std::mutex mutex_;
  std::atomic<bool> muted_{false};
  int file_ = -1;
};

}  // namespace slipway::director
