#include "base/command_line.hpp"

#include <iostream>

namespace slipway {

namespace options = boost::program_options;

void read_options(const options::options_description& known, const Words& words,
                  const options::positional_options_description& positional) {
  options::variables_map values;
  try {
    options::store(options::command_line_parser(words).options(known).positional(positional).run(), values);
    options::notify(values);
  } catch (const options::error& error) {
    throw UsageError(error.what());
  }
}

int run_program(const std::string& program, int argc, char** argv, int (*dispatch)(const Words& words)) {
  try {
    return dispatch({argv + 1, argv + argc});
  } catch (const UsageError& error) {
    std::cerr << program << ": " << error.what() << "\nTry " << program << " --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << "\n";
    return 1;
  }
}

}  // namespace slipway
