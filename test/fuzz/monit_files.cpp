// A job's monit file, as a release brings it to the node.
#include "stemcells/agent/monit.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  refusals_are_right([&] {
    for (const auto& process : agent::parse_monit(input, "input").processes)
      require(!process.name.empty() && !process.pid_file.empty() && !process.start.argv.empty());
  });
}

}  // namespace slipway::fuzz
