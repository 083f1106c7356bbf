#include "test/bench/followers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace slipway::bench {
namespace {

constexpr std::int64_t poll_us = 500'000;
constexpr std::int64_t patience_us = 120'000'000;

std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

[[noreturn]] void fail(const std::string& what) { throw Error(Fault::internal, "a follower " + what); }

std::int64_t number_after(std::string_view text, std::string_view key, int base = 10) {
  const auto at = text.find(key);
  if (at == std::string_view::npos) fail("misses '" + std::string(key) + "' in: " + std::string(text.substr(0, 200)));
  std::int64_t value = 0;
  std::from_chars(text.data() + at + key.size(), text.data() + text.size(), value, base);
  return value;
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(static_cast<std::uint16_t>(port));
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&there), sizeof there) != 0) fail("cannot connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

class Follower {
 public:
  Follower(const FollowersPlan& plan, std::vector<float>& lags) : plan_(plan), lags_(lags), fd_(connect_to(plan.port)) {
    if (plan.manner == Manner::feed) ask(plan.output + "&follow_seconds=600", "");
  }
  ~Follower() { ::close(fd_); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  int fd() const { return fd_; }
  bool subscribed() const { return plan_.manner != Manner::feed || head_read_; }
  bool complete() const { return expected_ >= plan_.lines; }
  std::int64_t wrong() const { return wrong_; }

  void begin_poll() { ask(plan_.state, ""); }

  // True when a poll has come to its end.
  bool take_input() {
    char buffer[64 << 10];
    for (;;) {
      const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) fail("was cut off");
      in_.append(buffer, static_cast<std::size_t>(got));
    }
    const auto now = monotonic_us();
    switch (plan_.manner) {
      case Manner::raw: take_text(std::exchange(in_, {}), now); return false;
      case Manner::feed: take_chunks(now); return false;
      case Manner::poll: return take_answers(now);
    }
    return false;
  }

 private:
  void ask(const std::string& target, const std::string& header) {
    const auto request = "GET " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46YWRtaW4=\r\n" + header + "\r\n";
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) fail("cannot ask");
    asked_output_ = target == plan_.output;
  }

  void take_chunks(std::int64_t now) {
    if (!head_read_) {
      const auto end = in_.find("\r\n\r\n");
      if (end == std::string::npos) return;
      if (!in_.starts_with("HTTP/1.1 200")) fail("was refused: " + in_.substr(0, 200));
      in_.erase(0, end + 4);
      head_read_ = true;
    }
    for (;;) {
      const auto end = in_.find("\r\n");
      if (end == std::string::npos) return;
      const auto size = static_cast<std::size_t>(number_after(in_, "", 16));
      if (in_.size() < end + 2 + size + 2) return;
      take_text(in_.substr(end + 2, size), now);
      in_.erase(0, end + 2 + size + 2);
    }
  }

  bool take_answers(std::int64_t now) {
    const auto end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const auto head = in_.substr(0, end);
    const auto status = number_after(head, "HTTP/1.1 ");
    const auto size = status == 204 ? 0 : static_cast<std::size_t>(number_after(head, "Content-Length: "));
    if (in_.size() < end + 4 + size) return false;
    const auto body = in_.substr(end + 4, size);
    in_.erase(0, end + 4 + size);
    if (!asked_output_) {
      if (status != 200) fail("was refused: " + head);
      ask(plan_.output, "Range: bytes=" + std::to_string(offset_) + "-\r\n");
      return false;
    }
    if (status == 206) {
      offset_ += size;
      take_text(body, now);
    } else if (status != 204 && status != 416) {
      fail("got an output with: " + head);
    }
    return true;
  }

  void take_text(const std::string& text, std::int64_t now) {
    rest_ += text;
    std::size_t from = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', from)) {
      const std::string_view line(rest_.data() + from, end - from);
      from = end + 1;
      const auto number = number_after(line, "{\"n\":");
      if (number != expected_) ++wrong_;
      expected_ = number + 1;
      lags_.push_back(static_cast<float>(now - number_after(line, "\"at\":")) / 1000.0F);
    }
    rest_.erase(0, from);
  }

  const FollowersPlan& plan_;
  std::vector<float>& lags_;
  int fd_;
  bool head_read_ = false, asked_output_ = false;
  std::string in_, rest_;
  std::size_t offset_ = 0;
  std::int64_t expected_ = 0, wrong_ = 0;
};

class Crowd {
 public:
  explicit Crowd(const FollowersPlan& plan) : epoll_(::epoll_create1(EPOLL_CLOEXEC)), polls_(plan.manner == Manner::poll) {
    lags_.reserve(static_cast<std::size_t>(plan.followers) * static_cast<std::size_t>(plan.lines));
    const auto now = monotonic_us();
    for (int i = 0; i < plan.followers; ++i) {
      all_.push_back(std::make_unique<Follower>(plan, lags_));
      epoll_event event{.events = EPOLLIN, .data = {.ptr = all_.back().get()}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, all_.back()->fd(), &event);
      if (polls_) due_.emplace(now + poll_us * i / plan.followers, all_.back().get());
    }
  }
  ~Crowd() { ::close(epoll_); }

  template <class Condition>
  void run_until(Condition condition) {
    while (!std::all_of(all_.begin(), all_.end(), condition)) {
      step();
      if (monotonic_us() > give_up_) fail("waits for too long");
    }
  }

  Seen seen() {
    Seen seen;
    for (const auto& follower : all_) seen.wrong += follower->wrong();
    std::sort(lags_.begin(), lags_.end());
    seen.median_ms = lags_.at(lags_.size() / 2);
    seen.p99_ms = lags_.at(lags_.size() * 99 / 100);
    return seen;
  }

 private:
  void step() {
    const auto now = monotonic_us();
    for (; !due_.empty() && due_.top().first <= now; due_.pop()) due_.top().second->begin_poll();
    epoll_event events[256];
    const int count = ::epoll_wait(epoll_, events, 256, polls_ ? 1 : 100);
    for (int i = 0; i < count; ++i) {
      auto* follower = static_cast<Follower*>(events[i].data.ptr);
      if (follower->take_input() && !follower->complete()) due_.emplace(monotonic_us() + poll_us, follower);
    }
  }

  using Due = std::pair<std::int64_t, Follower*>;
  int epoll_;
  const bool polls_;
  const std::int64_t give_up_ = monotonic_us() + patience_us;
  std::vector<float> lags_;
  std::vector<std::unique_ptr<Follower>> all_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

}  // namespace

std::string line_of(int number) {
  return "{\"n\":" + std::to_string(number) + ",\"at\":" + std::to_string(monotonic_us()) +
         ",\"stage\":\"Updating instance\",\"tags\":[\"node\"],\"total\":1000,\"task\":\"node/0b8b2c6e-3a4e-4a1e-9f3a-"
         "2f6d8a0c9b11 (7)\",\"index\":7,\"state\":\"in_progress\",\"progress\":0}";
}

Seen follow(const FollowersPlan& plan, const std::function<void()>& ready) {
  Crowd crowd(plan);
  crowd.run_until([](const auto& follower) { return follower->subscribed(); });
  ready();
  crowd.run_until([](const auto& follower) { return follower->complete(); });
  return crowd.seen();
}

}  // namespace slipway::bench
