#include <doctest/doctest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/tls.hpp"
#include "director/templates/renderer.hpp"
#include "releases/format/create.hpp"
#include "releases/format/tarball.hpp"
#include "test/authority.hpp"
#include "test/free_port.hpp"

// The job as the director renders it, driven by its scripts, sends to a real rsyslogd: ours by OpenSSL, the server by
// GnuTLS.

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr const char* rsyslogd = "/usr/sbin/rsyslogd";

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string text_in(const fs::path& file) { return fs::exists(file) ? read_file(file) : ""; }

// Long, since it only decides how late a failure is told.
void wait_until(const std::string& what, const std::function<bool()>& is_so) {
  for (int i = 0; i < 2400 && !is_so(); ++i) std::this_thread::sleep_for(50ms);
  INFO(what);
  REQUIRE(is_so());
}

// A syslog server of a certificate on a port of the loopback; it keeps what it was sent, a message a line.
class Server {
 public:
  Server(int port, const test::Authority& authority, const std::string& name) {
    const auto pair = authority.issue(name);
    const auto at = [this](const char* file) { return (folder_.path() / file).string(); };
    write_file_atomically(at("ca"), authority.ca().certificate_pem);
    write_file_atomically(at("crt"), pair.certificate_pem);
    write_file_atomically(at("key"), pair.private_key_pem.reveal(), 0600);
    write_file_atomically(at("conf"), "global(workDirectory=\"" + folder_.path().string() +
                                          "\" maxMessageSize=\"64k\" defaultNetstreamDriver=\"gtls\"\n"
                                          "  defaultNetstreamDriverCAFile=\"" +
                                          at("ca") + "\" defaultNetstreamDriverCertFile=\"" + at("crt") +
                                          "\"\n  defaultNetstreamDriverKeyFile=\"" + at("key") +
                                          "\")\n"
                                          "module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" "
                                          "StreamDriver.AuthMode=\"anon\")\n"
                                          "template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n"
                                          "ruleset(name=\"keep\") { action(type=\"omfile\" template=\"raw\" file=\"" +
                                          at("received") +
                                          "\") }\n"
                                          "input(type=\"imtcp\" address=\"127.0.0.1\" port=\"" +
                                          std::to_string(port) +
                                          "\" ruleset=\"keep\")\n");
    ChildProcess::Options options;
    options.argv = {rsyslogd, "-n", "-i", "NONE", "-f", at("conf")};
    options.pipe_stdio = false;
    options.on_stderr_line = [this](std::string_view) { ++broken_off_; };
    process_ = std::make_unique<ChildProcess>(std::move(options));
  }
  ~Server() { process_->terminate(20s); }
  // What it says of connections that the other side has ended in the middle.
  bool was_broken_off() const { return broken_off_ > 0; }
  std::string received() const { return text_in(folder_.path() / "received"); }

 private:
  TempDir folder_{"syslog-server"};
  std::atomic<int> broken_off_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

// An instance with the job.
class Node {
 public:
  explicit Node(const Json& syslog) {
    render(syslog);
    fs::create_directories(root() / "packages/rsyslog/bin");
    fs::create_directories(root() / "packages/rsyslog/lib");
    fs::create_symlink(rsyslogd, root() / "packages/rsyslog/bin/rsyslogd");
    fs::create_directory_symlink("/usr/lib/x86_64-linux-gnu/rsyslog", root() / "packages/rsyslog/lib/rsyslog");
    script("pre-start");
    start();
  }
  ~Node() { run({.argv = {ctl(), "stop"}}); }
  void start() { script("ctl", "start"); }
  void stop() { script("ctl", "stop"); }
  void log(const std::string& job, const std::string& line) {
    fs::create_directories(root() / "sys/log" / job);
    std::ofstream(root() / "sys/log" / job / (job + ".stdout.log"), std::ios::app) << line << "\n";
  }

 private:
  fs::path root() const { return folder_.path(); }
  std::string ctl() const { return (root() / "jobs/syslog_forwarder/bin/ctl").string(); }
  void script(const std::string& name, const std::string& verb = "") {
    ProcessSpec spec;
    spec.argv = {(root() / "jobs/syslog_forwarder/bin" / name).string()};
    if (!verb.empty()) spec.argv.push_back(verb);
    const auto result = run(spec);
    INFO(name, ": ", result.standard_output, result.standard_error);
    REQUIRE(result.exit_code == 0);
  }
  void render(const Json& syslog) {
    const TempDir work;
    fs::create_directories(work.path() / "blobs/syslog");
    fs::create_directory(work.path() / "parts");
    for (const auto* blob : {"rsyslog_0.deb", "rsyslog-openssl_0.deb", "libestr0_0.deb", "libfastjson4_0.deb"})
      write_file_atomically(work.path() / "blobs/syslog" / blob, "stand-in");
    releases::create_release(
        {.directory = "releases/syslog", .version = "1.0.0", .blobs = {work.path() / "blobs"}},
        work.path() / "syslog.tgz");
    const auto release = releases::read_release(work.path() / "syslog.tgz", work.path() / "parts");
    const auto job = std::make_shared<JobTemplates>(
        read_job_templates(release.job_files.at("syslog_forwarder"), "syslog", "1.0.0"));
    InstanceToRender instance{.group = "etcd", .id = "node-1", .index = 0};
    instance.spec = {{"id", "node-1"}, {"index", 0},   {"name", "etcd"},       {"deployment", "service-instance-1"},
                     {"az", "z1"},     {"address", "10.0.0.10"}, {"ip", "10.0.0.10"}, {"bootstrap", true}};
    instance.jobs.push_back({job, effective_properties(job->spec, {{"syslog", syslog}}), Json::object()});
    Renderer renderer;
    const auto rendered = renderer.render({instance});
    for (const auto& file : rendered.at(0).files) {
      const auto path = root() / "jobs" / file.name;
      fs::create_directories(path.parent_path());
      write_file_atomically(path, replace_all(file.content, "/var/vcap", root().string()), file.mode);
    }
  }

  TempDir folder_{"syslog-node"};
};

Json settings(int port, const test::Authority& authority) {
  return {{"address", "127.0.0.1"}, {"port", port}, {"ca_cert", authority.ca().certificate_pem}, {"permitted_peer", "logs.lab"}};
}

}  // namespace

TEST_CASE("what jobs write arrives, with where it is from") {
  const test::Authority authority("syslog CA");
  const auto port = test::free_port();
  const Server server(port, authority, "logs.lab");
  Node node(settings(port, authority));
  node.log("etcd", "a member \"joined\" \\ ]");
  node.log("kubelet", std::string(20'000, 'k'));
  node.log("syslog_forwarder", "of its own");
  node.log("etcd", "the last");
  wait_until("all lines are there", [&] {
    const auto text = server.received();
    return contains(text, "the last\n") && contains(text, "kkk\n");
  });
  const auto text = server.received();
  CHECK(contains(text, " 10.0.0.10 etcd - - [instance@47450 deployment=\"service-instance-1\" group=\"etcd\" "
                       "az=\"z1\" id=\"node-1\"] a member \"joined\" \\ ]\n"));
  CHECK(contains(text, "] " + std::string(20'000, 'k') + "\n"));
  CHECK_FALSE(contains(text, "of its own"));
}

TEST_CASE("what the server does not take waits, over a restart too") {
  const test::Authority authority("syslog CA");
  const auto port = test::free_port();
  Node node(settings(port, authority));
  node.log("etcd", "first");
  node.stop();
  node.log("etcd", "second");
  node.start();
  node.log("etcd", "third");
  const Server server(port, authority, "logs.lab");
  wait_until("all lines are there", [&] {
    const auto text = server.received();
    return contains(text, "first\n") && contains(text, "second\n") && contains(text, "third\n");
  });
}

TEST_CASE("a server of another CA, or of another name, is told nothing") {
  const test::Authority authority("syslog CA"), stranger("another CA");
  const auto port = test::free_port();
  Node node(settings(port, authority));
  node.log("etcd", "only for logs.lab");
  const auto refused = [&](const test::Authority& who, const std::string& name) {
    const Server impostor(port, who, name);
    wait_until("it was tried", [&] { return impostor.was_broken_off(); });
    CHECK(impostor.received() == "");
  };
  refused(stranger, "logs.lab");
  refused(authority, "others.lab");
  const Server server(port, authority, "logs.lab");
  wait_until("the line is there", [&] { return contains(server.received(), "only for logs.lab\n"); });
}

TEST_CASE("settings that cannot be meant fail before anything is touched") {
  const test::Authority authority("syslog CA");
  const auto refused = [&](const char* key, const Json& value, const std::string& part) {
    auto given = settings(6514, authority);
    given[key] = value;
    INFO(key);
    CHECK_THROWS_WITH_AS(Node{given}, doctest::Contains(part.c_str()), Error);
  };
  refused("address", "a\" protocol=\"udp", "syslog.address is 'a\" protocol=\"udp'");
  refused("port", 70000, "allowed are 1 to 65535");
  refused("ca_cert", "none", "syslog.ca_cert is no PEM certificate");
  refused("ca_cert", nullptr, "syslog.ca_cert");
}
