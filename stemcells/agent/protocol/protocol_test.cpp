#include "stemcells/agent/protocol/protocol.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::agent;

TEST_CASE("the subjects are those of BOSH's agents") {
  CHECK(request_subject("a-1") == "agent.a-1");
  CHECK(reply_subject("p1", "a-1", "r9") == "director.p1.a-1.r9");
  CHECK(reply_wildcard("p1") == "director.p1.>");
  CHECK(heartbeat_subject("a-1") == "hm.agent.heartbeat.a-1");
  CHECK(alert_subject("a-1") == "hm.agent.alert.a-1");
  CHECK(shutdown_subject("a-1") == "hm.agent.shutdown.a-1");
  CHECK(nats_user(bootstrap_agent_common_name("a-1")) ==
        "C=USA, O=Cloud Foundry, CN=a-1.bootstrap.agent.bosh-internal");
}

TEST_CASE("a request survives its encoding") {
  const AgentRequest sent{.method = "get_state", .arguments = {"full"}, .reply_to = "director.p1.a-1.r9", .request_id = "r1"};
  const AgentRequest read = decode_request(encode(sent));
  CHECK(read.protocol == 3);
  CHECK(read.method == "get_state");
  CHECK(read.arguments == Json{"full"});
  CHECK(read.reply_to == "director.p1.a-1.r9");
  CHECK(read.request_id == "r1");
}

TEST_CASE("a request without arguments or reply_to is read as one that has none") {
  const AgentRequest read = decode_request(R"({"method":"ping"})");
  CHECK(read.arguments == Json::array());
  CHECK(read.reply_to.empty());
  CHECK(read.request_id.empty());
  CHECK(encode(read).find("request_id") == std::string::npos);
}

TEST_CASE("rubbish is refused as invalid, never as a crash") {
  for (const char* payload : {"", "{", "[]", "null", R"({"method":7})", R"({"arguments":[]})",
                              R"({"method":"ping","arguments":{}})", R"({"method":"ping","reply_to":[1]})"}) {
    CAPTURE(payload);
    CHECK_THROWS_AS(decode_request(payload), Error);
  }
  CHECK_THROWS_AS(decode_reply(R"({"neither":1})"), Error);
  CHECK_THROWS_AS(heartbeat_from_json(Json::array()), Error);
}

TEST_CASE("a value and an exception are told apart") {
  const AgentReply value = decode_reply(encode(AgentReply{.value = "pong", .exception = {}}));
  CHECK_FALSE(value.exception);
  CHECK(value.value == "pong");
  const AgentReply failed = decode_reply(encode(AgentReply{.value = {}, .exception = "unknown message dance"}));
  CHECK(*failed.exception == "unknown message dance");
  CHECK_FALSE(decode_reply(R"({"value":null})").exception);
}

TEST_CASE("an exception of any shape an older agent sends still has a text") {
  CHECK(*decode_reply(R"({"exception":"plain"})").exception == "plain");
  CHECK(*decode_reply(R"({"exception":{"message":"m","backtrace":["x"]}})").exception == "m");
  CHECK(decode_reply(R"({"exception":{"blobstore_id":"b"}})").exception->find("blobstore_id") != std::string::npos);
}

TEST_CASE("a value beyond the limit becomes an exception that says so") {
  const std::string payload = encode(AgentReply{.value = std::string(max_payload_bytes, 'x'), .exception = {}});
  CHECK(payload.size() <= max_payload_bytes);
  CHECK(*decode_reply(payload).exception == "Response exceeded maximum allowed length");
}

TEST_CASE("a long exception keeps its beginning and its end within the limit") {
  for (const char filler : {'x', '\n', '\x01'}) {
    const std::string payload = encode(
        AgentReply{.value = {}, .exception = "begin" + std::string(2 * max_payload_bytes, filler) + "end"});
    CHECK(payload.size() <= max_payload_bytes);
    const std::string text = *decode_reply(payload).exception;
    CHECK(text.starts_with("begin"));
    CHECK(text.ends_with("end"));
  }
}

TEST_CASE("only the running shape names a task") {
  CHECK(*running_task_id(running_task("t1")) == "t1");
  CHECK_FALSE(running_task_id("prepared"));
  CHECK_FALSE(running_task_id(Json{{"agent_task_id", "t1"}}));
  CHECK_FALSE(running_task_id(Json{{"agent_task_id", 7}, {"state", "running"}}));
}

TEST_CASE("only short-lived accounts are made and removed") {
  CHECK(is_ssh_user("bosh_1a2b3c"));
  for (const char* name : {"root", "bosh_", "bosh_sudoers", "bosh_a;b", "bosh_../x", "bosh_A", "vcap", "-r"}) {
    CAPTURE(name);
    CHECK_FALSE(is_ssh_user(name));
  }
  CHECK_FALSE(is_ssh_user("bosh_" + std::string(28, 'a')));
}

TEST_CASE("how full a disk is, is read from vitals whatever else they hold") {
  const Json vitals = {{"disk",
                        {{"system", {{"percent", "20"}, {"inode_percent", "93"}}},
                         {"ephemeral", {{"percent", "100"}, {"own", true}}},
                         {"persistent", {{"percent", "101"}, {"inode_percent", 7}, {"own", "true"}}}}}};
  CHECK(disk_use(vitals, "system")->percent == 93);
  CHECK_FALSE(disk_use(vitals, "system")->own);
  CHECK(disk_use(vitals, "ephemeral")->percent == 100);
  CHECK(disk_use(vitals, "ephemeral")->own);
  CHECK(disk_use(vitals, "persistent")->percent == 0);
  CHECK_FALSE(disk_use(vitals, "persistent")->own);
  CHECK_FALSE(disk_use(vitals, "other"));
  for (const Json& none : {Json(), Json(7), Json{{"disk", 1}}, Json{{"disk", {{"system", "full"}}}}}) CHECK_FALSE(disk_use(none, "system"));
}

TEST_CASE("a heartbeat survives its encoding and a fresh agent's nulls") {
  Heartbeat sent{.deployment = "dep", .job = "web", .index = 2, .job_state = "running", .node_id = "i-1",
                 .number_of_processes = 3, .vitals = {{"load", {"0.1", "0.2", "0.3"}}}};
  const Heartbeat read = heartbeat_from_json(to_json(sent));
  CHECK(read.index == 2);
  CHECK(read.vitals == sent.vitals);
  CHECK(read.number_of_processes == 3);
  const Heartbeat fresh = heartbeat_from_json(
      Json{{"deployment", ""}, {"job", nullptr}, {"index", nullptr}, {"job_state", "running"}, {"node_id", ""}});
  CHECK_FALSE(fresh.index);
  CHECK(fresh.job.empty());
}
