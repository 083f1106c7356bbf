#include "health-monitor/bus/bus.hpp"

#include <nats/nats.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::health {

namespace {

using namespace std::chrono_literals;

template <class T, void (*destroy)(T*)>
struct Destroyer {
  void operator()(T* object) const { destroy(object); }
};
using Options = std::unique_ptr<natsOptions, Destroyer<natsOptions, natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, Destroyer<natsConnection, natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroyer<natsSubscription, natsSubscription_Destroy>>;

// Some seconds of a large fleet's heartbeats.
constexpr int most_waiting_messages = 1 << 20;
constexpr int most_waiting_bytes = 512 << 20;
// So many messages are worked off in a few milliseconds: whoever waits in there is as good as heard.
constexpr int short_queue = 1000;

void check(natsStatus status, const char* doing) {
  if (status == NATS_OK) return;
  throw Error(Fault::retryable, std::string(doing) + ": " + natsStatus_GetText(status));
}

std::string_view payload_of(natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

std::string_view last_token(natsMsg* message) {
  const std::string_view subject = natsMsg_GetSubject(message);
  return subject.substr(subject.rfind('.') + 1);
}

}  // namespace

struct NatsBus::State {
  Ears ears;
  Log log;
  Options options;
  Connection connection;
  Subscription heartbeats, alerts, shutdowns, director_alerts, changes;
  std::atomic<bool> ending{false};
  std::mutex mutex;
  std::condition_variable end;
  bool closed = false;

  State(Ears e, Log l) : ears(std::move(e)), log(std::move(l)) {}

  using OfAgent = std::function<void(std::string_view, std::string_view)>;
  using Plain = std::function<void(std::string_view)>;

  // `hear` outlives the subscription.
  static void on_agent(natsConnection*, natsSubscription*, natsMsg* message, void* hear) {
    (*static_cast<OfAgent*>(hear))(last_token(message), payload_of(message));
    natsMsg_Destroy(message);
  }
  static void on_plain(natsConnection*, natsSubscription*, natsMsg* message, void* hear) {
    (*static_cast<Plain*>(hear))(payload_of(message));
    natsMsg_Destroy(message);
  }
  static void on_error(natsConnection*, natsSubscription*, natsStatus status, void* self) {
    static_cast<State*>(self)->log.warn("bus.error", {{"status", natsStatus_GetText(status)}});
  }

  static void on_interruption(natsConnection*, void* self) {
    auto* own = static_cast<State*>(self);
    if (!own->ending) own->ears.interrupted();
  }
  static void on_closed(natsConnection*, void* self) {
    auto* own = static_cast<State*>(self);
    std::lock_guard lock(own->mutex);
    own->closed = true;
    own->end.notify_all();
  }

  Subscription subscribe(const std::string& subject, natsMsgHandler handler, void* closure) {
    natsSubscription* raw = nullptr;
    check(natsConnection_Subscribe(&raw, connection.get(), subject.c_str(), handler, closure), "listening");
    Subscription subscription(raw);
    check(natsSubscription_SetPendingLimits(raw, most_waiting_messages, most_waiting_bytes), "setting limits");
    return subscription;
  }

  void open(const BusIdentity& identity) {
    natsOptions* raw = nullptr;
    check(natsOptions_Create(&raw), "preparing the message bus connection");
    options.reset(raw);
    check(natsOptions_SetURL(raw, identity.url.c_str()), "setting the bus address");
    check(natsOptions_SetIgnoreDiscoveredServers(raw, true), "setting the bus address");
    if (!identity.identity.certificate_pem.empty()) {
      check(natsOptions_SetSecure(raw, true), "asking for TLS");
      check(natsOptions_SetCATrustedCertificates(raw, identity.ca_pem.c_str()), "trusting the bus CA");
      check(natsOptions_SetCertificatesChain(raw, identity.identity.certificate_pem.c_str(),
                                             identity.identity.private_key_pem.reveal().c_str()),
            "loading the bus certificate");
      check(natsOptions_SetExpectedHostname(raw, agent::nats_server_common_name), "naming the bus");
    }
    check(natsOptions_SetTimeout(raw, 5000), "setting limits");
    check(natsOptions_SetMaxReconnect(raw, -1), "setting reconnects");
    check(natsOptions_SetReconnectWait(raw, 200), "setting reconnects");
    check(natsOptions_SetErrorHandler(raw, &State::on_error, this), "setting callbacks");
    check(natsOptions_SetDisconnectedCB(raw, &State::on_interruption, this), "setting callbacks");
    check(natsOptions_SetReconnectedCB(raw, &State::on_interruption, this), "setting callbacks");
    check(natsOptions_SetClosedCB(raw, &State::on_closed, this), "setting callbacks");
    check(natsOptions_SetName(raw, "slipway-health-monitor"), "naming the connection");
    natsConnection* made = nullptr;
    check(natsConnection_Connect(&made, raw), "connecting to the message bus");
    connection.reset(made);
    heartbeats = subscribe(agent::heartbeat_subject("*"), &State::on_agent, &ears.heartbeat);
    alerts = subscribe(agent::alert_subject("*"), &State::on_agent, &ears.alert);
    shutdowns = subscribe(agent::shutdown_subject("*"), &State::on_agent, &ears.shutdown);
    director_alerts = subscribe("hm.director.alert", &State::on_plain, &ears.director_alert);
    changes = subscribe(agent::changes_subject, &State::on_plain, &ears.changed);
    check(natsConnection_FlushTimeout(made, 5000), "listening");
  }

  // The closed callback is the last one libnats makes for a connection: nothing uses what goes next.
  void close() {
    ending = true;
    if (connection) {
      natsConnection_Close(connection.get());
      std::unique_lock lock(mutex);
      end.wait_for(lock, 10s, [this] { return closed; });
    }
    heartbeats.reset();
    alerts.reset();
    shutdowns.reset();
    director_alerts.reset();
    changes.reset();
    connection.reset();
  }
};

NatsBus::NatsBus(const BusIdentity& identity, Ears ears, Log log)
    : state_(std::make_unique<State>(std::move(ears), std::move(log))) {
  try {
    state_->open(identity);
  } catch (...) {
    state_->close();
    throw;
  }
}

NatsBus::~NatsBus() { state_->close(); }

void NatsBus::probe(const std::string& agent) {
  if (natsConnection_Status(state_->connection.get()) != NATS_CONN_STATUS_CONNECTED) return;
  natsConnection_Publish(state_->connection.get(), agent::probe_subject(agent).c_str(), "", 0);
}

// The server's PONG comes behind what it sent before; that may still wait for its callback.
bool NatsBus::round_trip(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  auto* connection = state_->connection.get();
  if (natsConnection_Status(connection) != NATS_CONN_STATUS_CONNECTED) return false;
  if (natsConnection_FlushTimeout(connection, limit.count()) != NATS_OK) return false;
  for (;;) {
    int messages = 0, bytes = 0;
    if (natsSubscription_GetPending(state_->heartbeats.get(), &messages, &bytes) != NATS_OK) return false;
    if (messages <= short_queue) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace slipway::health
