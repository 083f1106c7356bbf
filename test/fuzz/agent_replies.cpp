// What a director is sent by agents: replies, one a line, and heartbeats.
#include "director/agents/agent_client.hpp"
#include "stemcells/agent/protocol/protocol.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {
namespace {

// An agent that answers with the input's lines in turn and is silent then.
class Scripted final : public director::AgentClient {
 public:
  explicit Scripted(std::string_view lines) : lines_(lines) {}
  Json request(const director::AgentId&, const std::string&, const Json&, std::chrono::milliseconds,
               const std::string&) override {
    if (lines_.empty()) throw Error(Fault::retryable, "silent");
    const auto end = std::min(lines_.find('\n'), lines_.size());
    auto reply = agent::decode_reply(lines_.substr(0, end));
    lines_.remove_prefix(std::min(end + 1, lines_.size()));
    if (reply.exception) throw director::AgentError(*reply.exception);
    return reply.value;
  }
  void post(const director::AgentId&, const std::string&, const Json&) override {}
  bool wait_for_life(const director::AgentId&, std::chrono::milliseconds) override { return !lines_.empty(); }

 private:
  std::string_view lines_;
};

}  // namespace

void run(std::string_view input) {
  ManualClock clock;
  for (const auto* method : {"get_state", "run_script"}) {
    Scripted client(input);
    director::Agent agent(client, director::AgentId{"a"}, clock);
    refusals_are_right([&] { agent.call(method); });
    refusals_are_right([&] { agent.run(method, Json::array(), std::chrono::minutes(5)); });
    refusals_are_right([&] { agent.run_if_known(method); });
  }
  refusals_are_right([&] {
    const auto heartbeat = agent::heartbeat_from_json(parse_json(input, "heartbeat"));
    require(agent::to_json(agent::heartbeat_from_json(agent::to_json(heartbeat))) == agent::to_json(heartbeat));
  });
}

}  // namespace slipway::fuzz
