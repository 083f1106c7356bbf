#include <doctest/doctest.h>
#include <nats/nats.h>

#include <thread>

#include "stemcells/agent/protocol/protocol.hpp"
#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace {

// Whoever has got at the certificate of one VM.
class Intruder {
 public:
  Intruder(int port, const std::string& ca, const std::string& certificate, const std::string& key) {
    natsOptions* options = nullptr;
    natsOptions_Create(&options);
    natsOptions_SetURL(options, ("nats://127.0.0.1:" + std::to_string(port)).c_str());
    natsOptions_SetSecure(options, true);
    natsOptions_SetCATrustedCertificates(options, ca.c_str());
    if (!certificate.empty()) natsOptions_SetCertificatesChain(options, certificate.c_str(), key.c_str());
    natsOptions_SetExpectedHostname(options, agent::nats_server_common_name);
    natsOptions_SetAllowReconnect(options, false);
    status_ = natsConnection_Connect(&connection_, options);
    natsOptions_Destroy(options);
  }
  ~Intruder() {
    natsSubscription_Destroy(subscription_);
    if (connection_) natsConnection_Close(connection_);
    natsConnection_Destroy(connection_);
  }
  Intruder(const Intruder&) = delete;
  Intruder& operator=(const Intruder&) = delete;

  bool connected() const { return status_ == NATS_OK; }
  void publish(const std::string& subject, const std::string& payload) {
    natsConnection_Publish(connection_, subject.c_str(), payload.data(), static_cast<int>(payload.size()));
  }
  void flush() { natsConnection_FlushTimeout(connection_, 20000); }
  std::string last_error() {
    const char* text = nullptr;
    natsConnection_GetLastError(connection_, &text);
    return text ? text : "";
  }
  void listen(const std::string& subject) {
    natsConnection_SubscribeSync(&subscription_, connection_, subject.c_str());
    natsConnection_FlushTimeout(connection_, 5000);
  }
  // The subject the next request wants its answer on, or nothing.
  std::string reply_to(std::chrono::milliseconds limit) {
    natsMsg* message = nullptr;
    if (natsSubscription_NextMsg(&message, subscription_, limit.count()) != NATS_OK) return "";
    const std::string payload(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    natsMsg_Destroy(message);
    return agent::decode_request(payload).reply_to;
  }

 private:
  natsStatus status_ = NATS_ERR;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
};

}  // namespace

TEST_CASE("an agent speaks for itself only, and floods nobody but itself") {
  DirectorProcess director({.agent_wait_seconds = 40});
  REQUIRE(director.send("POST", "/cloud_configs", sample_cloud_config()).status == 201);
  REQUIRE(director.upload("/releases", SampleRelease{}.bytes()).state == "done");
  REQUIRE(director.upload("/stemcells", sample_stemcell()).state == "done");
  const auto deploy = director.send("POST", "/deployments", sample_manifest());
  REQUIRE(deploy.status == 302);
  REQUIRE(until(30s, [&] { return !director.cloud().value("vms", Json::object()).empty(); }));
  const auto vm = director.cloud().at("vms").front();
  const auto id = vm.at("agent").get<std::string>();
  const auto cert = vm.at("env").at("bosh").at("mbus").at("cert");
  const auto text = [&](const char* key) { return cert.at(key).get<std::string>(); };

  CHECK_FALSE(Intruder(director.nats_port(), text("ca"), "", "").connected());
  const auto foreign = tls::self_signed({.subject = {.common_name = agent::agent_common_name(id), .bosh_style = true},
                                         .usage = tls::Usage::client}, SystemClock().now());
  CHECK_FALSE(Intruder(director.nats_port(), text("ca"), foreign.certificate_pem, foreign.private_key_pem.reveal()).connected());

  Intruder intruder(director.nats_port(), text("ca"), text("certificate"), text("private_key"));
  REQUIRE(intruder.connected());
  intruder.listen(agent::request_subject(id));
  const auto reply_to = intruder.reply_to(30s);
  REQUIRE(!reply_to.empty());

  const auto refused = [&](const std::string& subject) {
    intruder.publish(subject, "{}");
    intruder.flush();
    return until(2s, [&] {
      return intruder.last_error().find("ermissions") != std::string::npos &&
             intruder.last_error().find(subject) != std::string::npos;
    });
  };
  CHECK(refused(agent::heartbeat_subject("another-agent")));
  CHECK(refused(agent::request_subject("another-agent")));
  CHECK(refused("director.some-process.another-agent.some-request"));

  // A quarter of a gigabyte of heartbeats and answers to questions nobody asked.
  const auto before = director.start_of_measurement();
  const std::string block(256 << 10, 'x');
  const auto unasked = reply_to.substr(0, reply_to.rfind('.') + 1);
  for (int i = 0; i < 512; ++i) {
    intruder.publish(agent::heartbeat_subject(id), block);
    intruder.publish(unasked + std::to_string(i), block);
  }
  intruder.flush();
  CHECK(director.get("/info").at("user") == "admin");
  const auto growth = director.highest_memory() - before;
  MESSAGE("resident memory grew by ", growth, " KiB");
  CHECK((growth < 96 * mib || !measures));

  // Rubbish as an answer fails the deploy with the agent's name; nothing stays.
  for (std::string subject = intruder.reply_to(1s); !subject.empty(); subject = intruder.reply_to(3s))
    intruder.publish(subject, "this is no JSON");
  const auto end = director.follow(deploy);
  CAPTURE(end.result);
  CHECK(end.state == "error");
  CHECK(director.follow(director.send("DELETE", "/deployments/dep")).state == "done");
  CHECK(director.cloud().value("vms", Json::object()).empty());
  CHECK_FALSE(Intruder(director.nats_port(), text("ca"), text("certificate"), text("private_key")).connected());
}
