#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "base/process.hpp"
#include "stemcells/agent/contract/node_under_test.hpp"

// Goal 7: the memory of an agent that is connected over TLS and idle, and of a program that has
// only set the TLS library up.
//
//   slipway-bench-agent-memory SECONDS     how long the agent idles before it is looked at
//
// Prints: agent RSS, agent anonymous, baseline RSS, baseline anonymous, all in KiB.
namespace {

using namespace slipway;
namespace fs = std::filesystem;

fs::path own_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

struct Memory {
  long rss_kib = 0, anonymous_kib = 0;
};

Memory memory_of(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/smaps_rollup");
  Memory memory;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    long kib = 0;
    words >> key >> kib;
    if (key == "Rss:") memory.rss_kib = kib;
    if (key == "Anonymous:") memory.anonymous_kib = kib;
  }
  return memory;
}

// The child of this process, whichever thread started it, with that name.
pid_t child_named(const std::string& name) {
  for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
    std::ifstream children(thread.path() / "children");
    for (pid_t child = 0; children >> child;) {
      std::ifstream in("/proc/" + std::to_string(child) + "/comm");
      std::string comm;
      std::getline(in, comm);
      if (comm == name) return child;
    }
  }
  throw Error(Fault::not_found, "no child is called " + name);
}

}  // namespace

int main(int argc, char** argv) {
  const std::chrono::seconds idle{argc > 1 ? std::atoi(argv[1]) : 5};
  try {
    ChildProcess::Options options;
    options.argv = {(own_folder() / "slipway-bench-idle-tls").string()};
    options.pipe_stdio = false;
    ChildProcess baseline(options);
    agent::contract::NodeUnderTest node;
    node.wait_until_ready();
    std::this_thread::sleep_for(idle);
    const auto ours = memory_of(child_named("bosh-agent"));
    const auto floor = memory_of(baseline.pid());
    std::cout << ours.rss_kib << " " << ours.anonymous_kib << " " << floor.rss_kib << " " << floor.anonymous_kib << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-agent-memory: " << error.what() << "\n";
    return 1;
  }
}
