// Errands, logs and ssh accounts, as a director asks for them.
#include <doctest/doctest.h>
#include <signal.h>

#include <thread>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/http/server.hpp"
#include "stemcells/agent/contract/node_under_test.hpp"

using namespace slipway;
using namespace slipway::agent;
using namespace slipway::agent::contract;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace operations_test {

namespace {

// One node for the cases that leave it as they found it.
NodeUnderTest& node() {
  static NodeUnderTest shared;
  static const bool ready = [] {
    shared.wait_until_ready();
    for (const auto& [name, text] : std::map<std::string, std::string>{
             {"web/a.log", "A"}, {"web/deep/b.log", "B"}, {"web/c.txt", "C"}}) {
      fs::create_directories((shared.base / "sys/log" / name).parent_path());
      write_file_atomically(shared.base / "sys/log" / name, text);
    }
    fs::create_directories(shared.base / "bosh/log");
    write_file_atomically(shared.base / "bosh/log/current", "agent");
    return true;
  }();
  (void)ready;
  return shared;
}

std::map<std::string, std::string> unpacked(const fs::path& archive) {
  std::map<std::string, std::string> files;
  ArchiveReader reader(archive);
  for (ArchiveEntry entry; reader.next(entry);) files[entry.name] = reader.read_all(1u << 20);
  return files;
}

std::map<std::string, std::string> fetched(const std::string& types, const Json& filters) {
  const auto reply = node().finish("fetch_logs", {types, filters});
  REQUIRE_MESSAGE(!reply.exception, reply.exception.value_or(""));
  const auto blob = node().blobs / reply.value["blobstore_id"].get<std::string>();
  CHECK(reply.value["sha1"] == sha1_hex(read_file(blob)));
  return unpacked(blob);
}

template <class Condition>
bool until(Condition condition) {
  for (int tries = 0; tries < 400; ++tries) {
    if (condition()) return true;
    std::this_thread::sleep_for(25ms);
  }
  return false;
}

// A zombie counts as gone: whoever is process 1 here may take its time.
bool is_gone(int pid) {
  try {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    return stat[stat.rfind(')') + 2] == 'Z';
  } catch (const Error&) {
    return true;
  }
}

using Files = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("a cancelled errand ends with all it started and says what it had printed") {
  NodeUnderTest here;
  here.wait_until_ready();
  const auto pid_file = here.folder.path() / "pid";
  here.finish("apply", Json::array({here.spec_with_job(
                           {{"monit", ""},
                            {"bin/run", "#!/bin/sh\necho began\nsleep 600 &\necho $! > " + pid_file.string() +
                                            ".new\nmv " + pid_file.string() + ".new " + pid_file.string() +
                                            "\nwait\n"}})}));
  const auto task = running_task_id(here.ask("run_errand", {"web"}).value);
  REQUIRE(task);
  REQUIRE(until([&] { return fs::exists(pid_file); }));
  CHECK(running_task_id(here.ask("get_task", {*task}).value));
  CHECK(here.ask("cancel_task", {*task}).value == "canceled");
  AgentReply polled = here.ask("get_task", {*task});
  CHECK(until([&] {
    polled = here.ask("get_task", {*task});
    return !running_task_id(polled.value);
  }));
  CHECK(polled.value == Json{{"exit_code", 128 + SIGTERM}, {"stdout", "began\n"}, {"stderr", ""}});
  CHECK(until([&] { return is_gone(std::stoi(read_file(pid_file))); }));
}

TEST_CASE("an errand that prints without end is answered with the end of it") {
  NodeUnderTest here;
  here.wait_until_ready();
  here.finish("apply", Json::array({here.spec_with_job(
                           {{"monit", ""},
                            {"bin/run", "#!/bin/sh\nhead -c 3000000 /dev/zero\necho out\n"
                                        "head -c 3000000 /dev/zero >&2\necho err >&2\n"}})}));
  const auto reply = here.finish("run_errand", {"web"});
  REQUIRE_MESSAGE(!reply.exception, reply.exception.value_or(""));
  CHECK(reply.value["exit_code"] == 0);
  CHECK(reply.value["stdout"].get<std::string>().starts_with("[the first "));
  CHECK(reply.value["stdout"].get<std::string>().ends_with("out\n"));
  CHECK(reply.value["stderr"].get<std::string>().ends_with("err\n"));
}

TEST_CASE("an errand whose job is none, or has nothing to run, says so") {
  for (const Json& arguments : {Json{"nobody"}, Json{"../x"}, Json::array()})
    CHECK(node().finish("run_errand", arguments).exception);
}

TEST_CASE("logs of several types come in one archive, by their globs") {
  CHECK(fetched("job", Json::array()) == Files{{"web/a.log", "A"}, {"web/c.txt", "C"}, {"web/deep/b.log", "B"}});
  CHECK(fetched("job", {"web/*.log"}) == Files{{"web/a.log", "A"}});
  CHECK(fetched("job", {"nothing"}).empty());
  const auto both = fetched("agent,job", {"**/a.log", "current"});
  CHECK(both == Files{{"current", "agent"}, {"web/a.log", "A"}});
  CHECK(fetched("system", {"no-such-log"}).empty());
}

TEST_CASE("a log type that is none is refused with those there are") {
  for (const char* types : {"kernel", "", "job,", "job,kernel", "../job"}) {
    CAPTURE(types);
    const auto reply = node().finish("fetch_logs", {types, Json::array()});
    REQUIRE(reply.exception);
    CHECK(reply.exception->find("job, agent and system") != std::string::npos);
  }
}

TEST_CASE("a job's link to a file of others brings neither that file nor itself along") {
  const auto link = node().base / "sys/log/web/stolen.log";
  const auto secret = node().folder.path() / "secret";
  write_file_atomically(secret, "secret");
  fs::create_symlink(secret, link);
  const auto files = fetched("job", {"**/*.log"});
  fs::remove(link);
  CHECK(files == Files{{"web/a.log", "A"}, {"web/deep/b.log", "B"}});
}

TEST_CASE("logs go to a signed URL with the headers it wants") {
  std::string stored, header;
  http::Server server({}, [&](http::Request& request) {
    if (request.method != "PUT" || request.path != "/signed/b-1") return http::Response::empty(404);
    header = request.headers.count("X-Key") ? request.headers.at("X-Key") : "";
    stored = request.body->read_all(1u << 20);
    return http::Response::empty(201);
  }, Log::discard());
  const Json request{{"signed_url", "http://127.0.0.1:" + std::to_string(server.port()) + "/signed/b-1"},
                     {"log_type", "job"},
                     {"filters", {"**/a.log"}},
                     {"blobstore_headers", {{"X-Key", "k"}}}};
  const auto reply = node().finish("fetch_logs_with_signed_url", Json::array({request}));
  REQUIRE_MESSAGE(!reply.exception, reply.exception.value_or(""));
  CHECK(reply.value["sha1"].get<std::string>().starts_with(sha1_hex(stored)));
  CHECK(header == "k");
  const auto file = node().folder.path() / "signed.tgz";
  write_file_atomically(file, stored);
  CHECK(unpacked(file) == Files{{"web/a.log", "A"}});
}

TEST_CASE("bundled logs lie on the node until they are removed, and nothing else can be") {
  const auto reply = node().ask("bundle_logs", Json::array({{{"owning_user", ""}, {"log_type", "job"}, {"filters", Json::array()}}}));
  REQUIRE_MESSAGE(!reply.exception, reply.exception.value_or(""));
  const fs::path bundle = reply.value["logs_tar_path"].get<std::string>();
  CHECK(unpacked(bundle).size() == 3);
  CHECK(reply.value["sha512"].get<std::string>().starts_with("sha512:"));
  for (const auto& path : {node().base / "bosh/spec.json", bundle.parent_path() / "../../bosh/log/current"})
    CHECK(node().ask("remove_file", {path.string()}).exception);
  CHECK(fs::exists(node().base / "bosh/log/current"));
  CHECK(node().ask("remove_file", {bundle.string()}).value == "removed");
  CHECK_FALSE(fs::exists(bundle));
  CHECK(node().ask("bundle_logs", Json::array({{{"owning_user", "no such user"}, {"log_type", "job"}}})).exception);
}

TEST_CASE("no account is made of a name or key that is none, and only bosh_ accounts are removed") {
  for (const Json& parameters :
       {Json{{"user", "root"}, {"public_key", "ssh-rsa AAAA"}}, Json{{"user", "bosh_x;y"}, {"public_key", "ssh-rsa AAAA"}},
        Json{{"user", "bosh_x"}, {"public_key", ""}}, Json{{"user", "bosh_x"}, {"public_key", "ssh-rsa A\nssh-rsa B"}},
        Json{{"user", 7}}, Json::object()}) {
    CAPTURE(parameters.dump());
    CHECK(node().ask("ssh", {"setup", parameters}).exception);
  }
  CHECK(node().ask("ssh", {"cleanup", {{"user_regex", "("}}}).exception);
  CHECK(node().ask("ssh", {"dance", Json::object()}).exception);
  CHECK(node().ask("ssh", {"cleanup", {{"user_regex", "^bosh_nobody"}}}).value ==
        Json{{"command", "cleanup"}, {"status", "success"}});
}

}  // namespace operations_test
