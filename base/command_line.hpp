#pragma once

// What the daemons' command lines have in common: options by Boost.Program_options, and exit codes that hold for
// all of them: 0 fine, 1 it failed, 2 wrong usage.

#include <boost/program_options.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace slipway {

using Words = std::vector<std::string>;

// The words make no sense; what() says which and is shown with a hint to --help.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Fills the variables that the options are bound to. Throws UsageError for what is unknown, missing or malformed.
void read_options(const boost::program_options::options_description& known, const Words& words,
                  const boost::program_options::positional_options_description& positional = {});

// The body of a main(): `dispatch` gets the words after the program's name and gives the exit code; what it throws
// is told on standard error, after `program`.
int run_program(const std::string& program, int argc, char** argv, int (*dispatch)(const Words& words));

}  // namespace slipway
