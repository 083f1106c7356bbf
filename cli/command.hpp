#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "cli/api.hpp"

namespace slipway::cli {

using Words = std::vector<std::string>;

// What help shows of a command.
struct Manual {
  std::string name;
  std::vector<std::string> aliases;
  std::string arguments;  // "CLUSTER-NAME", several parted by blanks, or empty
  std::string summary;
  std::vector<std::string> examples;
};

// -h was given; the help is what().
struct HelpWanted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The words behind a command. Reads flags and as many arguments as the manual has.
class CommandLine {
 public:
  explicit CommandLine(Manual manual);
  // program_options' own syntax: flags()("wait", …).
  boost::program_options::options_description_easy_init flags() { return known_.add_options(); }
  void parse(const Words& words);  // UsageError, HelpWanted
  const std::string& argument(std::size_t index = 0) const { return arguments_.at(index); }
  bool given(const std::string& flag) const { return values_.count(flag) != 0 && !values_[flag].defaulted(); }

 private:
  Manual manual_;
  boost::program_options::options_description known_{"Flags"};
  boost::program_options::variables_map values_;
  Words arguments_;
};

std::string help_of(const Manual& manual);

}  // namespace slipway::cli
