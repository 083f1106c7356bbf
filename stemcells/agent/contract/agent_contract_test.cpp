#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <thread>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "stemcells/agent/contract/node_under_test.hpp"

using namespace slipway;
using namespace slipway::agent;
using namespace slipway::agent::contract;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace agent_contract_test {

namespace {

// One node for all cases that leave it as they found it: starting one takes a second.
NodeUnderTest& node() {
  static NodeUnderTest shared;
  static const bool ready = (shared.wait_until_ready(), true);
  (void)ready;
  return shared;
}

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

// A zombie counts as gone: whoever is process 1 here may take its time.
bool is_running(int pid) {
  try {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    return stat[stat.rfind(')') + 2] != 'Z';
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("a fresh agent answers ping, info and get_state") {
  CHECK(node().ask("ping").value == "pong");
  CHECK(node().ask("info").value == Json{{"api_version", 1}});
  const Json state = node().ask("get_state", {"full"}).value;
  CHECK(state["agent_id"] == "agent-1");
  CHECK(state["vm"] == Json{{"name", "vm-7"}});
  CHECK(state["job_state"] == "running");
  CHECK(state["deployment"] == "");
  CHECK(state["index"].is_null());
  CHECK(state["processes"] == Json::array());
  CHECK(state["vitals"]["mem"]["kb"].is_string());
  CHECK(state["vitals"]["uptime"]["secs"].is_number());
}

TEST_CASE("an unknown method is answered as BOSH's agent answers it") {
  CHECK(*node().ask("dance").exception == "unknown message dance");
  CHECK(*node().ask("get_task", {"nobody"}).exception ==
        "Action Failed get_task: Task with id nobody could not be found");
}

TEST_CASE("rubbish on the bus is survived") {
  for (const std::string& payload : {std::string("{"), std::string(1000, '\0'), std::string("[1,2]"), std::string(),
                                    std::string(900'000, '['), std::string(R"({"method":{}})")}) {
    node().director->publish("agent.agent-1", payload);
  }
  CHECK(*node().ask("get_task").exception == "Action Failed get_task: argument 1 (task id) is missing");
  CHECK(node().ask("ping").value == "pong");
}

TEST_CASE("an agent answers nowhere but to its director") {
  NodeUnderTest& here = node();
  Speaker monitor(here.bus, here.bus.client(health_monitor_common_name), "hm.agent.alert.*");
  here.send("ping", Json::array(), "hm.agent.alert.agent-1");
  CHECK_FALSE(monitor.next(700ms));
  CHECK(here.ask("ping").value == "pong");
}

TEST_CASE("the bus refuses an agent that publishes in another agent's name") {
  NodeUnderTest& here = node();
  Speaker impostor(here.bus, here.bus.client(agent_common_name("agent-1")), "agent.agent-1");
  Speaker monitor(here.bus, here.bus.client(health_monitor_common_name), "hm.agent.heartbeat.agent-2");
  impostor.publish("hm.agent.heartbeat.agent-2", "{}");
  CHECK_FALSE(monitor.next(500ms));
  CHECK(impostor.last_error().find("ermissions") != std::string::npos);
  here.send("ping", Json::array(), "director.p.agent-2.r");  // the real agent, told to answer as another
  CHECK(here.ask("ping").value == "pong");
}

TEST_CASE("a heartbeat tells the health monitor who it is and how it does") {
  NodeUnderTest& here = node();
  Speaker monitor(here.bus, here.bus.client(health_monitor_common_name), heartbeat_subject("agent-1"));
  const auto message = monitor.next(5s);
  REQUIRE(message);
  const Heartbeat heartbeat = heartbeat_from_json(parse_json(message->payload, "heartbeat"));
  CHECK(heartbeat.job_state == "running");
  CHECK(heartbeat.vitals["disk"]["system"]["percent"].is_string());
}

TEST_CASE("an agent that is probed says at once that it is there") {
  NodeUnderTest& here = node();
  Speaker monitor(here.bus, here.bus.client(health_monitor_common_name), heartbeat_subject("agent-1"));
  REQUIRE(monitor.next(5s));
  int heard = 0;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    monitor.publish(probe_subject("agent-1"), "");
    if (monitor.next(500ms)) ++heard;
  }
  CHECK(heard == 10);
  CHECK(std::chrono::steady_clock::now() - begun < 3s);  // by itself it would have said so three times
}

TEST_CASE("an agent on a bus that knows no probes does without them") {
  NodeUnderTest here(false);
  here.wait_until_ready();
  Speaker monitor(here.bus, here.bus.client(health_monitor_common_name), heartbeat_subject("agent-1"));
  for (int i = 0; i < 3; ++i) CHECK(monitor.next(5s));
  CHECK(here.ask("ping").value == "pong");
}

TEST_CASE("prepare downloads and switches nothing; apply switches; start, stop and restart are seen") {
  NodeUnderTest here;
  here.wait_until_ready();
  const Json spec = here.spec_with_job(sleeping_job(here));
  CHECK(here.finish("prepare", Json::array({spec})).value == "prepared");
  CHECK_FALSE(fs::exists(here.base / "jobs/web"));
  CHECK(here.finish("apply", Json::array({spec})).value == "applied");
  CHECK(read_file(here.base / "jobs/web/config/web.yml") == "port: 80\n");
  CHECK(mode_of(here.base / "jobs/web/config/web.yml") == 0640);
  CHECK(mode_of(here.base / "jobs/web/bin/ctl") == 0750);
  CHECK(mode_of(here.base / "sys/log/web") == 0770);
  CHECK(read_file(here.base / "instance/deployment") == "dep");
  Json state = here.ask("get_state").value;
  CHECK(state["job_state"] == "stopped");
  CHECK(state["configuration_hash"] == spec["configuration_hash"]);

  CHECK(here.ask("start").value == "started");
  CHECK(here.wait_for_job_state("running") == "running");
  state = here.ask("get_state").value;
  const int pid = std::stoi(read_file(here.base / "sys/run/web/web.pid"));
  CHECK(state["processes"][0]["name"] == "web");

  SUBCASE("a process that dies is started again and the health monitor hears of it") {
    Speaker monitor(here.bus, here.bus.client(health_monitor_common_name), alert_subject("agent-1"));
    ::kill(pid, SIGKILL);
    const auto message = monitor.next(10s);
    REQUIRE(message);
    const Json alert = parse_json(message->payload, "alert");
    CHECK(alert["title"].get<std::string>().starts_with("web "));
    CHECK(alert["severity"] == 1);
    CHECK(here.wait_for_job_state("running") == "running");
    CHECK(std::stoi(read_file(here.base / "sys/run/web/web.pid")) != pid);
  }
  SUBCASE("stop ends the process and is remembered by a restarted agent") {
    CHECK(here.finish("stop").value == "stopped");
    CHECK_FALSE(is_running(pid));
    here.restart_agent();
    here.wait_until_ready();
    CHECK(here.ask("get_state").value["job_state"] == "stopped");
  }
  SUBCASE("a restarted agent finds its running jobs again") {
    here.restart_agent();
    here.wait_until_ready();
    CHECK(here.wait_for_job_state("running") == "running");
    CHECK(std::stoi(read_file(here.base / "sys/run/web/web.pid")) == pid);
  }
  here.finish("stop");
}

TEST_CASE("a blob with the wrong digest is refused and nothing changes") {
  NodeUnderTest& here = node();
  Json spec = here.spec_with_job({{"monit", ""}});
  spec["rendered_templates_archive"]["sha1"] = "sha256:" + std::string(64, '0');
  const AgentReply reply = here.finish("apply", Json::array({spec}));
  REQUIRE(reply.exception);
  CHECK(reply.exception->starts_with("Action Failed get_task: Task "));
  CHECK(reply.exception->find(std::string(64, '0')) != std::string::npos);
  CHECK_FALSE(fs::exists(here.base / "jobs/web"));
}

TEST_CASE("a spec that lacks versions is refused with all its problems") {
  Json spec = node().spec_with_job({{"monit", ""}});
  spec["job"]["templates"][0].erase("version");
  spec["packages"] = {{"ruby", {{"name", "ruby"}}}};
  const AgentReply reply = node().finish("apply", Json::array({spec}));
  REQUIRE(reply.exception);
  CHECK(reply.exception->find("job.templates[0].version") != std::string::npos);
  CHECK(reply.exception->find("packages.ruby.version") != std::string::npos);
}

TEST_CASE("compile_package runs packaging with its dependencies and stores what it installed") {
  NodeUnderTest& here = node();
  const auto dependency = here.put_archive({{"lib/answer", "42"}});
  const auto source = here.put_archive(
      {{"packaging", "set -e\nmkdir -p $BOSH_INSTALL_TARGET/bin\necho \"$BOSH_PACKAGE_NAME $BOSH_PACKAGE_VERSION\" > "
                     "$BOSH_INSTALL_TARGET/bin/name\ncp " + here.base.string() + "/packages/dep/lib/answer ${BOSH_INSTALL_TARGET}/\n"}});
  const Json deps{{"dep", {{"name", "dep"}, {"version", "1.1"}, {"sha1", here.digest(dependency)}, {"blobstore_id", dependency}}}};
  const AgentReply reply = here.finish("compile_package", {source, here.digest(source), "tool", "f00.1", deps});
  REQUIRE_MESSAGE(!reply.exception, reply.exception.value_or(""));
  const Json result = reply.value["result"];
  const auto archive = here.blobs / result["blobstore_id"].get<std::string>();
  CHECK(result["sha1"] == sha1_hex(read_file(archive)));
  const TempDir out;
  unpack(archive, out.path());
  CHECK(read_file(out.path() / "bin/name") == "tool f00.1\n");
  CHECK(read_file(out.path() / "answer") == "42");
  CHECK_FALSE(fs::exists(here.base / "packages/tool"));
}

TEST_CASE("a package that does not compile says what its script said; a wrong digest compiles nothing") {
  NodeUnderTest& here = node();
  const auto source = here.put_archive({{"packaging", "echo to-stdout\necho to-stderr >&2\nexit 3\n"}});
  const AgentReply failed = here.finish("compile_package", {source, here.digest(source), "tool", "f00.2", Json::object()});
  REQUIRE(failed.exception);
  CHECK(failed.exception->find("Compiling package tool: Running packaging script") != std::string::npos);
  CHECK(failed.exception->find("to-stderr") != std::string::npos);
  CHECK(failed.exception->find("exit status 3") != std::string::npos);
  const AgentReply wrong = here.finish("compile_package", {source, std::string(40, '0'), "tool", "f00.2", Json::object()});
  REQUIRE(wrong.exception);
  CHECK(wrong.exception->find("to-stdout") == std::string::npos);
}

TEST_CASE("scripts run with the message's environment, log and fail as BOSH's do") {
  NodeUnderTest here;
  here.wait_until_ready();
  auto files = std::map<std::string, std::string>{
      {"monit", ""},
      {"bin/pre-start", "#!/bin/sh\necho \"state $BOSH_VM_NEXT_STATE path $PATH\"\n"},
      {"bin/post-start", "#!/bin/sh\nexit 1\n"}};
  here.finish("apply", Json::array({here.spec_with_job(files)}));
  const Json environment{{"env", {{"BOSH_VM_NEXT_STATE", "keep"}}}};
  CHECK(here.finish("run_script", {"pre-start", environment}).value == Json::object());
  CHECK(read_file(here.base / "sys/log/web/pre-start.stdout.log") ==
        "state keep path /usr/sbin:/usr/bin:/sbin:/bin\n");
  CHECK(here.finish("run_script", {"post-start", {{"env", Json::object()}}}).exception->find(
            "1 of 1 post-start scripts failed. Failed Jobs: web.") != std::string::npos);
  CHECK(here.finish("run_script", {"post-deploy", {}}).value == Json::object());
}

TEST_CASE("drain waits as the script says and pings stay quick meanwhile") {
  NodeUnderTest here;
  here.wait_until_ready();
  const std::string count = (here.folder.path() / "count").string();
  here.finish("apply", Json::array({here.spec_with_job(
      {{"monit", ""}, {"bin/drain", "#!/bin/sh\necho \"$@\" >> " + count + "\ncase $1 in job_shutdown) echo -1;; *) echo 0;; esac\nexit 3\n"}})}));
  const auto answer = here.ask("drain", {"shutdown"});
  const auto task = running_task_id(answer.value);
  REQUIRE(task);
  CHECK(here.ask("ping", Json::array(), 2s).value == "pong");
  CHECK(running_task_id(here.ask("get_task", {*task}).value));
  AgentReply polled = here.ask("get_task", {*task});
  for (int tries = 0; tries < 100 && running_task_id(polled.value); ++tries) {
    std::this_thread::sleep_for(50ms);
    polled = here.ask("get_task", {*task});
  }
  CHECK(polled.value == 0);
  CHECK(read_file(count) == "job_shutdown hash_unchanged\njob_check_status hash_unchanged\n");
  CHECK(here.finish("drain", {"status"}).exception);
}

TEST_CASE("who asks about a running task is answered at its end, or half a second later") {
  NodeUnderTest here;
  here.wait_until_ready();
  here.finish("apply", Json::array({here.spec_with_job({{"monit", ""}, {"bin/post-start", "#!/bin/sh\nsleep 1.2\n"}})}));
  const auto task = running_task_id(here.ask("run_script", {"post-start", {}}).value);
  REQUIRE(task);
  for (bool running = true; running;) {
    const auto asked = std::chrono::steady_clock::now();
    running = running_task_id(here.ask("get_task", {*task}).value).has_value();
    if (running) CHECK(std::chrono::steady_clock::now() - asked >= 490ms);
  }
}

TEST_CASE("a drain can be cancelled; other tasks cannot") {
  NodeUnderTest here;
  here.wait_until_ready();
  here.finish("apply", Json::array({here.spec_with_job({{"monit", ""}, {"bin/drain", "#!/bin/sh\nsleep 600\n"}, {"bin/post-start", "#!/bin/sh\nsleep 1\n"}})}));
  const auto task = running_task_id(here.ask("drain", {"shutdown"}).value);
  REQUIRE(task);
  CHECK(here.ask("cancel_task", {*task}).value == "canceled");
  AgentReply polled = here.ask("get_task", {*task});
  for (int tries = 0; tries < 200 && !polled.exception; ++tries) {
    std::this_thread::sleep_for(50ms);
    polled = here.ask("get_task", {*task});
  }
  CHECK(polled.exception);
  const auto script = running_task_id(here.ask("run_script", {"post-start", {}}).value);
  REQUIRE(script);
  CHECK(here.ask("cancel_task", {*script}).exception);
}

TEST_CASE("an errand gives its output and exit code") {
  NodeUnderTest here;
  here.wait_until_ready();
  here.finish("apply", Json::array({here.spec_with_job({{"monit", ""}, {"bin/run", "#!/bin/sh\necho out\necho err >&2\nexit 7\n"}})}));
  CHECK(here.finish("run_errand", {"web"}).value == Json{{"exit_code", 7}, {"stdout", "out\n"}, {"stderr", "err\n"}});
  CHECK(here.finish("run_errand", {"nobody"}).exception);
}

TEST_CASE("DNS records are written when version and digest agree") {
  NodeUnderTest& here = node();
  const Json pairs = Json::array({Json::array({"10.0.0.9", "x.bosh"}), Json::array({"10.0.0.9; rm", "bad"}),
                                  Json::array({"10.0.0.8", "bad name\n1.2.3.4 y"})});
  const Json records{{"records", pairs},
                     {"record_keys", {"id", "instance_group", "network", "deployment", "ip", "domain", "instance_index"}},
                     {"record_infos", {{"i-1", "web", "default", "dep", "10.0.0.9", "bosh", 0}}},
                     {"version", 7}};
  const auto blob = here.put_blob(dump(records));
  CHECK(here.ask("sync_dns", {blob, here.digest(blob), 8}).exception);
  CHECK(here.ask("sync_dns", {blob, here.digest(blob), 7}).value == "synced");
  const std::string hosts = read_file(here.etc / "hosts");
  CHECK(hosts.find("10.0.0.9 x.bosh\n") != std::string::npos);
  CHECK(hosts.find("bad") == std::string::npos);
  CHECK(mode_of(here.base / "instance/dns/records.json") == 0640);
  CHECK(read_file(here.base / "instance/dns/hosts/records").find("q-s0.web.default.dep.bosh") != std::string::npos);
  CHECK(here.ask("sync_dns", {"gone", here.digest(blob), 6}).value == "synced");  // older: nothing to do
}

TEST_CASE("disks are remembered until they are removed") {
  NodeUnderTest here;
  here.wait_until_ready();
  CHECK(here.finish("mount_disk", {"disk-1"}).exception);
  CHECK(here.finish("add_persistent_disk", {"disk-1", {{"path", "/dev/none"}}}).value == Json::object());
  CHECK(here.finish("mount_disk", {"disk-1"}).value == Json::object());
  here.restart_agent();
  here.wait_until_ready();
  CHECK(here.finish("list_disk").value == Json{"disk-1"});
  CHECK(here.finish("remove_persistent_disk", {"disk-1"}).exception);
  CHECK(here.finish("unmount_disk", {"disk-1"}).value.contains("message"));
  CHECK(here.finish("remove_persistent_disk", {"disk-1"}).value == Json::object());
  here.restart_agent();  // BOSH's agent refuses to boot here
  here.wait_until_ready();
  CHECK(here.finish("list_disk").value == Json::array());
}

TEST_CASE("named disks are linked and not mounted, and the links are made anew at boot") {
  NodeUnderTest here;
  here.wait_until_ready();
  const auto link = here.base / "instance/disks/data";
  const auto folder = here.folder.path() / "disk-7";
  std::filesystem::create_directories(folder);
  const auto associate = [&](const Json& disks) {
    return here.finish("update_settings", Json::array({{{"trusted_certs", ""}, {"disk_associations", disks}}}));
  };
  const Json data{{"name", "data"}, {"cid", "disk-7"}};
  CHECK(here.finish("add_persistent_disk", {"disk-7", {{"path", folder.string()}}}).value == Json::object());
  CHECK(associate(Json::array({data})).value == "ok");
  CHECK(std::filesystem::read_symlink(link) == folder);
  CHECK(here.finish("list_disk").value == Json::array());

  std::filesystem::remove(link);
  here.restart_agent();
  here.wait_until_ready();
  CHECK(std::filesystem::read_symlink(link) == folder);

  SUBCASE("a name that is a path is refused") {
    const auto reply = associate(Json::array({{{"name", "../data"}, {"cid", "disk-7"}}}));
    REQUIRE(reply.exception);
    CHECK(reply.exception->find("'../data'") != std::string::npos);
  }
  SUBCASE("what is associated no more has no link") {
    CHECK(associate(Json::array()).value == "ok");
    CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(link)));
  }
  SUBCASE("one that was taken away since is not missed") {
    CHECK(here.finish("remove_persistent_disk", {"disk-7"}).value == Json::object());
    here.restart_agent();
    here.wait_until_ready();
    CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(link)));
    CHECK(here.finish("start").value == "started");
  }
}

TEST_CASE("update_settings changes the certificate without losing a request, and it lasts") {
  NodeUnderTest here;
  here.wait_until_ready();
  const auto permanent = here.bus.client(agent_common_name("agent-1"));
  const Json cert{{"ca", here.bus.ca.certificate_pem},
                  {"certificate", permanent.certificate_pem},
                  {"private_key", permanent.private_key_pem.reveal()}};
  const auto reply = here.finish("update_settings", Json::array({{{"trusted_certs", ""}, {"disk_associations", Json::array()}, {"mbus", {{"cert", cert}}}}}));
  CHECK(reply.value == "ok");
  CHECK(here.ask("ping").value == "pong");
  CHECK(mode_of(here.base / "bosh/update_settings.json") == 0600);
  here.restart_agent();
  here.wait_until_ready();

  SUBCASE("a certificate that the bus refuses is not taken") {
    const auto stranger = here.bus.client(agent_common_name("agent-2"));
    Json bad = cert;
    bad["certificate"] = stranger.certificate_pem;
    bad["private_key"] = stranger.private_key_pem.reveal();
    CHECK(here.finish("update_settings", Json::array({{{"mbus", {{"cert", bad}}}}})).exception);
    CHECK(here.ask("ping").value == "pong");
  }
}

TEST_CASE("the agent comes back after the bus was away") {
  NodeUnderTest here;
  here.wait_until_ready();
  here.bus.stop();
  std::this_thread::sleep_for(300ms);
  here.bus.start();
  here.wait_until_ready();
  CHECK(here.ask("ping").value == "pong");
}

TEST_CASE("a message delivered twice runs once") {
  NodeUnderTest here;
  here.wait_until_ready();
  const std::string runs = (here.folder.path() / "runs").string();
  here.finish("apply", Json::array({here.spec_with_job({{"monit", ""}, {"bin/pre-start", "#!/bin/sh\necho x >> " + runs + "\n"}})}));
  const auto subject = here.send("run_script", {"pre-start", {}});
  const auto first = here.answer_to(subject, 5s);
  here.send("run_script", {"pre-start", {}}, subject);
  const auto second = here.answer_to(subject, 5s);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->value == second->value);
  here.finish("list_disk");  // the serial worker is past both
  CHECK(read_file(runs) == "x\n");
}

TEST_CASE("what is asked again by its id is told of the task that there is, while it runs and afterwards") {
  NodeUnderTest here;
  here.wait_until_ready();
  const auto runs = here.folder.path() / "runs", gate = here.folder.path() / "gate";
  const auto script = "#!/bin/sh\necho x >> " + runs.string() + "\nuntil [ -e " + gate.string() + " ]; do sleep 0.05; done\n";
  here.finish("apply", Json::array({here.spec_with_job({{"monit", ""}, {"bin/run", script}})}));
  const auto task_of = [&](const std::string& request_id) {
    const auto answer = here.answer_to(here.send("run_errand", {"web"}, {}, request_id), 5s);
    REQUIRE(answer);
    CHECK_FALSE(answer->exception);
    return running_task_id(answer->value).value_or("(none)");
  };
  const auto task = task_of("errand-1");
  CHECK(task_of("errand-1") == task);
  write_file_atomically(gate, "");
  AgentReply end = here.ask("get_task", {task});
  for (int polls = 0; running_task_id(end.value) && polls < 100; ++polls) end = here.ask("get_task", {task});
  CHECK(end.value["exit_code"] == 0);
  CHECK(task_of("errand-1") == task);
  CHECK(here.ask("get_task", {task}).value == end.value);
  CHECK(read_file(runs) == "x\n");

  const auto other = task_of("errand-2");
  CHECK(other != task);
  here.finish("list_disk");  // the serial worker is past it
  CHECK(read_file(runs) == "x\nx\n");
}

TEST_CASE("an answer beyond the limit says so instead of vanishing") {
  NodeUnderTest here;
  here.wait_until_ready();
  Json spec = here.spec_with_job({{"monit", ""}});
  spec["properties"] = {{"big", std::string(700'000, 'x')}};
  CHECK(here.finish("apply", Json::array({spec})).value == "applied");
  spec["properties"]["big"] = std::string(700'000, '\x01');  // six bytes each once it is JSON
  write_file_atomically(here.base / "bosh/spec.json", dump(spec));
  here.restart_agent();
  here.wait_until_ready();
  CHECK(*here.ask("get_state").exception == "Response exceeded maximum allowed length");
}

TEST_CASE("logs are packed by glob, blobs uploaded by the director are verified") {
  NodeUnderTest& here = node();
  fs::create_directories(here.base / "sys/log/other/deep");
  write_file_atomically(here.base / "sys/log/other/deep/a.log", "A");
  write_file_atomically(here.base / "sys/log/other/b.txt", "B");
  const AgentReply reply = here.finish("fetch_logs", {"job", {"**/*.log"}});
  REQUIRE_MESSAGE(!reply.exception, reply.exception.value_or(""));
  const TempDir out;
  unpack(here.blobs / reply.value["blobstore_id"].get<std::string>(), out.path());
  CHECK(read_file(out.path() / "other/deep/a.log") == "A");
  CHECK_FALSE(fs::exists(out.path() / "other/b.txt"));
  const Json blob{{"blob_id", "b-1"}, {"checksum", sha1_hex("content")}, {"payload", base64_encode("content")}};
  CHECK(here.finish("upload_blob", Json::array({blob})).value == "b-1");
  Json forged = blob;
  forged["payload"] = base64_encode("other");
  CHECK(here.finish("upload_blob", Json::array({forged})).exception);
}

}  // namespace agent_contract_test
