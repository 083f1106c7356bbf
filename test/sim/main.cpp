#include <unistd.h>

#include <charconv>
#include <iostream>
#include <mutex>
#include <thread>

#include "base/parallel.hpp"
#include "test/sim/simulation.hpp"

namespace {

using namespace slipway;
using namespace slipway::sim;

constexpr const char* usage =
    "slipway-sim [--seeds N] [--seed S] [--minutes M] [--trace]\n"
    "  --seeds N    so many worlds, of the seeds S, S+1 … (1)\n"
    "  --seed S     the first seed (1)\n"
    "  --minutes M  of faults in each world (30)\n"
    "  --trace      print what happens, line by line; one world at a time\n";

struct Words {
  std::uint64_t seeds = 1, seed = 1, minutes = 30;
  bool trace = false;
};

bool read_number(const char* text, std::uint64_t& number) {
  const std::string_view word(text);
  const auto end = word.data() + word.size();
  return std::from_chars(word.data(), end, number).ptr == end;
}

bool read(int argc, char** argv, Words& words) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto number = word == "--seeds"     ? &words.seeds
                        : word == "--seed"    ? &words.seed
                        : word == "--minutes" ? &words.minutes
                                              : nullptr;
    if (word == "--trace") {
      words.trace = true;
    } else if (!number) {
      std::cerr << "slipway-sim: '" << word << "' is no option\n";
      return false;
    } else if (++i == argc || !read_number(argv[i], *number)) {
      std::cerr << "slipway-sim: " << word << " needs a number" << (i == argc ? "" : std::string(", not '") + argv[i] + "'") << "\n";
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Words words;
  if (!read(argc, argv, words)) {
    std::cerr << usage;
    return 2;
  }
  std::mutex mutex;
  std::uint64_t failed = 0, turns = 0;
  Duration simulated{};
  std::map<std::string, int> faults;
  const auto begun = std::chrono::steady_clock::now();
  const auto at_once = words.trace ? 1u : std::max(1u, std::thread::hardware_concurrency());
  parallel_for(words.seeds, at_once, [&](std::size_t i) {
    Settings settings{.seed = words.seed + i, .storm = std::chrono::minutes(words.minutes)};
    if (words.trace) settings.show = [](const std::string& line) { std::cout << line << "\n"; };
    const auto outcome = simulate(settings);
    const std::lock_guard lock(mutex);
    simulated += outcome.simulated;
    turns += outcome.turns;
    for (const auto& [name, count] : outcome.faults) faults[name] += count;
    if (words.seeds <= 20 || !outcome.problem.empty())
      std::cout << "seed " << outcome.seed << ": " << (outcome.problem.empty() ? "good" : "BROKEN") << ", "
                << outcome.lines << " lines, digest " << std::hex << outcome.digest << std::dec << "\n";
    if (outcome.problem.empty()) return;
    ++failed;
    std::cout << outcome.last_lines << outcome.problem << "\nreplay: ./dev sim --seed " << outcome.seed
              << (words.minutes == 30 ? "" : " --minutes " + std::to_string(words.minutes)) << " --trace\n";
  });
  const auto spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  for (const auto& [name, count] : faults) std::cout << count << " times " << name << "\n";
  std::cout << std::chrono::duration_cast<std::chrono::hours>(simulated).count() << " h of "
            << words.seeds << " worlds in " << static_cast<std::uint64_t>(spent) << " s, " << turns << " turns\n";
  std::cout << words.seeds - failed << " passed, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}
