#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/http/message.hpp"
#include "director/tasks/task_queue.hpp"

namespace slipway::director::api {

// The growing end of one output of one task. It is read from the file once for all who follow
// it, in whole lines, and kept in memory as far as followers are likely to ask for it; who is
// further behind reads the file himself. Thread-safe.
class OutputTail : public std::enable_shared_from_this<OutputTail> {
 public:
  OutputTail(std::string path, std::uint64_t offset) : path_(std::move(path)), read_to_(offset) {}
  ~OutputTail();
  OutputTail(const OutputTail&) = delete;
  OutputTail& operator=(const OutputTail&) = delete;

  std::shared_ptr<http::Feed> follow(std::uint64_t offset);
  void grew();  // after a line was written
  void end();   // after the last one

 private:
  struct Piece {
    std::uint64_t from;
    std::shared_ptr<const http::Chunk> chunk;
    std::uint64_t end() const { return from + chunk->content().size(); }
  };
  class Follower;

  http::Feed::Next next(std::uint64_t& offset, std::function<void()> wake);
  std::shared_ptr<const http::Chunk> find(std::uint64_t offset);
  void read_more();
  std::string read_lines(std::uint64_t offset, std::uint64_t end);
  void wake_all(bool ended);

  const std::string path_;
  std::mutex mutex_;
  int file_ = -1;
  std::deque<Piece> pieces_;  // adjacent, up to read_to_
  std::uint64_t read_to_;
  bool ended_ = false;
  std::vector<std::function<void()>> waiting_;
};

// The outputs that somebody follows.
class OutputTails {
 public:
  explicit OutputTails(Tasks& tasks) : tasks_(tasks) {}

  // Everything from the byte `offset` on, until the task is over.
  std::shared_ptr<http::Feed> follow(TaskId task, const std::string& kind, std::uint64_t offset);
  void changed(TaskId task, TaskChange what);

 private:
  using Key = std::pair<TaskId, std::string>;
  bool is_over(TaskId task);

  Tasks& tasks_;
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<OutputTail>> tails_;
};

}  // namespace slipway::director::api
