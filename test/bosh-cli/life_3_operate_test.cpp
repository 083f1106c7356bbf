#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "test/bosh-cli/bosh_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace life_3_operate_test {

namespace {

Life life{.greeting = "welcome", .release = "2.0.0"};  // as the cases before this file left it

Row the_client(BoshLab& lab) { return instances_of(lab, "client").at(0); }

std::string pid_of_client(BoshLab& lab) {
  return lab.file_on_node(the_client(lab).at("vm_cid"), "/var/vcap/sys/run/client/client.pid");
}

// The one archive that a command put into a fresh folder.
std::vector<std::string> archive_members(BoshLab& lab, const std::filesystem::path& folder) {
  std::vector<std::string> archives;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) archives.push_back(entry.path().string());
  REQUIRE(archives.size() == 1);
  std::istringstream lines(lab.must({"/usr/bin/tar", "--list", "--gzip", "--file", archives.front()}));
  std::vector<std::string> members;
  for (std::string line; std::getline(lines, line);) members.push_back(line);
  return members;
}

std::filesystem::path fresh_folder(BoshLab& lab, const std::string& name) {
  const auto folder = lab.files() / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

bool any_contains(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("an instance is stopped and started again") {
  auto& lab = BoshLab::get();
  const auto before = the_client(lab);
  lab.must_life({"stop", before.at("instance")});
  CHECK(the_client(lab).at("state") == "stopped");
  CHECK(the_client(lab).at("process_state") == "stopped");
  CHECK(the_client(lab).at("vm_cid") == before.at("vm_cid"));
  lab.must_life({"start", before.at("instance")});
  CHECK(the_client(lab).at("state") == "started");
  CHECK(the_client(lab).at("process_state") == "running");
}

TEST_CASE("a restart gives new processes and a recreate a new VM, in both modes") {
  auto& lab = BoshLab::get();
  const auto client = the_client(lab);
  const auto servers = column(instances_of(lab, "server"), "vm_cid");
  const auto first_pid = pid_of_client(lab);
  lab.must_life({"restart", client.at("instance"), "--no-converge"});
  const auto second_pid = pid_of_client(lab);
  CHECK(second_pid != first_pid);
  lab.must_life({"restart", "client"});
  CHECK(pid_of_client(lab) != second_pid);
  CHECK(the_client(lab).at("vm_cid") == client.at("vm_cid"));

  lab.must_life({"recreate", client.at("instance"), "--no-converge"});
  const auto recreated = the_client(lab).at("vm_cid");
  CHECK(recreated != client.at("vm_cid"));
  lab.must_life({"recreate", client.at("instance"), "--fix"});
  CHECK(the_client(lab).at("vm_cid") != recreated);
  CHECK(the_client(lab).at("process_state") == "running");
  CHECK(column(instances_of(lab, "server"), "vm_cid") == servers);
  lab.life_fails({"restart", "nobody"});
}

TEST_CASE("an ignored instance is left alone by a deploy until it is ignored no more") {
  auto& lab = BoshLab::get();
  const auto servers = instances_of(lab, "server");
  const auto ignored = servers.at(0), other = servers.at(1);
  const auto greeting_of = [&](const Row& row) {
    return lab.file_on_node(row.at("vm_cid"), "/var/vcap/jobs/server/config/greeting");
  };
  lab.must_life({"ignore", ignored.at("instance")});
  CHECK(instances_of(lab, "server").at(0).at("ignore") == "true");
  life.greeting = "farewell";
  life.exit_code = 3;
  const auto said = deploy(lab, life);
  INFO(said.raw);
  REQUIRE(said.exit_code == 0);
  CHECK(greeting_of(ignored) == "welcome\n");
  CHECK(greeting_of(other) == "farewell\n");
  lab.must_life({"unignore", ignored.at("instance")});
  REQUIRE(deploy(lab, life).exit_code == 0);
  CHECK(greeting_of(ignored) == "farewell\n");
}

TEST_CASE("an errand beside a job runs where it is asked for, and its exit code is the command's") {
  auto& lab = BoshLab::get();
  auto names = column(lab.must_life({"errands"}).rows(), "name");
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"checks", "smoke"});
  const auto failed = lab.life_fails({"run-errand", "smoke", "--instance", the_client(lab).at("instance")});
  CHECK(failed.says("Errand 'smoke' completed with error (exit code 3)"));
  REQUIRE(failed.rows().size() == 1);
  const auto row = failed.rows().at(0);
  CHECK(row.at("instance") == the_client(lab).at("instance"));
  CHECK(row.at("stdout").find("speaker two") != std::string::npos);
  CHECK(row.at("stdout").find("2 servers say farewell") != std::string::npos);
  CHECK(row.at("stderr").find("about to end") != std::string::npos);
  lab.life_fails({"run-errand", "nothing"});
}

TEST_CASE("an errand group gets a VM for the run, which is kept where that was asked for") {
  auto& lab = BoshLab::get();
  const auto vms = lab.domains().size();
  const auto folder = fresh_folder(lab, "errand-logs");
  const auto run = lab.must_life({"run-errand", "checks", "--keep-alive", "--download-logs", "--logs-dir", folder.string()});
  CHECK(run.rows().at(0).at("exit_code") == "0");
  CHECK(any_contains(archive_members(lab, folder), "smoke/smoke.log"));
  CHECK(lab.domains().size() == vms + 1);
  const auto again = lab.must_life({"run-errand", "checks", "--keep-alive", "--when-changed"});
  CHECK(again.rows().empty());
  CHECK(lab.must_life({"run-errand", "checks"}).rows().at(0).at("exit_code") == "0");
  CHECK(lab.domains().size() == vms);
}

TEST_CASE("logs of one instance or of all are fetched, of jobs or of the agent") {
  auto& lab = BoshLab::get();
  const auto server = instances_of(lab, "server").at(0).at("instance");
  const auto one = fresh_folder(lab, "logs-one");
  lab.must_life({"logs", server, "--dir", one.string()});
  CHECK(any_contains(archive_members(lab, one), "server/server.log"));
  const auto agent = fresh_folder(lab, "logs-agent");
  lab.must_life({"logs", server, "--agent", "--dir", agent.string()});
  CHECK_FALSE(any_contains(archive_members(lab, agent), "server/server.log"));
  const auto all = fresh_folder(lab, "logs-all");
  lab.must_life({"logs", "--dir", all.string()});
  CHECK(archive_members(lab, all).size() >= 3);  // an archive of archives
}

TEST_CASE("ssh makes an account that may become root, for as long as the visit lasts") {
  auto& lab = BoshLab::get();
  const auto client = the_client(lab);
  const auto who = lab.must_life({"ssh", client.at("instance"), "-r", "-c", "id -un; sudo -n id -u"}).rows().at(0);
  CHECK(who.at("stdout").rfind("bosh_", 0) == 0);
  CHECK(who.at("stdout").find("\n0\n") != std::string::npos);
  CHECK(who.at("exit_code") == "0");
  CHECK(lab.must_life({"ssh", "server", "-r", "-c", "hostname"}).rows().size() == 2);

  const auto file = lab.write("sent.txt", "sent by scp\n");
  lab.must_life({"scp", file.string(), client.at("instance") + ":/tmp/received.txt"});
  CHECK(lab.file_on_node(client.at("vm_cid"), "/tmp/received.txt") == "sent by scp\n");
  lab.wait_until("the accounts are gone", [&] {
    return lab.file_on_node(client.at("vm_cid"), "/etc/passwd").find("bosh_") == std::string::npos;
  });
}

}  // namespace life_3_operate_test
