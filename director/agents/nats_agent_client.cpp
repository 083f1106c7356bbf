#include "director/agents/nats_agent_client.hpp"

#include <nats/nats.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

namespace {

void check(natsStatus status, const char* doing) {
  if (status == NATS_OK) return;
  throw Error(Fault::retryable, std::string(doing) + ": " + natsStatus_GetText(status));
}

template <class T, void (*destroy)(T*)>
struct Destroyer {
  void operator()(T* object) const { destroy(object); }
};
using Options = std::unique_ptr<natsOptions, Destroyer<natsOptions, natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, Destroyer<natsConnection, natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroyer<natsSubscription, natsSubscription_Destroy>>;

// What may wait for its callback; beyond it libnats drops messages, which a sender repeats.
constexpr int most_waiting_messages = 65536;
constexpr int most_waiting_bytes = 32 << 20;

constexpr std::string_view heartbeat_prefix = "hm.agent.heartbeat.";

// An agent that is on its way back to the bus misses a message. What only looks is said again
// under the same reply subject, by which agents tell a repetition.
constexpr std::chrono::seconds repeat_pause{2};
bool may_be_repeated(const std::string& method) {
  return method == "ping" || method == "get_state" || method == "get_task";
}

}  // namespace

struct NatsAgentClient::State {
  NatsClientOptions options;
  Random& random;
  Log log;

  // Somebody who waits for an answer, or for a sign of life. Each has a condition of its own: a
  // message wakes the one it is for, however many wait.
  struct Waiting {
    std::condition_variable arrived;
    std::optional<std::string> reply;
    bool alive = false;
  };
  class Registered;

  std::mutex mutex;
  std::map<std::string, Waiting*> replies_to;          // by reply subject
  std::multimap<std::string, Waiting*> heartbeats_of;  // by agent

  Options nats_options;
  Connection connection;
  Subscription replies, heartbeats;

  State(NatsClientOptions o, Random& r, Log l) : options(std::move(o)), random(r), log(std::move(l)) {}

  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
    auto& self = *static_cast<State*>(closure);
    const std::string subject = natsMsg_GetSubject(message);
    const std::string_view payload(natsMsg_GetData(message),
                                   static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    self.deliver(subject, payload);
    natsMsg_Destroy(message);
  }

  // An answer nobody waits for any more is dropped, and a second one changes nothing.
  void deliver(const std::string& subject, std::string_view payload) {
    std::lock_guard lock(mutex);
    if (subject.starts_with(heartbeat_prefix)) {
      const auto [first, last] = heartbeats_of.equal_range(subject.substr(heartbeat_prefix.size()));
      for (auto it = first; it != last; ++it) {
        it->second->alive = true;
        it->second->arrived.notify_one();
      }
    } else if (const auto found = replies_to.find(subject); found != replies_to.end()) {
      if (!found->second->reply) found->second->reply = payload;
      found->second->arrived.notify_one();
    }
  }

  void publish(const AgentId& agent, const std::string& method, const Json& arguments,
               const std::string& reply_to, const std::string& request_id = {}) {
    const auto payload = agent::encode(agent::AgentRequest{3, method, arguments, reply_to, request_id});
    if (payload.size() > agent::max_payload_bytes) {
      throw Error(Fault::invalid, "message " + method + " of " + std::to_string(payload.size()) +
                                      " bytes is larger than the bus carries (" +
                                      std::to_string(agent::max_payload_bytes) + ")");
    }
    const auto subject = agent::request_subject(agent.value);
    check(natsConnection_Publish(connection.get(), subject.c_str(), payload.data(),
                                 static_cast<int>(payload.size())),
          "sending on the message bus");
  }
};

// In the tables for as long as it lives.
class NatsAgentClient::State::Registered {
 public:
  Registered(State& state, std::string reply_to, const AgentId* heartbeats_of = nullptr)
      : state_(state), reply_to_(std::move(reply_to)), heartbeat_(state.heartbeats_of.end()) {
    std::lock_guard lock(state_.mutex);
    state_.replies_to.emplace(reply_to_, &waiting_);
    if (heartbeats_of) heartbeat_ = state_.heartbeats_of.emplace(heartbeats_of->value, &waiting_);
  }
  ~Registered() {
    std::lock_guard lock(state_.mutex);
    state_.replies_to.erase(reply_to_);
    if (heartbeat_ != state_.heartbeats_of.end()) state_.heartbeats_of.erase(heartbeat_);
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

  const std::string& reply_to() const { return reply_to_; }

  // True once there is a reply or a heartbeat.
  bool wait_until(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(state_.mutex);
    return waiting_.arrived.wait_until(lock, deadline, [&] { return waiting_.reply || waiting_.alive; });
  }
  std::optional<std::string> take_reply() {
    std::lock_guard lock(state_.mutex);
    return std::move(waiting_.reply);
  }

 private:
  State& state_;
  const std::string reply_to_;
  Waiting waiting_;
  std::multimap<std::string, Waiting*>::iterator heartbeat_;
};

NatsAgentClient::NatsAgentClient(NatsClientOptions options, Random& random, Log log)
    : state_(std::make_unique<State>(std::move(options), random, std::move(log))) {
  State& s = *state_;
  natsOptions* raw = nullptr;
  check(natsOptions_Create(&raw), "preparing the message bus connection");
  s.nats_options.reset(raw);
  check(natsOptions_SetURL(raw, s.options.url.c_str()), "setting the bus address");
  check(natsOptions_SetSecure(raw, true), "asking for TLS");
  check(natsOptions_SetCATrustedCertificates(raw, s.options.ca_pem.c_str()), "trusting the bus CA");
  check(natsOptions_SetCertificatesChain(raw, s.options.identity.certificate_pem.c_str(),
                                         s.options.identity.private_key_pem.reveal().c_str()),
        "loading the director's bus certificate");
  check(natsOptions_SetExpectedHostname(raw, agent::nats_server_common_name), "naming the bus");
  check(natsOptions_SetMaxReconnect(raw, -1), "setting reconnects");
  check(natsOptions_SetReconnectWait(raw, 200), "setting reconnects");
  check(natsOptions_SetName(raw, "slipway-director"), "naming the connection");
  natsConnection* connection = nullptr;
  check(natsConnection_Connect(&connection, raw), "connecting to the message bus");
  s.connection.reset(connection);
  natsSubscription* subscription = nullptr;
  const auto wildcard = agent::reply_wildcard(s.options.director_uuid);
  check(natsConnection_Subscribe(&subscription, connection, wildcard.c_str(), State::on_message, &s),
        "listening");
  s.replies.reset(subscription);
  check(natsSubscription_SetPendingLimits(subscription, most_waiting_messages, most_waiting_bytes),
        "setting limits");
  check(natsConnection_Subscribe(&subscription, connection, "hm.agent.heartbeat.*", State::on_message, &s),
        "listening");
  s.heartbeats.reset(subscription);
  check(natsSubscription_SetPendingLimits(subscription, most_waiting_messages, most_waiting_bytes),
        "setting limits");
  check(natsConnection_FlushTimeout(connection, 5000), "listening");
}

// The subscriptions go before the state their callback uses: closing the connection and
// waiting for libnats' threads makes sure no callback runs any more.
NatsAgentClient::~NatsAgentClient() {
  if (!state_->connection) return;
  natsConnection_Close(state_->connection.get());
  state_->replies.reset();
  state_->heartbeats.reset();
}

Json NatsAgentClient::request(const AgentId& agent, const std::string& method, const Json& arguments,
                              std::chrono::milliseconds timeout, const std::string& request_id) {
  State& s = *state_;
  State::Registered answer(s, agent::reply_subject(s.options.director_uuid, agent.value, s.random.uuid()));
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (bool last = false; !last;) {
    s.publish(agent, method, arguments, answer.reply_to(), request_id);
    const auto pause_end = std::chrono::steady_clock::now() + repeat_pause;
    last = !may_be_repeated(method) || pause_end >= deadline;
    if (answer.wait_until(last ? deadline : pause_end)) break;
  }
  const auto payload = answer.take_reply();
  if (!payload) {
    throw Error(Fault::retryable, "agent " + agent.value + " did not answer " + method + " within " +
                                      std::to_string(timeout.count()) + " ms");
  }
  auto reply = agent::decode_reply(*payload);
  if (reply.exception) throw AgentError(*reply.exception);
  return std::move(reply.value);
}

void NatsAgentClient::post(const AgentId& agent, const std::string& method, const Json& arguments) {
  const auto reply_to =
      agent::reply_subject(state_->options.director_uuid, agent.value, state_->random.uuid());
  state_->publish(agent, method, arguments, reply_to);
}

void NatsAgentClient::announce(const std::string& subject, const Json& message) noexcept {
  try {
    const auto payload = dump(message);
    check(natsConnection_Publish(state_->connection.get(), subject.c_str(), payload.data(),
                                 static_cast<int>(payload.size())),
          "announcing");
  } catch (const std::exception& error) {
    state_->log.warn("bus.announcement_lost", {{"subject", subject}, {"error", error.what()}});
  }
}

// A ping sent before the agent listens is lost, so its first heartbeat counts as well.
bool NatsAgentClient::wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) {
  State& s = *state_;
  State::Registered sign(s, agent::reply_subject(s.options.director_uuid, agent.value, s.random.uuid()), &agent);
  s.publish(agent, "ping", Json::array(), sign.reply_to());
  return sign.wait_until(std::chrono::steady_clock::now() + timeout);
}

}  // namespace slipway::director
