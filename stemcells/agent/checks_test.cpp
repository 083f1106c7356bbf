#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "stemcells/agent/connection_check.hpp"
#include "stemcells/agent/supervisor.hpp"

using namespace slipway;
using namespace slipway::agent;
using namespace std::chrono_literals;

namespace checks_test {

namespace net = boost::asio;

// Answers each connection with the same text; with an empty one it takes connections and says nothing.
class Server {
 public:
  explicit Server(std::string answer) : answer_(std::move(answer)), thread_([this] { serve(); }) {}
  ~Server() {
    ending_ = true;
    net::ip::tcp::socket last(io_);
    boost::system::error_code ignored;
    last.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  int port() const { return acceptor_.local_endpoint().port(); }

 private:
  void serve() {
    std::vector<net::ip::tcp::socket> silent;
    for (;;) {
      auto client = acceptor_.accept();
      if (ending_) return;
      boost::system::error_code ignored;
      if (answer_.empty()) {
        silent.push_back(std::move(client));
        continue;
      }
      net::streambuf head;
      net::read_until(client, head, "\r\n\r\n", ignored);
      net::write(client, net::buffer(answer_), ignored);
    }
  }

  std::string answer_;
  std::atomic<bool> ending_{false};
  net::io_context io_;
  net::ip::tcp::acceptor acceptor_{io_, {net::ip::make_address("127.0.0.1"), 0}};
  std::thread thread_;
};

ConnectionCheck check_of(int port, ConnectionCheck::Protocol protocol) {
  return {.port = port, .protocol = protocol, .request = "/healthz", .timeout_seconds = 1};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("an HTTP check wants an answer in time, and a good one") {
  using enum ConnectionCheck::Protocol;
  const Server good("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const Server bad("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
  const Server rubbish("\x01\x02 nothing known\r\n\r\n");
  const Server silent("");
  CHECK(problem_of(check_of(good.port(), http)) == "");
  CHECK(problem_of(check_of(bad.port(), http)) == "HTTP status 500");
  CHECK(problem_of(check_of(rubbish.port(), http)) != "");
  CHECK(problem_of(check_of(silent.port(), http)) != "");
  CHECK(problem_of(check_of(good.port(), https)) != "");
  CHECK(problem_of(check_of(silent.port(), https)) != "");
  CHECK(problem_of(check_of(silent.port(), any)) == "");
}

TEST_CASE("a port or a socket that nobody listens on is a problem") {
  int port = 0;
  {
    const Server gone("x");
    port = gone.port();
  }
  CHECK(contains(problem_of(check_of(port, ConnectionCheck::Protocol::any)), "refused"));

  const TempDir folder;
  ConnectionCheck check{.unix_socket = (folder.path() / "s").string(), .timeout_seconds = 1};
  CHECK(problem_of(check) != "");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  check.unix_socket.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  CHECK(problem_of(check) == "");
  ::close(listener);
}

// Notes what it is asked for.
class Noting final : public Supervisor {
 public:
  explicit Noting(std::atomic<int>& restarts) : restarts_(restarts) {}
  void define(const std::vector<MonitProcess>&) override {}
  void start() override {}
  void stop(std::chrono::seconds) override {}
  void unmonitor() override {}
  void restart(const std::string& process) override {
    CHECK(process == "web");
    ++restarts_;
  }
  std::vector<ProcessStatus> status() override { return {{.name = "other", .state = "running"}, {.name = "web", .state = "running"}}; }

 private:
  std::atomic<int>& restarts_;
};

// One process, whose answers the test gives; looked at every few milliseconds.
struct Node {
  TempDir folder;
  std::string pid_file = (folder.path() / "pid").string();
  std::atomic<bool> good{true};
  std::atomic<int> looks{0}, restarts{0}, told{0};
  std::mutex mutex;
  ProcessFailure last;
  std::unique_ptr<Supervisor> supervisor;

  Node() {
    write_file_atomically(pid_file, std::to_string(::getpid()));
    supervisor = with_checks(
        std::make_unique<Noting>(restarts),
        [this](const ProcessFailure& failure) {
          const std::lock_guard lock(mutex);
          last = failure;
          ++told;
        },
        NodeLog::discard(), [this](const ConnectionCheck&) {
          ++looks;
          return std::string(good ? "" : "says nothing");
        },
        2ms);
  }

  void define(ConnectionCheck check) {
    supervisor->define({MonitProcess{.name = "web", .pid_file = pid_file, .checks = {std::move(check)}}});
    supervisor->start();
  }

  std::string state() const {
    const auto all = supervisor->status();
    CHECK(all.at(0).state == "running");  // nobody's check
    return all.at(1).state;
  }

  void look(int times) {
    const int until = looks + times;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (looks < until && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    REQUIRE(looks >= until);
  }
};

TEST_CASE("a process that has answered and falls silent is restarted, once for each time") {
  Node node;
  node.define({.port = 80, .failures = 3, .cycles = 3});
  node.look(5);
  CHECK(node.restarts == 0);
  node.good = false;
  node.look(5);
  CHECK(node.restarts == 1);
  node.look(20);  // what was started has not answered yet
  CHECK(node.restarts == 1);
  {
    const std::lock_guard lock(node.mutex);
    CHECK(node.last.process == "web");
    CHECK(node.last.event == ProcessFailure::Event::connection_failed);
    CHECK(contains(node.last.description, "127.0.0.1:80"));
    CHECK(contains(node.last.description, "says nothing"));
    CHECK(node.last.restarts);
  }
  node.good = true;
  node.look(5);
  node.good = false;
  node.look(10);
  CHECK(node.restarts == 2);
  CHECK(node.told == 2);
}

TEST_CASE("a process that has never answered is let be, and so is one of jobs that are stopped or not monitored") {
  Node node;
  node.good = false;
  node.define({.port = 80});
  node.look(20);
  node.good = true;
  node.look(5);
  node.supervisor->stop(1s);
  node.good = false;
  std::this_thread::sleep_for(30ms);
  CHECK(node.restarts == 0);
  node.good = true;
  node.supervisor->start();
  node.look(5);
  node.supervisor->unmonitor();
  node.good = false;
  std::this_thread::sleep_for(30ms);
  CHECK(node.restarts == 0);
}

TEST_CASE("a process is failing from when it is found silent until it answers, through its restarts") {
  Node node;
  node.define({.port = 80, .failures = 3, .cycles = 3});
  node.look(5);
  CHECK(node.state() == "running");
  node.good = false;
  node.look(5);
  CHECK(node.state() == "failing");
  REQUIRE(node.restarts == 1);
  node.look(20);
  CHECK(node.state() == "failing");
  node.good = true;
  node.look(5);
  CHECK(node.state() == "running");
}

TEST_CASE("a process that does not begin to answer is failing when it is late, and not restarted") {
  Node node;
  node.good = false;
  node.define({.port = 80, .failures = 5, .cycles = 5});
  CHECK(node.state() == "running");
  node.look(50);
  CHECK(node.state() == "failing");
  CHECK(node.restarts == 0);
  CHECK(node.told == 0);
  node.supervisor->unmonitor();
  CHECK(node.state() == "running");
  node.supervisor->start();
  CHECK(node.state() == "running");
}

TEST_CASE("an alert is told and restarts nothing; a process without pid is somebody else's business") {
  Node node;
  node.define({.port = 80, .action = ConnectionCheck::Action::alert});
  node.look(5);
  node.good = false;
  node.look(5);
  CHECK(node.told >= 1);
  CHECK(node.restarts == 0);
  std::filesystem::remove(node.pid_file);
  std::this_thread::sleep_for(20ms);
  const int looks = node.looks;
  std::this_thread::sleep_for(20ms);
  CHECK(node.looks == looks);
}

}  // namespace checks_test
