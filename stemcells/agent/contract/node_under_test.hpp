#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/tls.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

// A real nats-server with BOSH's TLS and permissions on 127.0.0.1, a real bosh-agent
// (--no-systemd) and what a director needs to talk to it.
namespace slipway::agent::contract {

struct BusServer {
  // `probes` false: permissions as BOSH's director writes them.
  explicit BusServer(const std::string& agent_id, bool probes = true);
  tls::KeyPair client(const std::string& common_name) const;  // signed by the bus's CA
  void start();
  void stop();
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port); }

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

class NodeUnderTest {
 public:
  explicit NodeUnderTest(bool probes = true);
  ~NodeUnderTest();

  // Waits until the agent answers a ping.
  void wait_until_ready();
  void restart_agent();
  bool agent_running() { return agent_->running(); }

  // One request and its first answer. Fails the test when none comes.
  AgentReply ask(const std::string& method, const Json& arguments = Json::array(),
                 std::chrono::milliseconds timeout = std::chrono::seconds(20));
  // As a director does: polls get_task until there is a final answer.
  AgentReply finish(const std::string& method, const Json& arguments = Json::array());
  // Sends without waiting; the answer's subject.
  std::string send(const std::string& method, const Json& arguments, const std::string& reply_to = {},
                   const std::string& request_id = {});
  std::optional<AgentReply> answer_to(const std::string& subject, std::chrono::milliseconds timeout);
  std::string wait_for_job_state(const std::string& wanted);

  std::string put_blob(const std::string& content);                    // its id
  // name → content; names below bin/ are executable.
  std::string put_archive(const std::map<std::string, std::string>& files);
  std::string digest(const std::string& blob_id) const;
  // A full apply spec with one job "web" (plus `extra` files of it) and no packages.
  Json spec_with_job(const std::map<std::string, std::string>& files);

  std::string agent_id = "agent-1";
  BusServer bus;
  TempDir folder{"node"};
  std::filesystem::path base = folder.path() / "vcap";
  std::filesystem::path etc = folder.path() / "etc";
  std::filesystem::path blobs = folder.path() / "blobs";
  std::unique_ptr<Speaker> director;

 private:
  void start_agent();
  std::unique_ptr<ChildProcess> agent_;
  int requests_ = 0;
  int revision_ = 0;
};

// A process that writes its pid file and sleeps; for monit files.
std::map<std::string, std::string> sleeping_job(const NodeUnderTest& node);

}  // namespace slipway::agent::contract
