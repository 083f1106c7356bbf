#include "base/process.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"

using namespace slipway;
using namespace std::chrono;
using namespace std::chrono_literals;

namespace process_test {

namespace {

// The program under test is a shell because its behaviour fits into one argument.
ProcessSpec script(const std::string& text) { return {.argv = {"/bin/sh", "-c", text}}; }

bool alive(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

// Kills become visible a moment later: /proc says "Z" or nothing when a process is dead.
bool dead_soon(pid_t pid) {
  for (int i = 0; i < 400; ++i) {
    if (!alive(pid)) return true;
    try {
      const auto status = read_file("/proc/" + std::to_string(pid) + "/stat");
      if (status.find(") Z ") != std::string::npos) return true;
    } catch (const Error&) {
      return true;
    }
    ::usleep(5'000);
  }
  return false;
}

struct Stopwatch {
  steady_clock::time_point start = steady_clock::now();
  milliseconds elapsed() const { return duration_cast<milliseconds>(steady_clock::now() - start); }
};

}  // namespace

TEST_CASE("a program's outputs, status and signal come back") {
  auto result = run(script("echo out; echo err >&2; exit 3"));
  CHECK(result.exit_code == 3);
  CHECK(result.standard_output == "out\n");
  CHECK(result.standard_error == "err\n");
  CHECK_FALSE(result.ok());
  result = run(script("kill -TERM $$"));
  CHECK(result.exit_code == -1);
  CHECK(result.signal == SIGTERM);
}

TEST_CASE("large input and output cross without a deadlock") {
  const std::string input(3 << 20, 'x');
  auto result = run({.argv = {"cat"}, .standard_input = input});
  CHECK(result.ok());
  CHECK(result.standard_output == input);
}

TEST_CASE("a program that does not read its input is no failure") {
  auto result = run({.argv = {"true"}, .standard_input = std::string(1 << 20, 'x')});
  CHECK(result.ok());
}

TEST_CASE("the environment, the folder and the descriptors are exactly those asked for") {
  ::setenv("SLIPWAY_LEAK", "1", 1);
  const int leak = ::open("/dev/null", O_RDONLY);
  CHECK(run({.argv = {"env"}, .env = {{"PATH", "/usr/bin"}, {"A", "b c"}}}).standard_output == "A=b c\nPATH=/usr/bin\n");
  CHECK(run({.argv = {"pwd"}, .working_directory = "/usr"}).standard_output == "/usr\n");
  // 3 is the folder that ls itself has open.
  CHECK(run({.argv = {"ls", "/proc/self/fd"}}).standard_output == "0\n1\n2\n3\n");
  ::close(leak);
  ::unsetenv("SLIPWAY_LEAK");
}

TEST_CASE("a program that cannot be started is not found") {
  const ProcessSpec bad[] = {{.argv = {"no-such-program-anywhere"}},
                             {.argv = {"/no/such/program"}},
                             {.argv = {"/etc/passwd"}},
                             {.argv = {"true"}, .env = {}},
                             {.argv = {"true"}, .working_directory = "/no/such/folder"}};
  for (const auto& spec : bad) {
    try {
      (void)run(spec);
      FAIL("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::not_found);
    }
  }
  CHECK_THROWS_AS(run({.argv = {}}), Error);
  CHECK_THROWS_AS(run({.argv = {"true", std::string("a\0b", 3)}}), Error);
  CHECK_THROWS_AS(run({.argv = {"true"}, .env = {{"PATH", "/bin"}, {"A=B", "c"}}}), Error);
}

TEST_CASE("lines arrive while they are collected, the last one without an end too") {
  std::vector<std::string> lines;
  auto spec = script("printf 'a\\n\\nb'");
  spec.on_stdout_line = [&](std::string_view line) { lines.emplace_back(line); };
  CHECK(run(spec).standard_output == "a\n\nb");
  CHECK(lines == std::vector<std::string>{"a", "", "b"});
}

TEST_CASE("a program that hangs is killed with its children at the limit") {
  auto spec = script("sleep 600 & echo $!; trap '' TERM INT; sleep 601; sleep 602");
  spec.timeout = 150ms;
  const Stopwatch watch;
  const auto result = run(spec);
  CHECK(result.timed_out);
  CHECK(result.signal == SIGKILL);
  CHECK(watch.elapsed() >= 150ms);
  CHECK(watch.elapsed() < 10s);
  CHECK(dead_soon(std::stoi(result.standard_output)));
}

TEST_CASE("a program that floods is killed at the limit") {
  ProcessSpec spec{.argv = {"yes"}, .max_output_bytes = 100'000};
  const auto result = run(spec);
  CHECK(result.too_much_output);
  CHECK(result.standard_output.size() == 100'000);
}

TEST_CASE("a cancelled program is killed") {
  auto spec = script("sleep 600");
  std::atomic<int> asked = 0;
  spec.cancelled = [&] { return ++asked >= 2; };
  const Stopwatch watch;
  const auto result = run(spec);
  CHECK(result.was_cancelled);
  CHECK(result.signal == SIGKILL);
  CHECK(watch.elapsed() < 10s);
}

TEST_CASE("a daemon that left the group and holds the pipes is not waited for") {
  const Stopwatch watch;
  const auto result = run(script("setsid sleep 600 & echo $!; sleep 0.1"));
  CHECK(result.ok());
  CHECK(watch.elapsed() < 10s);
  ::kill(std::stoi(result.standard_output), SIGKILL);
}

TEST_CASE("a child of the group that holds the pipes is waited for and its output collected") {
  const auto result = run(script("(sleep 0.2; echo late) & echo early"));
  CHECK(result.standard_output == "early\nlate\n");
  CHECK(result.ok());
}

TEST_CASE("a limit also ends the wait for a child that holds the pipes") {
  auto spec = script("sleep 600 & echo $!");
  spec.timeout = 200ms;
  const auto result = run(spec);
  CHECK(result.timed_out);
  CHECK(result.exit_code == 0);
  CHECK(dead_soon(std::stoi(result.standard_output)));
}

TEST_CASE("an exception of a callback leaves no process behind") {
  pid_t pid = 0;
  auto spec = script("echo $$; sleep 600");
  spec.on_stdout_line = [&](std::string_view line) {
    pid = std::stoi(std::string(line));
    throw std::runtime_error("enough");
  };
  CHECK_THROWS_WITH(run(spec), "enough");
  CHECK_FALSE(alive(pid));
}

TEST_CASE("a checked run returns the output or says why it failed") {
  CHECK(run_checked({.argv = {"echo", "x"}}) == "x\n");
  try {
    (void)run_checked(script("for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 2"));
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::internal);
    CHECK(std::string(error.what()) == "/bin/sh ended with status 2: line 3\nline 4\nline 5\nline 6\nline 7");
  }
}

TEST_CASE("many programs may run at once") {
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const auto text = std::to_string(t * 100 + i);
        if (run({.argv = {"cat"}, .standard_input = text}).standard_output == text) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 40);
}

TEST_CASE("a child process answers over its pipes") {
  ChildProcess child({.argv = {"cat"}});
  child.write("hello");
  CHECK(child.read_exactly(2, 5s) == "he");
  CHECK(child.read_exactly(3, 5s) == "llo");
  CHECK(child.running());
  child.terminate(5s);
  CHECK_FALSE(child.running());
  CHECK_FALSE(alive(child.pid()));
}

TEST_CASE("bytes that came before a deadline are not lost") {
  ChildProcess child({.argv = {"cat"}});
  child.write("ab");
  CHECK_THROWS_AS(child.read_exactly(3, 50ms), Error);
  child.write("c");
  CHECK(child.read_exactly(3, 5s) == "abc");
}

TEST_CASE("a silent child is retryable and a dead one is an internal fault") {
  ChildProcess silent({.argv = {"sleep", "600"}});
  ChildProcess dead({.argv = {"true"}});
  const auto fault = [](ChildProcess& child) {
    try {
      (void)child.read_exactly(1, 50ms);
    } catch (const Error& error) {
      return error.fault();
    }
    return Fault::invalid;
  };
  CHECK(fault(silent) == Fault::retryable);
  while (dead.running()) ::usleep(1'000);
  CHECK(fault(dead) == Fault::internal);
  CHECK_THROWS_AS(dead.write("x"), Error);
}

TEST_CASE("writing to a child that dies meanwhile fails instead of hanging or killing us") {
  ChildProcess child({.argv = {"/bin/sh", "-c", "read x; exit 0"}});
  CHECK_THROWS_AS(child.write(std::string(4 << 20, '\n')), Error);
}

TEST_CASE("a child that ignores the polite signal is killed with its group") {
  pid_t pid = 0, helper = 0;
  {
    ChildProcess child({.argv = {"/bin/sh", "-c", "trap '' TERM; sleep 600 & printf '%08d' $!; wait; sleep 600"}});
    pid = child.pid();
    helper = std::stoi(child.read_exactly(8, 5s));
    child.terminate(100ms);
    CHECK_FALSE(child.running());
  }
  CHECK_FALSE(alive(pid));
  CHECK(dead_soon(helper));
}

TEST_CASE("errors of a child arrive line by line, and whoever keeps the pipe cannot block its end") {
  std::mutex mutex;
  std::vector<std::string> lines;
  {
    ChildProcess child({.argv = {"/bin/sh", "-c", "echo one >&2; echo two >&2; setsid sleep 3 & printf x; wait"},
                        .on_stderr_line = [&](std::string_view line) {
                          const std::lock_guard guard(mutex);
                          lines.emplace_back(line);
                        }});
    CHECK(child.read_exactly(1, 5s) == "x");
    const Stopwatch watch;
    child.terminate(1s);
    CHECK(watch.elapsed() < 2500ms);
  }
  CHECK(lines == std::vector<std::string>{"one", "two"});
}

TEST_CASE("without pipes stdout joins stderr") {
  std::mutex mutex;
  std::string seen;
  ChildProcess child({.argv = {"echo", "hello"},
                      .on_stderr_line =
                          [&](std::string_view line) {
                            const std::lock_guard guard(mutex);
                            seen = line;
                          },
                      .pipe_stdio = false});
  const auto arrived = [&] {
    const std::lock_guard guard(mutex);
    return !seen.empty();
  };
  for (int i = 0; i < 1000 && !arrived(); ++i) ::usleep(5'000);
  const std::lock_guard guard(mutex);
  CHECK(seen == "hello");
  CHECK_THROWS_AS(child.write("x"), Error);
}

TEST_CASE("a child outlives the thread that started it") {
  std::unique_ptr<ChildProcess> child;
  std::thread([&] { child = std::make_unique<ChildProcess>(ChildProcess::Options{.argv = {"cat"}}); }).join();
  child->write("x");
  CHECK(child->read_exactly(1, 5s) == "x");
}

TEST_CASE("a child that cannot be started is not found") {
  CHECK_THROWS_AS(ChildProcess({.argv = {"/etc/passwd"}}), Error);
  CHECK_THROWS_AS(ChildProcess({.argv = {"cat"}, .working_directory = "/no/such/folder"}), Error);
  CHECK_THROWS_AS(ChildProcess({.argv = {"no-such-program"}, .die_with_parent = false}), Error);
}

TEST_CASE("a signal reaches the child") {
  ChildProcess child({.argv = {"/bin/sh", "-c", "trap 'printf got; exit' HUP; printf set; while :; do sleep 0.01; done"}});
  CHECK(child.read_exactly(3, 5s) == "set");
  child.send_signal(SIGHUP);
  CHECK(child.read_exactly(3, 5s) == "got");
}

}  // namespace process_test
