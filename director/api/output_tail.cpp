#include "director/api/output_tail.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace slipway::director::api {
namespace {

constexpr std::size_t piece_bytes = 64u << 10;
constexpr std::size_t most_line_bytes = 16u << 20;
constexpr std::uint64_t kept_bytes = 1u << 20;

}  // namespace

class OutputTail::Follower final : public http::Feed {
 public:
  Follower(std::shared_ptr<OutputTail> tail, std::uint64_t offset) : tail_(std::move(tail)), offset_(offset) {}
  Next next(std::function<void()> wake) override { return tail_->next(offset_, std::move(wake)); }

 private:
  std::shared_ptr<OutputTail> tail_;
  std::uint64_t offset_;
};

OutputTail::~OutputTail() {
  if (file_ >= 0) ::close(file_);
}

std::shared_ptr<http::Feed> OutputTail::follow(std::uint64_t offset) {
  return std::make_shared<Follower>(shared_from_this(), offset);
}

void OutputTail::grew() { wake_all(false); }
void OutputTail::end() { wake_all(true); }

void OutputTail::wake_all(bool ended) {
  std::vector<std::function<void()>> woken;
  {
    const std::lock_guard lock(mutex_);
    ended_ |= ended;
    woken.swap(waiting_);
  }
  for (const auto& wake : woken) wake();
}

// A line that is written after this looked calls grew() after this has registered the follower:
// none is missed.
http::Feed::Next OutputTail::next(std::uint64_t& offset, std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (offset >= read_to_) read_more();
  if (auto chunk = find(offset)) {
    offset += chunk->content().size();
    return {std::move(chunk), false};
  }
  if (ended_) return {nullptr, true};
  waiting_.push_back(std::move(wake));
  return {};
}

std::shared_ptr<const http::Chunk> OutputTail::find(std::uint64_t offset) {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                      [](std::uint64_t at, const Piece& piece) { return at < piece.from; });
  if (after != pieces_.begin() && std::prev(after)->from == offset) return std::prev(after)->chunk;
  if (offset >= read_to_) return nullptr;
  // Before what is kept, or in the middle of a piece.
  const auto end = after == pieces_.end() ? read_to_ : after->from;
  const auto own = read_lines(offset, end);
  return own.empty() ? nullptr : std::make_shared<const http::Chunk>(own);
}

void OutputTail::read_more() {
  const auto lines = read_lines(read_to_, UINT64_MAX);
  if (lines.empty()) return;
  pieces_.push_back({read_to_, std::make_shared<const http::Chunk>(lines)});
  read_to_ = pieces_.back().end();
  while (pieces_.size() > 1 && read_to_ - pieces_.front().from > kept_bytes) pieces_.pop_front();
}

// Whole lines only: half a line may be taken back, when the disk is full. What is before `end`
// was whole once already.
std::string OutputTail::read_lines(std::uint64_t offset, std::uint64_t end) {
  if (file_ < 0) file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) return {};  // no line yet
  for (std::size_t size = piece_bytes; size <= most_line_bytes; size *= 2) {
    std::string text(std::min<std::uint64_t>(size, end - offset), '\0');
    const auto got = ::pread(file_, text.data(), text.size(), static_cast<off_t>(offset));
    if (got <= 0) return {};
    text.resize(static_cast<std::size_t>(got));
    const bool is_whole = offset + text.size() == end;
    const auto last = text.rfind('\n');
    if (!is_whole && last != std::string::npos) text.resize(last + 1);
    if (is_whole || last != std::string::npos) return text;
    if (text.size() < size) return {};  // the rest of the line is still to come
  }
  throw Error(Fault::internal, "a line of " + path_ + " is longer than " + std::to_string(most_line_bytes));
}

bool OutputTails::is_over(TaskId task) {
  const auto row = tasks_.find(task);
  return !row || is_final(row->state);
}

// The task is looked at when its end would already be told.
std::shared_ptr<http::Feed> OutputTails::follow(TaskId task, const std::string& kind, std::uint64_t offset) {
  std::shared_ptr<OutputTail> tail;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(tails_, [](const auto& entry) { return entry.second.expired(); });
    auto& known = tails_[{task, kind}];
    tail = known.lock();
    if (!tail) known = tail = std::make_shared<OutputTail>(tasks_.output_path(task, kind), offset);
  }
  if (is_over(task)) tail->end();
  return tail->follow(offset);
}

void OutputTails::changed(TaskId task, TaskChange what) {
  std::vector<std::shared_ptr<OutputTail>> followed;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = tails_.lower_bound({task, ""}); it != tails_.end() && it->first.first == task; ++it)
      if (auto tail = it->second.lock()) followed.push_back(std::move(tail));
  }
  if (followed.empty()) return;
  const bool over = what == TaskChange::state && is_over(task);
  for (const auto& tail : followed) over ? tail->end() : tail->grew();
}

}  // namespace slipway::director::api
