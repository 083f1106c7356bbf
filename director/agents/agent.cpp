#include <algorithm>
#include <utility>

#include "director/agents/agent_client.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

constexpr auto message_timeout = 45s;
constexpr auto first_poll = 20ms;
constexpr auto slowest_poll = 1000ms;
constexpr auto held_for_sure = 250ms;

int resends_of(const std::string& method) {
  if (method == "get_state") return 2;
  if (method == "get_task") return 4;
  if (method == "upload_blob") return 3;
  return 0;
}

}  // namespace

Agent::Agent(AgentClient& client, AgentId id, Clock& clock, std::function<void()> checkpoint)
    : client_(client), id_(std::move(id)), clock_(clock), checkpoint_(std::move(checkpoint)) {}

Json Agent::request_with_resends(const std::string& method, const Json& arguments, const std::string& request_id) {
  for (int left = resends_of(method);; --left) {
    try {
      return client_.request(id_, method, arguments, message_timeout, request_id);
    } catch (const Error& error) {
      if (error.fault() != Fault::retryable || left == 0) throw;
    }
  }
}

Json Agent::call(const std::string& method, const Json& arguments) {
  return with_context("asking agent " + id_.value + " to " + method,
                      [&] { return request_with_resends(method, arguments); });
}

// Our agent answers get_task when the task ends, or after half a second. Others answer at once: the
// pause between two looks grows with the task's age then, so that neither the many tasks of a few
// milliseconds nor those of minutes pay for the other.
Json Agent::poll(Json value, std::chrono::milliseconds limit) {
  const auto begun = clock_.monotonic();
  while (const auto task = agent::running_task_id(value)) {
    checkpoint_();
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - begun);
    if (limit.count() != 0 && age >= limit) {
      throw Error(Fault::retryable, "not finished after " + std::to_string(limit.count() / 1000) + " s");
    }
    const auto asked = clock_.monotonic();
    value = request_with_resends("get_task", Json::array({*task}));
    const bool was_held = clock_.monotonic() - asked >= held_for_sure;
    if (was_held || !agent::running_task_id(value)) continue;
    clock_.sleep_for(std::clamp<std::chrono::milliseconds>(age / 4, first_poll, slowest_poll));
  }
  return value;
}

Json Agent::follow(const std::string& method, const Json& arguments, std::chrono::milliseconds limit) {
  return poll(request_with_resends(method, arguments), limit);
}

std::string Agent::begin(const std::string& method, const Json& arguments, const std::string& request_id) {
  return with_context("running " + method + " on agent " + id_.value, [&] {
    const auto task = agent::running_task_id(request_with_resends(method, arguments, request_id));
    if (!task) throw Error(Fault::internal, "the agent answers without a task");
    return *task;
  });
}

Json Agent::await(const std::string& task, std::chrono::milliseconds limit) {
  return with_context("following task " + task + " of agent " + id_.value,
                      [&] { return poll(agent::running_task(task), limit); });
}

Json Agent::run(const std::string& method, const Json& arguments, std::chrono::milliseconds limit) {
  return with_context("running " + method + " on agent " + id_.value,
                      [&] { return follow(method, arguments, limit); });
}

// An AgentError is told apart before context is added: with it, it is an Error like any other.
void Agent::run_if_known(const std::string& method, const Json& arguments) {
  with_context("running " + method + " on agent " + id_.value, [&] {
    try {
      follow(method, arguments, std::chrono::milliseconds{0});
    } catch (const AgentError& error) {
      if (std::string_view(error.what()).find("unknown message") == std::string_view::npos) throw;
    }
  });
}

void Agent::wait_until_ready(std::chrono::milliseconds limit) {
  const auto deadline = clock_.monotonic() + limit;
  do {
    checkpoint_();
    if (client_.wait_for_life(id_, 1000ms)) return;
  } while (clock_.monotonic() < deadline);
  throw Error(Fault::retryable, "timed out after " + std::to_string(limit.count() / 1000) +
                                    " s waiting for agent " + id_.value + " to answer");
}

void Agent::post(const std::string& method, const Json& arguments) { client_.post(id_, method, arguments); }

}  // namespace slipway::director
