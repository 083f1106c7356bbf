// What a director writes to a CPI. Whatever it is, the CPI answers with one well-formed response.
#include <sstream>

#include "cpi/contract/server.hpp"
#include "cpi/simulated/simulated_cpi.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  static ManualClock clock;
  cpi::SimulatedCloud cloud;
  std::istringstream in{std::string(input)};
  std::ostringstream out;
  cpi::serve_one_call(in, out, [&](const Json&) { return std::make_unique<cpi::SimulatedCpi>(cloud, clock); });
  const auto response = parse_json(out.str(), "response");
  require(response.contains("result") && response.contains("error") && response.at("log").is_string());
}

}  // namespace slipway::fuzz
