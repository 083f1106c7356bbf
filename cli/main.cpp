#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "cli/commands/commands.hpp"

using namespace slipway;
using namespace slipway::cli;

namespace {

constexpr const char* version = "0.1.0";

void print_help(std::ostream& out, const std::vector<Entry>& commands) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : commands) {
    rows.push_back({"  " + entry.manual.name + (entry.manual.arguments.empty() ? "" : " " + entry.manual.arguments),
                    entry.manual.summary});
  }
  out << "pks: clusters on VMs, by plan\n\nUsage:\n  pks COMMAND [flags]\n\n"
      << table({"Commands:", ""}, rows)
      << "\n  pks COMMAND --help  shows flags and examples\n  pks --version\n\n"
         "Exit codes: 0 fine, 1 the API or the login said no, 2 wrong usage, 3 --wait ended in failure,\n"
         "4 --wait reached its limit, 5 the question was answered with no.\n"
         "Files: ~/.pks/creds.yml, or $PKS_HOME/creds.yml\n";
}

bool names(const Manual& manual, const std::string& word) {
  return manual.name == word || std::find(manual.aliases.begin(), manual.aliases.end(), word) != manual.aliases.end();
}

int dispatch(Terminal& terminal, const Words& words) {
  SystemClock clock;
  const auto commands = all_commands(terminal, clock);
  const auto word = words.empty() ? "" : words.front();
  if (word.empty() || word == "-h" || word == "--help") {
    print_help(word.empty() ? terminal.err : terminal.out, commands);
    return word.empty() ? exit_usage : exit_ok;
  }
  if (word == "--version" || word == "version") {
    terminal.out << "pks " << version << "\n";
    return exit_ok;
  }
  const bool help = word == "help";
  if (help && words.size() == 1) {
    print_help(terminal.out, commands);
    return exit_ok;
  }
  const auto wanted = help ? words[1] : word;
  for (const auto& entry : commands) {
    if (!names(entry.manual, wanted)) continue;
    return entry.run(help ? Words{"--help"} : Words(words.begin() + 1, words.end()));
  }
  throw UsageError("'" + printable(wanted) + "' is no command; pks help lists them");
}

std::optional<std::string> environment(const char* name) {
  const auto value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  Terminal terminal{std::cin, std::cout, std::cerr, ::isatty(STDOUT_FILENO) != 0, environment};
  const auto complain = [](const std::string& text, int code) {
    std::cout << std::flush;
    std::cerr << (code == exit_usage ? "pks: " : "Error: ") << text << "\n";
    return code;
  };
  try {
    return dispatch(terminal, {argv + 1, argv + argc});
  } catch (const HelpWanted& help) {
    std::cout << help.what();
    return exit_ok;
  } catch (const UsageError& error) {
    return complain(error.what(), exit_usage);
  } catch (const Exit& exit) {
    return complain(exit.what(), exit.code);
  } catch (const std::exception& error) {
    return complain(error.what(), exit_error);
  }
}
