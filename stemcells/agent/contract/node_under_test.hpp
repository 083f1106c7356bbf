#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "stemcells/agent/contract/bus_under_test.hpp"

// A real bosh-agent (--no-systemd) on a bus of its own, and what a director needs to talk to it.
namespace slipway::agent::contract {

class NodeUnderTest {
 public:
  explicit NodeUnderTest(bool probes = true);
  ~NodeUnderTest();

  // Waits until the agent answers a ping.
  void wait_until_ready();
  void restart_agent();
  bool agent_running() { return agent_->running(); }

  AgentReply ask(const std::string& method, const Json& arguments = Json::array(),
                 std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    return director->ask(method, arguments, timeout);
  }
  AgentReply finish(const std::string& method, const Json& arguments = Json::array()) {
    return director->finish(method, arguments);
  }
  std::string send(const std::string& method, const Json& arguments, const std::string& reply_to = {},
                   const std::string& request_id = {}) {
    return director->send(method, arguments, reply_to, request_id);
  }
  std::optional<AgentReply> answer_to(const std::string& subject, std::chrono::milliseconds timeout) {
    return director->answer_to(subject, timeout);
  }
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
  std::unique_ptr<Director> director;

 private:
  void start_agent();
  std::unique_ptr<ChildProcess> agent_;
  int revision_ = 0;
};

// A process that writes its pid file and sleeps; for monit files.
std::map<std::string, std::string> sleeping_job(const NodeUnderTest& node);

}  // namespace slipway::agent::contract
