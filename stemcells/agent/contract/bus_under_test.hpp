#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/tls.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

// A real nats-server with BOSH's TLS and permissions, and what a director needs to talk to an agent by it.
namespace slipway::agent::contract {

struct BusServer {
  // `probes` false: permissions as BOSH's director writes them.
  explicit BusServer(const std::string& agent_id, bool probes = true, const std::string& address = "127.0.0.1");
  tls::KeyPair client(const std::string& common_name) const;  // signed by the bus's CA
  void start();
  void stop();
  std::string url() const { return "nats://" + address + ":" + std::to_string(port); }
  Json bootstrap_env(const std::string& agent_id) const;  // env.bosh.mbus

  std::string address;
  TempDir folder{"bus"};
  int port = 0;
  tls::KeyPair ca;
  std::unique_ptr<ChildProcess> process;
};

// Speaks on the bus with one certificate.
class Speaker {
 public:
  Speaker(const BusServer& bus, const tls::KeyPair& identity, const std::string& listen_on);
  ~Speaker();
  Speaker(const Speaker&) = delete;
  Speaker& operator=(const Speaker&) = delete;

  void publish(const std::string& subject, const std::string& payload);
  // The next message on the subject listened to, or nothing.
  struct Message {
    std::string subject, payload;
  };
  std::optional<Message> next(std::chrono::milliseconds timeout);
  std::string last_error() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Asks one agent as a director does.
class Director {
 public:
  Director(const BusServer& bus, std::string agent_id);

  void wait_until_ready(std::chrono::milliseconds limit);  // until the agent answers a ping
  // One request and its first answer. Fails the test when none comes.
  AgentReply ask(const std::string& method, const Json& arguments = Json::array(),
                 std::chrono::milliseconds timeout = std::chrono::seconds(20));
  // Polls get_task until there is a final answer.
  AgentReply finish(const std::string& method, const Json& arguments = Json::array(),
                    std::chrono::milliseconds timeout = std::chrono::seconds(20));
  // Sends without waiting; the answer's subject.
  std::string send(const std::string& method, const Json& arguments, const std::string& reply_to = {},
                   const std::string& request_id = {});
  std::optional<AgentReply> answer_to(const std::string& subject, std::chrono::milliseconds timeout);
  void publish(const std::string& subject, const std::string& payload) { speaker_.publish(subject, payload); }

 private:
  const std::string agent_id_;
  Speaker speaker_;
  int requests_ = 0;
};

}  // namespace slipway::agent::contract
