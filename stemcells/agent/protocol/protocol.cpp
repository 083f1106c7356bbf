#include "stemcells/agent/protocol/protocol.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/json_text.hpp"

namespace slipway::agent {

namespace {

constexpr const char* too_long = "Response exceeded maximum allowed length";

// The middle goes: the beginning says what failed, the end says why.
std::string shorten(const std::string& text, std::size_t max_bytes) {
  static constexpr std::string_view gap = "…[truncated]…";
  if (text.size() <= max_bytes) return text;
  if (max_bytes <= gap.size()) return text.substr(0, max_bytes);
  const std::size_t half = (max_bytes - gap.size()) / 2;
  return text.substr(0, half) + std::string(gap) + text.substr(text.size() - half);
}

std::string exception_envelope(const std::string& message) {
  return dump(Json{{"exception", {{"message", message}}}});
}

Json parse_object(std::string_view payload, std::string_view source) {
  Json json = parse_json(payload, source, {.max_bytes = 2 * max_payload_bytes, .max_depth = 64});
  if (!json.is_object()) throw Error(Fault::invalid, std::string(source) + ": expected a JSON object");
  return json;
}

// A number as text, as BOSH's agents send it.
int percent_in(const Json& disk, const char* key) {
  const auto text = text_or_empty(disk, key);
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return is_number && value > 0 && value <= 100 ? value : 0;
}

}  // namespace

std::string request_subject(const std::string& agent_id) { return "agent." + agent_id; }

std::string reply_subject(const std::string& director_uuid, const std::string& agent_id,
                          const std::string& request_uuid) {
  return "director." + director_uuid + "." + agent_id + "." + request_uuid;
}

std::string reply_wildcard(const std::string& director_uuid) { return "director." + director_uuid + ".>"; }

std::string heartbeat_subject(const std::string& agent_id) { return "hm.agent.heartbeat." + agent_id; }

std::string alert_subject(const std::string& agent_id) { return "hm.agent.alert." + agent_id; }

std::string shutdown_subject(const std::string& agent_id) { return "hm.agent.shutdown." + agent_id; }

std::string probe_subject(const std::string& agent_id) { return "hm.probe." + agent_id; }

std::string agent_common_name(const std::string& agent_id) { return agent_id + ".agent.bosh-internal"; }

std::string bootstrap_agent_common_name(const std::string& agent_id) {
  return agent_id + ".bootstrap.agent.bosh-internal";
}

std::string nats_user(const std::string& common_name) { return "C=USA, O=Cloud Foundry, CN=" + common_name; }

std::string encode(const AgentRequest& request) {
  Json json{{"protocol", request.protocol}, {"method", request.method}, {"arguments", request.arguments}};
  if (!request.reply_to.empty()) json["reply_to"] = request.reply_to;
  if (!request.request_id.empty()) json["request_id"] = request.request_id;
  return dump(json);
}

AgentRequest decode_request(std::string_view payload) {
  const Json json = parse_object(payload, "agent request");
  Problems problems;
  JsonReader in(json, "agent request", problems);
  AgentRequest request;
  request.protocol = static_cast<int>(in.integer_or("protocol", 0, 0, 1000));
  request.method = in.string("method");
  request.arguments = in.array_or_empty("arguments");
  request.reply_to = in.string_or("reply_to", "");
  request.request_id = in.string_or("request_id", "");
  problems.throw_if_any("agent request");
  if (!request.arguments.is_array()) request.arguments = Json::array();
  return request;
}

std::string encode(const AgentReply& reply) {
  if (!reply.exception) {
    std::string payload = dump(Json{{"value", reply.value}});
    return payload.size() <= max_payload_bytes ? payload : exception_envelope(too_long);
  }
  std::string payload = exception_envelope(*reply.exception);
  // Escapes can make the payload up to six times as long as the text.
  for (std::size_t keep = max_payload_bytes - 64; payload.size() > max_payload_bytes; keep /= 2) {
    payload = exception_envelope(shorten(*reply.exception, keep));
  }
  return payload;
}

AgentReply decode_reply(std::string_view payload) {
  const Json json = parse_object(payload, "agent reply");
  AgentReply reply;
  const auto exception = json.find("exception");
  if (exception != json.end() && !exception->is_null()) {
    if (exception->is_string()) {
      reply.exception = exception->get<std::string>();
    } else if (exception->is_object() && !text_or_empty(*exception, "message").empty()) {
      reply.exception = text_or_empty(*exception, "message");
    } else {
      reply.exception = dump(*exception);
    }
    return reply;
  }
  const auto value = json.find("value");
  if (value == json.end()) throw Error(Fault::invalid, "agent reply: neither value nor exception");
  reply.value = *value;
  return reply;
}

std::optional<std::string> running_task_id(const Json& value) {
  if (!value.is_object() || text_or_empty(value, "state") != "running") return std::nullopt;
  std::string id = text_or_empty(value, "agent_task_id");
  if (id.empty()) return std::nullopt;
  return id;
}

Json running_task(const std::string& task_id) {
  return Json{{"agent_task_id", task_id}, {"state", "running"}};
}

bool is_ssh_user(std::string_view name) {
  if (!name.starts_with("bosh_") || name.size() < 6 || name.size() > 32) return false;
  if (name == "bosh_sudoers" || name == "bosh_sshers") return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

Json to_json(const Heartbeat& heartbeat) {
  return Json{{"deployment", heartbeat.deployment},
              {"job", heartbeat.job},
              {"index", heartbeat.index ? Json(*heartbeat.index) : Json(nullptr)},
              {"job_state", heartbeat.job_state},
              {"node_id", heartbeat.node_id},
              {"number_of_processes", heartbeat.number_of_processes},
              {"vitals", heartbeat.vitals}};
}

Heartbeat heartbeat_from_json(const Json& json) {
  if (!json.is_object()) throw Error(Fault::invalid, "heartbeat: expected a JSON object");
  Problems problems;
  JsonReader in(json, "heartbeat", problems);
  Heartbeat heartbeat;
  heartbeat.deployment = in.string_or("deployment", "");
  heartbeat.job = in.string_or("job", "");
  const Json* index = in.find("index");
  if (index && !index->is_null()) heartbeat.index = static_cast<int>(in.integer_or("index", 0, 0, 1'000'000));
  heartbeat.job_state = in.string("job_state");
  heartbeat.node_id = in.string_or("node_id", "");
  heartbeat.number_of_processes = static_cast<int>(in.integer_or("number_of_processes", 0, 0, 100'000));
  heartbeat.vitals = in.object_or_empty("vitals");
  problems.throw_if_any("heartbeat");
  if (!heartbeat.vitals.is_object()) heartbeat.vitals = Json::object();
  return heartbeat;
}

std::optional<DiskUse> disk_use(const Json& vitals, const std::string& disk) {
  const auto said = vitals.is_object() && vitals.contains("disk") ? vitals.at("disk") : Json();
  if (!said.is_object() || !said.contains(disk) || !said.at(disk).is_object()) return std::nullopt;
  const auto& one = said.at(disk);
  const auto own = one.find("own");
  return DiskUse{.percent = std::max(percent_in(one, "percent"), percent_in(one, "inode_percent")),
                 .own = own != one.end() && own->is_boolean() && own->get<bool>()};
}

}  // namespace slipway::agent
