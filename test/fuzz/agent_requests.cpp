// What an agent is sent over the bus, as far as its parsers: nothing is carried out.
#include "stemcells/agent/apply_spec.hpp"
#include "stemcells/agent/dns.hpp"
#include "stemcells/agent/protocol/protocol.hpp"
#include "stemcells/agent/settings.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  refusals_are_right([&] {
    const auto request = agent::decode_request(input);
    require(agent::decode_request(agent::encode(request)).arguments == request.arguments);
    for (const auto& argument : request.arguments) {
      refusals_are_right([&] {
        const auto spec = agent::parse_apply_spec(argument);
        for (const auto& job : spec.jobs) spec.job_folder_name(job);
        for (const auto& package : spec.packages) package.folder_name();
      });
      refusals_are_right([&] { agent::hosts_file(argument, "a"); });
      refusals_are_right([&] { agent::effective_settings(Json{{"agent_id", "a"}}, argument); });
    }
  });
}

}  // namespace slipway::fuzz
