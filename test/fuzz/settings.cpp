// What a cloud tells a node about itself, alone and as the update of other settings; and agent.json.
#include "stemcells/agent/settings.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  refusals_are_right([&] {
    const auto json = parse_json(input, "settings");
    refusals_are_right([&] { agent::effective_settings(json, nullptr); });
    refusals_are_right([&] { agent::effective_settings(json, json); });
    refusals_are_right([&] { agent::effective_settings(Json{{"agent_id", "a"}, {"mbus", "nats://127.0.0.1:1"}}, json); });
    refusals_are_right([&] { agent::parse_agent_config(json); });
  });
}

}  // namespace slipway::fuzz
