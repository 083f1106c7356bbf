#include "director/tasks/task_output.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include <thread>

#include "base/file.hpp"

using namespace slipway;
using namespace slipway::director;

namespace task_output_test {

TEST_CASE("lines from several threads stay whole") {
  TempDir folder;
  const auto path = (folder.path() / "7" / "event").string();
  int changes = 0;
  std::mutex mutex;
  FileOutput output(path, [&] {
    std::lock_guard lock(mutex);
    ++changes;
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) output.append(std::string(100, static_cast<char>('a' + t)));
    });
  for (auto& thread : threads) thread.join();
  CHECK(changes == 200);
  const auto text = read_file(path);
  CHECK(text.size() == 200 * 101);
  for (std::size_t at = 0; at < text.size(); at += 101) {
    CHECK(text[at + 100] == '\n');
    CHECK(text.substr(at, 100) == std::string(100, text[at]));
  }
}

TEST_CASE("half a line that a power cut left is removed before the next one") {
  TempDir folder;
  const auto path = (folder.path() / "event").string();
  write_file_atomically(path, "{\"a\":1}\n{\"b\"");
  FileOutput output(path, [] {});
  output.append("{\"c\":3}");
  CHECK(read_file(path) == "{\"a\":1}\n{\"c\":3}\n");
}

TEST_CASE("a muted output swallows lines") {
  TempDir folder;
  const auto path = (folder.path() / "event").string();
  FileOutput output(path, [] {});
  output.append("one");
  output.mute();
  output.append("two");
  CHECK(read_file(path) == "one\n");
}

TEST_CASE("a disk that fills up in the middle of a line leaves no half line and a clear error") {
  TempDir folder;
  const auto path = (folder.path() / "event").string();
  FileOutput output(path, [] {});
  output.append(std::string(90, 'a'));
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{100, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tight);
  std::optional<Fault> fault;
  try {
    output.append(std::string(90, 'b'));
  } catch (const Error& error) {
    fault = error.fault();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK(fault == Fault::exhausted);
  CHECK(read_file(path) == std::string(90, 'a') + "\n");
}

TEST_CASE("/dev/full fails the append and not the process") {
  FileOutput output("/dev/full", [] {});
  CHECK_THROWS_AS(output.append("line"), Error);
}

}  // namespace task_output_test
