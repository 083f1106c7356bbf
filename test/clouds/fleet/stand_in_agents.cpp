#include "test/clouds/fleet/stand_in_agents.hpp"

#include <nats/nats.h>

#include <iostream>
#include <utility>

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::test {

namespace {

struct Certificate {
  std::string ca, certificate, private_key;
};

Certificate certificate_in(const Json& cert) {
  const auto text = [&](const char* key) { return cert.at(key).get<std::string>(); };
  return {text("ca"), text("certificate"), text("private_key")};
}

}  // namespace

// One agent's connection. Messages come one after the other, on a thread of the NATS library.
class StandInAgents::OnBus {
 public:
  OnBus(std::string id, std::string url, const Certificate& certificate, SimulatedAgents& agents)
      : id_(std::move(id)), url_(std::move(url)), agents_(agents) {
    connect(certificate);
  }
  ~OnBus() { disconnect(); }
  OnBus(const OnBus&) = delete;
  OnBus& operator=(const OnBus&) = delete;

  // Not from a message's thread: a new certificate waits until somebody comes by.
  void renew() {
    std::unique_lock lock(mutex_);
    if (!next_) return;
    const auto certificate = *next_;
    next_.reset();
    lock.unlock();
    // Both listen as one queue for a moment, and the old one ends what it has begun: no request is lost or comes twice.
    auto* old_subscription = std::exchange(subscription_, nullptr);
    auto* old_connection = std::exchange(connection_, nullptr);
    connect(certificate);
    if (old_subscription != nullptr && natsSubscription_Drain(old_subscription) == NATS_OK) {
      natsSubscription_WaitForDrainCompletion(old_subscription, 10'000);
    }
    natsSubscription_Destroy(old_subscription);
    if (old_connection != nullptr) natsConnection_Close(old_connection);
    natsConnection_Destroy(old_connection);
  }

 private:
  void connect(const Certificate& certificate) {
    natsOptions* options = nullptr;
    natsOptions_Create(&options);
    natsOptions_SetURL(options, url_.c_str());
    natsOptions_SetSecure(options, true);
    natsOptions_SetCATrustedCertificates(options, certificate.ca.c_str());
    natsOptions_SetCertificatesChain(options, certificate.certificate.c_str(),
                                     certificate.private_key.c_str());
    natsOptions_SetExpectedHostname(options, agent::nats_server_common_name);
    const auto status = natsConnection_Connect(&connection_, options);
    natsOptions_Destroy(options);
    if (status != NATS_OK) {
      std::cerr << "stand-in agent " << id_ << " cannot connect: " << natsStatus_GetText(status) << "\n";
      connection_ = nullptr;
      return;
    }
    natsConnection_QueueSubscribe(&subscription_, connection_, agent::request_subject(id_).c_str(), id_.c_str(),
                                  &OnBus::on_message, this);
    natsConnection_FlushTimeout(connection_, 5000);
  }

  void disconnect() {
    natsSubscription_Destroy(subscription_);
    if (connection_ != nullptr) natsConnection_Close(connection_);
    natsConnection_Destroy(connection_);
    subscription_ = nullptr;
    connection_ = nullptr;
  }

  static void on_message(natsConnection* connection, natsSubscription*, natsMsg* message, void* self) {
    const std::string payload(natsMsg_GetData(message),
                              static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    natsMsg_Destroy(message);
    static_cast<OnBus*>(self)->answer(connection, payload);
  }

  void answer(natsConnection* connection, const std::string& payload) {
    agent::AgentReply reply;
    std::string reply_to;
    try {
      const auto request = agent::decode_request(payload);
      reply_to = request.reply_to;
      reply.value = agents_.request({id_}, request.method, request.arguments, std::chrono::seconds(5));
      if (request.method == "update_settings") remember_certificate(request.arguments);
    } catch (const std::exception& error) {
      reply.exception = error.what();
    }
    if (reply_to.empty()) return;
    const auto text = agent::encode(reply);
    natsConnection_Publish(connection, reply_to.c_str(), text.data(), static_cast<int>(text.size()));
    natsConnection_FlushTimeout(connection, 5000);
  }

  void remember_certificate(const Json& arguments) {
    if (!arguments.is_array() || arguments.empty()) return;
    const auto mbus = arguments[0].find("mbus");
    if (mbus == arguments[0].end() || !mbus->is_object() || !mbus->contains("cert")) return;
    std::lock_guard lock(mutex_);
    next_ = certificate_in(mbus->at("cert"));
  }

  const std::string id_, url_;
  SimulatedAgents& agents_;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
  std::mutex mutex_;
  std::optional<Certificate> next_;
};

StandInAgents::StandInAgents(std::vector<Cloud> clouds) : clouds_(std::move(clouds)) {
  agents_.blob_at = [](const std::string&, const std::string& url) {
    const auto path = url.substr(0, url.find('?'));
    return path.substr(path.rfind('/') + 1);
  };
  thread_ = std::thread([this] { follow_clouds(); });
}

StandInAgents::~StandInAgents() {
  stopping_ = true;
  thread_.join();
}

void StandInAgents::follow_clouds() {
  while (!stopping_) {
    try {
      look();
    } catch (const std::exception& error) {
      std::cerr << "stand-in agents: " << error.what() << "\n";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  on_bus_.clear();
}

void StandInAgents::look() {
  std::map<std::string, Json> found;
  for (const auto& cloud : clouds_) {
    for (auto& [id, settings] : cloud()) found[id] = std::move(settings);
  }
  for (auto at = on_bus_.begin(); at != on_bus_.end();) {
    if (found.contains(at->first)) {
      at->second->renew();
      ++at;
      continue;
    }
    hooks_.on_vm_deleted({at->first}, {.agent = {at->first}});
    at = on_bus_.erase(at);
  }
  for (const auto& [id, settings] : found) {
    if (on_bus_.contains(id)) continue;
    const auto& env = settings.at("env");
    hooks_.on_vm_created({id}, {.agent = {id}, .env = env});
    on_bus_[id] = std::make_unique<OnBus>(id, settings.at("mbus").get<std::string>(),
                                          certificate_in(env.at("bosh").at("mbus").at("cert")), agents_);
    ++started_;
  }
}

}  // namespace slipway::test
