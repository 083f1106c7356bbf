#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::director {

using cpi::AgentId;

// The agent answered, and its answer was an exception.
class AgentError : public Error {
 public:
  explicit AgentError(const std::string& message) : Error(Fault::internal, message) {}
};

// The wire to the agents, reduced to what the director needs of it. Thread-safe.
// Source: contracts/agent-cpi.md section 2.
class AgentClient {
 public:
  virtual ~AgentClient() = default;

  // One message, one reply. Fault::retryable when none came in time, AgentError when the
  // agent answered with an exception. Of two long actions with one `request_id` an agent of ours
  // begins the first and tells of it again; empty: each is one of its own.
  virtual Json request(const AgentId& agent, const std::string& method, const Json& arguments,
                       std::chrono::milliseconds timeout, const std::string& request_id = {}) = 0;

  // Sends without waiting for anybody (delete_arp_entries, shutdown).
  virtual void post(const AgentId& agent, const std::string& method, const Json& arguments) = 0;

  // Returns once the agent has given a sign of life since the call began (a heartbeat or an
  // answer to a ping), or false at the end of `timeout`.
  virtual bool wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) = 0;
};

// A conversation with one agent: the resends and the long-task protocol.
class Agent {
 public:
  // `checkpoint` is called between polls and may throw (a cancelled task).
  Agent(
      AgentClient& client, AgentId id, Clock& clock, std::function<void()> checkpoint = [] {});

  const AgentId& id() const { return id_; }

  // A short action. Repeats a lost message as often as the contract allows for `method`.
  Json call(const std::string& method, const Json& arguments = Json::array());

  // A long action: follows the task until its value or exception is there. `limit` zero:
  // as long as it takes.
  Json run(const std::string& method, const Json& arguments = Json::array(),
           std::chrono::milliseconds limit = std::chrono::milliseconds{0});

  // The two halves of run(), for who has to know the agent's task in between: to cancel it, or to
  // find it again. begin() returns the task's id; await() follows it as run() does. Who may have
  // begun before, and not have learnt it, gives the same `request_id`.
  std::string begin(const std::string& method, const Json& arguments, const std::string& request_id);
  Json await(const std::string& task, std::chrono::milliseconds limit = std::chrono::milliseconds{0});

  // As run(), for an action that older agents do not have: they go without it.
  void run_if_known(const std::string& method, const Json& arguments = Json::array());

  // Fault::retryable when the agent has not answered by the end of `limit`.
  void wait_until_ready(std::chrono::milliseconds limit);

  void post(const std::string& method, const Json& arguments = Json::array());

 private:
  Json follow(const std::string& method, const Json& arguments, std::chrono::milliseconds limit);
  Json poll(Json value, std::chrono::milliseconds limit);
  Json request_with_resends(const std::string& method, const Json& arguments, const std::string& request_id = {});
  AgentClient& client_;
  AgentId id_;
  Clock& clock_;
  std::function<void()> checkpoint_;
};

}  // namespace slipway::director
