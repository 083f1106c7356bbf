#include <iostream>

#include "base/file.hpp"
#include "stemcells/agent/blobstore_dav/dav.hpp"

int main(int argc, char** argv) {
  using namespace slipway;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3 || words[0] != "-c") {
    std::cerr << "usage: bosh-blobstore-dav -c CONFIG.json get ID FILE | put FILE ID | exists ID | delete ID |\n"
                 "                          sign ID get|put SECONDS | fetch FILE | upload FILE\n"
                 "Example: bosh-blobstore-dav -c dav.json get 5f1c3c9e /var/vcap/data/tmp/blob\n";
    return 2;
  }
  try {
    const Json options = parse_json(read_file(words[1], 1u << 20), words[1]);
    std::cout << agent::run_dav_command(options, {words.begin() + 2, words.end()});
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << "\n";
    // BOSH's executables say "not there" with 3.
    return error.fault() == Fault::not_found ? 3 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
