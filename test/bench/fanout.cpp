#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <iostream>
#include <thread>

#include "director/api/fixture.hpp"
#include "test/bench/followers.hpp"

// Goal 9: one task writes LINES lines, ten a second, and FOLLOWERS clients on the loopback follow
// its output, once by the director's API as a feed, once by a bare write of the same lines to as
// many sockets, and once by polls as the bosh CLI does them. The clients are another process.
//
//   slipway-bench-fanout FOLLOWERS LINES
//
// Prints, in milliseconds: processor time of feed, writes and polls, then median and 99th
// percentile of the time from line to client of each. A line that is lost, repeated or out of
// order is an error.
namespace {

using namespace slipway;
using namespace slipway::director;
using namespace slipway::bench;

constexpr auto pace = std::chrono::milliseconds(100);

double processor_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

template <class Write>
void write_lines(int lines, Write&& write) {
  auto next = std::chrono::steady_clock::now();
  for (int i = 0; i < lines; ++i) {
    write(line_of(i));
    std::this_thread::sleep_until(next += pace);
  }
}

// The clients, in a process that is forked before this one has threads. They begin when they are
// given a plan.
class Clients {
 public:
  Clients() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_) != 0) throw Error(Fault::internal, "no socket pair");
    pid_ = ::fork();
    if (pid_ == 0) live();
    ::close(pair_[1]);
  }
  ~Clients() {
    ::close(pair_[0]);
    ::waitpid(pid_, nullptr, 0);
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  void begin(const FollowersPlan& plan) {
    const Order order{plan.manner, plan.port, plan.followers, plan.lines};
    send(pair_[0], order);
  }
  void wait_until_ready() { receive<char>(pair_[0]); }
  Seen wait_for_the_end() { return receive<Seen>(pair_[0]); }

 private:
  struct Order {
    Manner manner;
    int port, followers, lines;
  };

  template <class T>
  static void send(int fd, const T& value) {
    if (::send(fd, &value, sizeof value, MSG_NOSIGNAL) != sizeof value) throw Error(Fault::internal, "the other process is gone");
  }
  template <class T>
  static T receive(int fd) {
    T value;
    if (::recv(fd, &value, sizeof value, MSG_WAITALL) != sizeof value) throw Error(Fault::internal, "the other process is gone");
    return value;
  }

  [[noreturn]] void live() {
    try {
      ::close(pair_[0]);
      const auto order = receive<Order>(pair_[1]);
      const FollowersPlan plan{order.manner, order.port, "/tasks/1", "/tasks/1/output?type=result", order.followers,
                               order.lines};
      send(pair_[1], follow(plan, [&] { send(pair_[1], 'r'); }));
      ::_exit(0);
    } catch (const std::exception& error) {
      std::cerr << "slipway-bench-fanout: " << error.what() << std::endl;
      ::_exit(1);
    }
  }

  int pair_[2] = {-1, -1};
  pid_t pid_ = -1;
};

struct Figures {
  double processor_ms;
  Seen seen;
};

Figures by_api(Manner manner, int followers, int lines) {
  Clients clients;
  std::promise<void> go;
  ApiFixture director;
  director.queue.register_type("talk", [&](TaskContext& task) {
    go.get_future().wait();
    write_lines(lines, [&](const std::string& line) { task.result_line(line); });
    return "";
  });
  const auto task = director.queue.submit({.type = "talk", .user = "admin"});
  if (task.id != 1) throw Error(Fault::internal, "the task is not the first one");
  http::ServerConfig config;
  config.threads = 16;
  config.max_connections = static_cast<std::size_t>(followers) + 16;
  http::Server server(config, director.api->handler(), Log::discard());
  director.queue.start();
  clients.begin({manner, server.port(), "", "", followers, lines});
  clients.wait_until_ready();
  const double before = processor_ms();
  go.set_value();
  const auto seen = clients.wait_for_the_end();
  const double took = processor_ms() - before;
  director.queue.stop();
  return {took, seen};
}

Figures by_writes(int followers, int lines) {
  Clients clients;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof here;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&here), length) != 0 || ::listen(listener, 4096) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&here), &length) != 0)
    throw Error(Fault::internal, "cannot listen");
  clients.begin({Manner::raw, ntohs(here.sin_port), "", "", followers, lines});
  std::vector<int> sockets;
  const int on = 1;
  while (static_cast<int>(sockets.size()) < followers) {
    sockets.push_back(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    ::setsockopt(sockets.back(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  clients.wait_until_ready();
  const double before = processor_ms();
  write_lines(lines, [&](std::string line) {
    line += '\n';
    for (const int fd : sockets) {
      if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
        throw Error(Fault::internal, "a write was cut short");
    }
  });
  const auto seen = clients.wait_for_the_end();
  const double took = processor_ms() - before;
  for (const int fd : sockets) ::close(fd);
  ::close(listener);
  return {took, seen};
}

void check(const char* manner, const Figures& figures) {
  if (figures.seen.wrong == 0) return;
  throw Error(Fault::internal, std::to_string(figures.seen.wrong) + " lines were lost, repeated or out of order by " + manner);
}

void allow_sockets() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: slipway-bench-fanout FOLLOWERS LINES\n";
    return 2;
  }
  const int followers = std::atoi(argv[1]), lines = std::atoi(argv[2]);
  try {
    allow_sockets();
    const auto feed = by_api(Manner::feed, followers, lines);
    const auto writes = by_writes(followers, lines);
    const auto polls = by_api(Manner::poll, followers, lines);
    check("feed", feed);
    check("writes", writes);
    check("polls", polls);
    std::cout << feed.processor_ms << " " << writes.processor_ms << " " << polls.processor_ms;
    for (const auto& one : {feed, writes, polls}) std::cout << " " << one.seen.median_ms << " " << one.seen.p99_ms;
    std::cout << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-fanout: " << error.what() << "\n";
    return 1;
  }
}
