#include "stemcells/agent/contract/node_under_test.hpp"

#include <unistd.h>

#include <thread>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/random.hpp"

namespace slipway::agent::contract {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

fs::path own_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

}  // namespace

NodeUnderTest::NodeUnderTest(bool probes) : bus(agent_id, probes) {
  fs::create_directories(base / "bosh");
  fs::create_directories(etc);
  fs::create_directories(blobs);
  const Json settings{
      {"agent_id", agent_id},
      {"vm", {{"name", "vm-7"}}},
      {"mbus", bus.url()},
      {"networks", {{"default", {{"type", "manual"}, {"ip", "127.0.0.1"}, {"netmask", "255.0.0.0"}, {"preconfigured", true}}}}},
      {"env",
       {{"bosh",
         {{"mbus", bus.bootstrap_env(agent_id)},
          {"blobstores", {{{"provider", "local"}, {"options", {{"blobstore_path", blobs.string()}}}}}}}}}}};
  write_file_atomically(folder.path() / "settings.json", dump(settings), 0600);
  const Json agent{{"Platform", {{"Linux", {{"SkipDiskSetup", true}}}}},
                   {"Heartbeat", {{"IntervalSeconds", 1}}},
                   {"Infrastructure",
                    {{"Settings",
                      {{"Sources",
                        {{{"Type", "File"}, {"SettingsPath", (folder.path() / "settings.json").string()}}}}}}}}};
  write_file_atomically(folder.path() / "agent.json", dump(agent));
  director = std::make_unique<Director>(bus, agent_id);
  start_agent();
}

NodeUnderTest::~NodeUnderTest() {
  if (agent_ && agent_->running()) ask("stop", Json::array(), 5s);
}

void NodeUnderTest::start_agent() {
  ChildProcess::Options options;
  options.argv = {(own_folder() / "bosh-agent").string(), "-P", "ubuntu", "-M", "monit",
                  "-C", (folder.path() / "agent.json").string(), "-b", base.string(),
                  "--no-systemd", "--etc", etc.string()};
  options.pipe_stdio = false;
  agent_ = std::make_unique<ChildProcess>(options);
}

void NodeUnderTest::restart_agent() {
  agent_->terminate(10s);
  start_agent();
}

void NodeUnderTest::wait_until_ready() { director->wait_until_ready(30s); }

std::string NodeUnderTest::wait_for_job_state(const std::string& wanted) {
  std::string state;
  for (int attempt = 0; attempt < 200; ++attempt) {
    state = ask("get_state").value.value("job_state", "");
    if (state == wanted) break;
    std::this_thread::sleep_for(50ms);
  }
  return state;
}

std::string NodeUnderTest::put_blob(const std::string& content) {
  SystemRandom random;
  const std::string id = random.uuid();
  write_file_atomically(blobs / id, content);
  return id;
}

std::string NodeUnderTest::put_archive(const std::map<std::string, std::string>& files) {
  const fs::path file = folder.path() / "archive.tgz";
  ArchiveWriter writer(file);
  for (const auto& [name, content] : files) {
    writer.add(name, content, name.find("bin/") != std::string::npos ? 0755 : 0644);
  }
  writer.finish();
  return put_blob(read_file(file));
}

std::string NodeUnderTest::digest(const std::string& blob_id) const { return sha256_of_file((blobs / blob_id).string()); }

Json NodeUnderTest::spec_with_job(const std::map<std::string, std::string>& files) {
  std::map<std::string, std::string> archive;
  for (const auto& [name, content] : files) archive["./web/" + name] = content;
  const std::string id = put_archive(archive);
  const std::string revision = std::to_string(++revision_);
  return Json{{"deployment", "dep"},
              {"name", "web"},
              {"id", "instance-1"},
              {"index", 0},
              {"az", "z1"},
              {"job", {{"name", "web"}, {"templates", {{{"name", "web"}, {"version", "v" + revision}}}}}},
              {"packages", Json::object()},
              {"rendered_templates_archive", {{"blobstore_id", id}, {"sha1", digest(id)}}},
              {"configuration_hash", "hash-" + revision},
              {"networks", {{"default", {{"ip", "127.0.0.1"}}}}},
              {"persistent_disk", 0}};
}

std::map<std::string, std::string> sleeping_job(const NodeUnderTest& node) {
  const std::string pid_file = (node.base / "sys/run/web/web.pid").string();
  const std::string bin = (node.base / "jobs/web/bin/ctl").string();
  return {{"monit", "check process web with pidfile " + pid_file + "\n  start program \"" + bin +
                        " start\"\n  stop program \"" + bin + " stop\" with timeout 5 seconds\n  group vcap\n"},
          {"bin/ctl", "#!/bin/sh\nif [ \"$1\" = start ]; then\n  setsid sleep 600 >/dev/null 2>&1 &\n  echo $! > " +
                          pid_file + "\nelse\n  kill $(cat " + pid_file + ")\nfi\n"},
          {"config/web.yml", "port: 80\n"}};
}

}  // namespace slipway::agent::contract
