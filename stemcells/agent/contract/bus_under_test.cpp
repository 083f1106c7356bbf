#include "stemcells/agent/contract/bus_under_test.hpp"

#include <nats/nats.h>

#include <map>
#include <thread>

#include "base/clock.hpp"
#include "test/free_port.hpp"

namespace slipway::agent::contract {

using namespace std::chrono_literals;

namespace {

constexpr const char* director_process = "director-process-1";

std::string agent_permissions(const std::string& id, bool probes) {
  return "permissions: {publish: [\"hm.agent.heartbeat." + id + "\", \"hm.agent.alert." + id + "\", \"hm.agent.shutdown." +
         id + "\", \"director.*." + id + ".*\"], subscribe: [\"agent." + id + "\"" +
         (probes ? ", \"" + probe_subject(id) + "\"" : "") + "]}";
}

std::string user(const std::string& common_name, const std::string& permissions) {
  return "    {user: \"" + nats_user(common_name) + "\", " + permissions + "}\n";
}

void require(natsStatus status, const char* doing) {
  if (status != NATS_OK) throw Error(Fault::internal, std::string(doing) + ": " + natsStatus_GetText(status));
}

Timestamp now() { return SystemClock().now(); }

// Keys cost most of the time of these tests: one set serves all.
const tls::KeyPair& shared_ca() {
  static const tls::KeyPair ca = tls::create_ca({.common_name = "nats-ca"}, 240h, now());
  return ca;
}

const tls::KeyPair& shared_certificate(const std::string& common_name, tls::Usage usage) {
  static std::map<std::string, tls::KeyPair> issued;
  const auto found = issued.find(common_name);
  if (found != issued.end()) return found->second;
  tls::CertificateRequest request{.subject = {.common_name = common_name, .bosh_style = true},
                                  .usage = usage,
                                  .lifetime = 24h};
  if (usage == tls::Usage::server) request.alternative_names = {"127.0.0.1"};
  return issued[common_name] = tls::issue(shared_ca(), request, now());
}

}  // namespace

BusServer::BusServer(const std::string& id, bool probes, const std::string& listen_on)
    : address(listen_on), port(test::free_port()) {
  ca = shared_ca();
  const auto server = shared_certificate(nats_server_common_name, tls::Usage::server);
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  write_file_atomically(path("ca.pem"), ca.certificate_pem);
  write_file_atomically(path("server.pem"), server.certificate_pem);
  write_file_atomically(path("server.key"), server.private_key_pem.reveal(), 0600);
  const std::string config =
      "listen: \"" + address + ":" + std::to_string(port) + "\"\nmax_payload: 1048576\ntls {\n  cert_file: \"" + path("server.pem") +
      "\"\n  key_file: \"" + path("server.key") + "\"\n  ca_file: \"" + path("ca.pem") +
      "\"\n  verify_and_map: true\n  timeout: 10\n}\nauthorization {\n  users: [\n" +
      user(director_common_name,
           "permissions: {publish: [\"agent.*\", \"hm.director.alert\"], subscribe: [\"director.>\"]}") +
      user(health_monitor_common_name,
           "permissions: {publish: [\"hm.probe.*\"], subscribe: [\"hm.agent.heartbeat.*\", \"hm.agent.alert.*\", "
           "\"hm.agent.shutdown.*\", \"hm.director.alert\"]}") +
      user(bootstrap_agent_common_name(id), agent_permissions(id, probes)) +
      user(agent_common_name(id), agent_permissions(id, probes)) +
      "  ]\n}\n";
  write_file_atomically(path("nats.conf"), config);
  start();
}

tls::KeyPair BusServer::client(const std::string& common_name) const {
  return shared_certificate(common_name, tls::Usage::client);
}

Json BusServer::bootstrap_env(const std::string& id) const {
  const auto identity = client(bootstrap_agent_common_name(id));
  return {{"urls", {url()}},
          {"cert",
           {{"ca", ca.certificate_pem},
            {"certificate", identity.certificate_pem},
            {"private_key", identity.private_key_pem.reveal()}}}};
}

void BusServer::start() {
  ChildProcess::Options options;
  options.argv = {"/usr/sbin/nats-server", "-c", (folder.path() / "nats.conf").string()};
  options.pipe_stdio = false;
  process = std::make_unique<ChildProcess>(options);
}

void BusServer::stop() { process.reset(); }

struct Speaker::State {
  natsConnection* connection = nullptr;
  natsSubscription* subscription = nullptr;
  ~State() {
    natsSubscription_Destroy(subscription);
    if (connection) natsConnection_Close(connection);
    natsConnection_Destroy(connection);
  }
};

Speaker::Speaker(const BusServer& bus, const tls::KeyPair& identity, const std::string& listen_on)
    : state_(std::make_unique<State>()) {
  natsOptions* options = nullptr;
  require(natsOptions_Create(&options), "options");
  natsOptions_SetURL(options, bus.url().c_str());
  natsOptions_SetSecure(options, true);
  natsOptions_SetCATrustedCertificates(options, bus.ca.certificate_pem.c_str());
  natsOptions_SetCertificatesChain(options, identity.certificate_pem.c_str(), identity.private_key_pem.reveal().c_str());
  natsOptions_SetExpectedHostname(options, nats_server_common_name);
  natsOptions_SetReconnectWait(options, 100);
  natsOptions_SetMaxReconnect(options, -1);
  natsStatus status = NATS_ERR;
  for (int attempt = 0; attempt < 100 && status != NATS_OK; ++attempt) {
    status = natsConnection_Connect(&state_->connection, options);
    if (status != NATS_OK) std::this_thread::sleep_for(100ms);
  }
  natsOptions_Destroy(options);
  require(status, "connecting");
  require(natsConnection_SubscribeSync(&state_->subscription, state_->connection, listen_on.c_str()), "subscribing");
  require(natsConnection_Flush(state_->connection), "flushing");
}

Speaker::~Speaker() = default;

void Speaker::publish(const std::string& subject, const std::string& payload) {
  natsConnection_Publish(state_->connection, subject.c_str(), payload.data(), static_cast<int>(payload.size()));
  natsConnection_FlushTimeout(state_->connection, 2000);
}

std::optional<Speaker::Message> Speaker::next(std::chrono::milliseconds timeout) {
  natsMsg* message = nullptr;
  if (natsSubscription_NextMsg(&message, state_->subscription, timeout.count()) != NATS_OK) return std::nullopt;
  Message result{natsMsg_GetSubject(message),
                 std::string(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)))};
  natsMsg_Destroy(message);
  return result;
}

std::string Speaker::last_error() const {
  const char* text = nullptr;
  natsConnection_GetLastError(state_->connection, &text);
  return text ? text : "";
}

Director::Director(const BusServer& bus, std::string agent_id)
    : agent_id_(std::move(agent_id)), speaker_(bus, bus.client(director_common_name), reply_wildcard(director_process)) {}

void Director::wait_until_ready(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto answer = answer_to(send("ping", Json::array()), 300ms);
    if (answer && answer->value == "pong") return;
  }
  throw Error(Fault::internal, "the agent does not answer");
}

std::string Director::send(const std::string& method, const Json& arguments, const std::string& reply_to,
                           const std::string& request_id) {
  const std::string subject =
      reply_to.empty() ? reply_subject(director_process, agent_id_, "r" + std::to_string(++requests_)) : reply_to;
  speaker_.publish(request_subject(agent_id_), encode(AgentRequest{.method = method,
                                                                    .arguments = arguments,
                                                                    .reply_to = subject,
                                                                    .request_id = request_id}));
  return subject;
}

std::optional<AgentReply> Director::answer_to(const std::string& subject, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto message = speaker_.next(std::max(left, 1ms));
    if (message && message->subject == subject) return decode_reply(message->payload);
  }
  return std::nullopt;
}

AgentReply Director::ask(const std::string& method, const Json& arguments, std::chrono::milliseconds timeout) {
  const auto answer = answer_to(send(method, arguments), timeout);
  if (!answer) throw Error(Fault::internal, "no answer to " + method);
  return *answer;
}

AgentReply Director::finish(const std::string& method, const Json& arguments, std::chrono::milliseconds timeout) {
  AgentReply answer = ask(method, arguments, timeout);
  const auto task = running_task_id(answer.value);
  for (int polls = 0; task && running_task_id(answer.value) && polls < 600; ++polls) {
    std::this_thread::sleep_for(20ms);
    answer = ask("get_task", {*task}, timeout);
  }
  return answer;
}

}  // namespace slipway::agent::contract
