#include "stemcells/agent/bus.hpp"

#include <nats/nats.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::agent {

using namespace std::chrono_literals;

namespace {

struct OptionsDeleter {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};
using Options = std::unique_ptr<natsOptions, OptionsDeleter>;

void check(natsStatus status, const char* doing) {
  if (status == NATS_OK) return;
  const char* detail = nats_GetLastError(nullptr);
  std::string text = std::string(doing) + ": " + natsStatus_GetText(status);
  if (detail && *detail) text += std::string(" (") + detail + ")";
  throw Error(Fault::retryable, text);
}

// 100 ms, 200 ms … 10 s, each between half and the whole of it, so that a thousand agents
// do not come back in one moment.
std::chrono::milliseconds pause_after(int attempts) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const auto full = std::min(std::chrono::milliseconds(10s), 100ms * (1 << std::min(attempts, 7)));
  return full / 2 + std::chrono::milliseconds(random() % static_cast<unsigned>(full.count() / 2 + 1));
}

}  // namespace

bool may_reply_to(const std::string& subject) {
  if (!subject.starts_with("director.") || subject.size() > 1024 || subject.back() == '.') return false;
  for (const char c : subject) {
    if (c <= ' ' || c == '*' || c == '>' || c == 0x7f) return false;
  }
  return subject.find("..") == std::string::npos;
}

namespace {

// One connection with its subscription. Callbacks hold a shared pointer's target alive by
// living no longer than the connection: the destructor closes and waits.
class Connection {
 public:
  Connection(const BusSettings& settings, const Bus::Handler& handler, const std::function<void()>& probed,
             const NodeLog& log, std::function<void()> lost, std::function<void()> connected)
      : handler_(handler), probed_(probed), log_(log), lost_(std::move(lost)), connected_(std::move(connected)) {
    try {
      open(settings);
    } catch (...) {
      close();
      throw;
    }
  }
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool publish(const std::string& subject, std::string_view payload) const {
    return natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED &&
           natsConnection_Publish(connection_, subject.c_str(), payload.data(), static_cast<int>(payload.size())) ==
               NATS_OK;
  }
  void flush() const { natsConnection_FlushTimeout(connection_, 2000); }
  bool closed() const { return closed_; }

 private:
  void open(const BusSettings& settings) {
    natsOptions* raw = nullptr;
    check(natsOptions_Create(&raw), "NATS options");
    const Options options(raw);
    std::vector<const char*> urls;
    for (const auto& url : settings.urls) urls.push_back(url.c_str());
    check(natsOptions_SetServers(raw, urls.data(), static_cast<int>(urls.size())), "NATS servers");
    check(natsOptions_SetIgnoreDiscoveredServers(raw, true), "NATS servers");
    check(natsOptions_SetName(raw, settings.agent_id.c_str()), "NATS name");
    check(natsOptions_SetTimeout(raw, 5000), "NATS timeout");
    check(natsOptions_SetPingInterval(raw, 20'000), "NATS ping interval");
    check(natsOptions_SetMaxPingsOut(raw, 2), "NATS pings");
    check(natsOptions_SetMaxReconnect(raw, -1), "NATS reconnect");
    check(natsOptions_SetReconnectBufSize(raw, 4096), "NATS buffer");
    check(natsOptions_SetMaxPendingMsgs(raw, 256), "NATS pending");
    check(natsOptions_SetIOBufSize(raw, 8192), "NATS buffer");
    check(natsOptions_SetCustomReconnectDelay(raw, &Connection::reconnect_delay, this), "NATS reconnect");
    check(natsOptions_SetErrorHandler(raw, &Connection::on_error, this), "NATS handler");
    check(natsOptions_SetClosedCB(raw, &Connection::on_closed, this), "NATS handler");
    check(natsOptions_SetDisconnectedCB(raw, &Connection::on_disconnected, this), "NATS handler");
    check(natsOptions_SetReconnectedCB(raw, &Connection::on_reconnected, this), "NATS handler");
    if (settings.identity.complete()) secure(raw, settings.identity);
    check(natsConnection_Connect(&connection_, raw), "connecting to NATS");
    check(natsConnection_Subscribe(&subscription_, connection_, request_subject(settings.agent_id).c_str(),
                                   &Connection::on_message, this),
          "subscribing");
    check(natsSubscription_SetPendingLimits(subscription_, 256, 4 * static_cast<int>(max_payload_bytes)), "limits");
    check(natsConnection_Subscribe(&probes_, connection_, probe_subject(settings.agent_id).c_str(),
                                   &Connection::on_probe, this),
          "subscribing");
    check(natsSubscription_SetPendingLimits(probes_, 16, 4096), "limits");
    check(natsConnection_FlushTimeout(connection_, 5000), "subscribing");
    if (refused_) throw Error(Fault::retryable, "NATS refuses the subscription");
  }

  static void secure(natsOptions* raw, const BusIdentity& identity) {
    check(natsOptions_SetSecure(raw, true), "NATS TLS");
    check(natsOptions_SetCATrustedCertificates(raw, identity.ca_pem.c_str()), "NATS CA");
    check(natsOptions_SetCertificatesChain(raw, identity.certificate_pem.c_str(),
                                           identity.private_key_pem.reveal().c_str()),
          "NATS certificate");
    // OpenSSL takes a leading dot as "any name below".
    check(natsOptions_SetExpectedHostname(raw, ".nats.bosh-internal"), "NATS host name");
  }

  void close() {
    ending_ = true;
    if (subscription_) natsSubscription_Unsubscribe(subscription_);
    if (probes_) natsSubscription_Unsubscribe(probes_);
    if (connection_) {
      natsConnection_Close(connection_);
      // The closed callback is the last one libnats makes for a connection.
      std::unique_lock lock(mutex_);
      end_.wait_for(lock, 10s, [this] { return closed_.load(); });
    }
    natsSubscription_Destroy(subscription_);
    natsSubscription_Destroy(probes_);
    natsConnection_Destroy(connection_);
    subscription_ = probes_ = nullptr;
    connection_ = nullptr;
  }

  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    auto* own = static_cast<Connection*>(self);
    const std::string payload(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    natsMsg_Destroy(message);
    if (!own->ending_) own->handler_(payload);
  }

  static void on_probe(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    auto* own = static_cast<Connection*>(self);
    natsMsg_Destroy(message);
    if (!own->ending_) own->probed_();
  }

  static void on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* self) {
    auto* own = static_cast<Connection*>(self);
    const char* detail = nullptr;
    natsConnection_GetLastError(connection, &detail);
    const std::string text = detail ? detail : "";
    own->log_.warn("bus.error", {{"status", natsStatus_GetText(status)}, {"detail", text}});
    // Permission to listen may come a moment after the agent does: try again from scratch. Probes are ours: a
    // BOSH director's bus does not know them.
    const bool probes = text.find("hm.probe.") != std::string::npos;
    if (status == NATS_NOT_PERMITTED && text.find("ubscription") != std::string::npos && !probes) {
      own->refused_ = true;
      if (!own->ending_) own->lost_();
    }
  }

  static void on_closed(natsConnection*, void* self) {
    auto* own = static_cast<Connection*>(self);
    if (!own->ending_) own->lost_();
    const std::lock_guard lock(own->mutex_);
    own->closed_ = true;
    own->end_.notify_all();
  }

  static void on_disconnected(natsConnection*, void* self) {
    auto* own = static_cast<Connection*>(self);
    if (!own->ending_) own->log_.warn("bus.disconnected");
  }

  static void on_reconnected(natsConnection*, void* self) {
    auto* own = static_cast<Connection*>(self);
    own->log_.info("bus.reconnected");
    if (!own->ending_) own->connected_();
  }

  static int64_t reconnect_delay(natsConnection*, int attempts, void*) { return pause_after(attempts).count(); }

  Bus::Handler handler_;
  std::function<void()> probed_;
  NodeLog log_;
  std::function<void()> lost_, connected_;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
  natsSubscription* probes_ = nullptr;
  std::atomic<bool> ending_{false}, closed_{false}, refused_{false};
  std::mutex mutex_;
  std::condition_variable end_;
};

}  // namespace

struct Bus::State {
  State(BusSettings s, Handler h, std::function<void()> p, NodeLog l)
      : settings(std::move(s)), handler(std::move(h)), probed(std::move(p)), log(std::move(l)) {}

  BusSettings settings;
  Handler handler;
  std::function<void()> probed;
  NodeLog log;
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<Connection> connection;
  bool lost = true;
  bool ending = false;
  std::function<void()> connected;
  std::mutex replacing;
  std::thread keeper;

  void note_lost() {
    {
      const std::lock_guard lock(mutex);
      lost = true;
    }
    changed.notify_all();
  }

  void note_connected() {
    std::function<void()> callback;
    {
      const std::lock_guard lock(mutex);
      callback = connected;
    }
    if (callback) callback();
  }

  std::shared_ptr<Connection> open(const BusSettings& with) {
    return std::make_shared<Connection>(
        with, handler, probed, log, [this] { note_lost(); }, [this] { note_connected(); });
  }

  void keep() {
    int attempts = 0;
    std::unique_lock lock(mutex);
    while (!ending) {
      if (!lost) {
        changed.wait(lock, [this] { return ending || lost; });
        continue;
      }
      const auto old = std::exchange(connection, nullptr);
      lost = false;
      lock.unlock();
      const bool ok = reconnect(old, attempts);
      attempts = ok ? 0 : attempts + 1;
      lock.lock();
      if (!ok) {
        lost = true;
        changed.wait_for(lock, pause_after(attempts), [this] { return ending; });
      }
    }
  }

  bool reconnect(std::shared_ptr<Connection> old, int attempts) {
    old.reset();
    const std::lock_guard one(replacing);
    try {
      auto fresh = open(settings);
      {
        const std::lock_guard lock(mutex);
        connection = std::move(fresh);
      }
      log.info("bus.connected", {{"attempts", std::to_string(attempts + 1)}});
      note_connected();
      return true;
    } catch (const std::exception& error) {
      log.warn("bus.connect_failed", {{"error", error.what()}});
      return false;
    }
  }
};

Bus::Bus(BusSettings settings, Handler handler, std::function<void()> probed, NodeLog log)
    : state_(std::make_shared<State>(std::move(settings), std::move(handler), std::move(probed), std::move(log))) {}

Bus::~Bus() { stop(); }

void Bus::start() {
  state_->keeper = std::thread([state = state_.get()] { state->keep(); });
}

void Bus::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_all();
  if (state_->keeper.joinable()) state_->keeper.join();
  const std::lock_guard one(state_->replacing);
  std::shared_ptr<Connection> last;
  {
    const std::lock_guard lock(state_->mutex);
    last = std::exchange(state_->connection, nullptr);
  }
}

bool Bus::publish(const std::string& subject, std::string_view payload) {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(state_->mutex);
    connection = state_->connection;
  }
  return connection && connection->publish(subject, payload);
}

void Bus::flush() {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(state_->mutex);
    connection = state_->connection;
  }
  if (connection) connection->flush();
}

void Bus::replace(BusSettings settings) {
  std::shared_ptr<Connection> old;
  {
    const std::lock_guard one(state_->replacing);
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->ending) throw Error(Fault::cancelled, "the agent is ending");
    }
    auto fresh = with_context("the message bus refuses the new settings",
                              [&] { return state_->open(settings); });
    const std::lock_guard lock(state_->mutex);
    state_->settings = std::move(settings);
    old = std::exchange(state_->connection, std::move(fresh));
    state_->lost = false;
  }
  state_->log.info("bus.identity_replaced");
}

void Bus::on_connected(std::function<void()> callback) {
  const std::lock_guard lock(state_->mutex);
  state_->connected = std::move(callback);
}

}  // namespace slipway::agent
