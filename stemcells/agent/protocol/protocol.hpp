#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

// What director, health monitor and agent say to each other over NATS.
// Source: BOSH's agent protocol 3; contracts/agent-cpi.md sections 2 and 3.
namespace slipway::agent {

// Subjects.
std::string request_subject(const std::string& agent_id);                        // agent.<id>
std::string reply_subject(const std::string& director_uuid, const std::string& agent_id,
                          const std::string& request_uuid);                      // director.<d>.<a>.<r>
std::string reply_wildcard(const std::string& director_uuid);                    // director.<d>.>
std::string heartbeat_subject(const std::string& agent_id);                      // hm.agent.heartbeat.<id>
std::string alert_subject(const std::string& agent_id);                          // hm.agent.alert.<id>
std::string shutdown_subject(const std::string& agent_id);                       // hm.agent.shutdown.<id>
// Ours: whatever comes here, the agent answers with a heartbeat.
std::string probe_subject(const std::string& agent_id);                          // hm.probe.<id>
// Ours: what the director says when something a health monitor should know has changed.
inline constexpr const char* changes_subject = "hm.director.changed";

// Certificate names the NATS server maps to permissions.
std::string agent_common_name(const std::string& agent_id);             // <id>.agent.bosh-internal
std::string bootstrap_agent_common_name(const std::string& agent_id);   // <id>.bootstrap.agent.bosh-internal
inline constexpr const char* director_common_name = "default.director.bosh-internal";
inline constexpr const char* health_monitor_common_name = "default.hm.bosh-internal";
inline constexpr const char* nats_server_common_name = "default.nats.bosh-internal";
std::string nats_user(const std::string& common_name);                  // "C=USA, O=Cloud Foundry, CN=…"

// Largest message either side sends.
inline constexpr std::size_t max_payload_bytes = 1u << 20;

struct AgentRequest {
  int protocol = 3;
  std::string method;
  Json arguments = Json::array();
  std::string reply_to;
  // Ours: whoever asks again for what this names, under another reply_to, is told of the task that there is. Agents
  // that do not know it, as BOSH's, begin another one.
  std::string request_id;
};
std::string encode(const AgentRequest& request);
AgentRequest decode_request(std::string_view payload);  // Fault::invalid

// Either a value or an exception's text.
struct AgentReply {
  Json value;
  std::optional<std::string> exception;
};
std::string encode(const AgentReply& reply);            // longer than the limit: an exception that says so
AgentReply decode_reply(std::string_view payload);      // Fault::invalid

// {"agent_task_id":…, "state":"running"} — what a long method answers first.
std::optional<std::string> running_task_id(const Json& value);
Json running_task(const std::string& task_id);

// Accounts for `bosh ssh`: "bosh_" and up to 27 lower case letters, digits, "-" and "_", but for
// names of groups that a stemcell has.
bool is_ssh_user(std::string_view name);

struct Heartbeat {
  std::string deployment;
  std::string job;          // instance group
  std::optional<int> index;
  std::string job_state;    // running, starting, failing, stopped, unknown
  std::string node_id;      // instance id
  int number_of_processes = 0;
  Json vitals = Json::object();
};
Json to_json(const Heartbeat& heartbeat);
Heartbeat heartbeat_from_json(const Json& json);        // Fault::invalid

// How full a disk of a node is, by the vitals of its heartbeats or of its state; nothing the agent says is taken for granted.
struct DiskUse {
  int percent = 0;   // of its space or of its inodes, whichever is more; 0 where that is not said
  bool own = false;  // the machine's own and no folder of its host's, as our agent says and BOSH's does not
};
// `disk` is system, ephemeral or persistent. nullopt: nothing is said of it.
std::optional<DiskUse> disk_use(const Json& vitals, const std::string& disk);

}  // namespace slipway::agent
