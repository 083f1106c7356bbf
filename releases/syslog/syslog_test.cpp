#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
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

// An instance with a job that sends to servers of these names.
class Node {
 public:
  explicit Node(const Json& syslog, std::string job = "syslog_forwarder", std::vector<std::string> servers = {"server"})
      : job_(std::move(job)), servers_(std::move(servers)) {
    render(syslog);
    fs::create_directories(root() / "packages/rsyslog/bin");
    fs::create_directories(root() / "packages/rsyslog/lib");
    fs::create_symlink(rsyslogd, root() / "packages/rsyslog/bin/rsyslogd");
    fs::create_directory_symlink("/usr/lib/x86_64-linux-gnu/rsyslog", root() / "packages/rsyslog/lib/rsyslog");
    script({"pre-start"});
    start();
  }
  ~Node() {
    for (const auto& server : servers_) run({.argv = {file("bin/ctl").string(), "stop", server}});
  }
  void start() {
    for (const auto& server : servers_) script({"ctl", "start", server});
  }
  void stop() {
    for (const auto& server : servers_) script({"ctl", "stop", server});
  }
  // As an update of the job does.
  void change(const Json& syslog, std::vector<std::string> servers) {
    stop();
    servers_ = std::move(servers);
    render(syslog);
    script({"pre-start"});
    start();
  }
  // Of the container main of a pod of namespace shop, as the CRI writes it.
  void log_of_pod(const std::string& pod, const std::string& line) {
    const auto folder = root() / "log/pods" / ("shop_" + pod + "_0b0a-4c") / "main";
    fs::create_directories(folder);
    std::ofstream(folder / "0.log", std::ios::app) << line << "\n";
  }
  void trust(const std::string& certificate_pem) { write_file_atomically(root() / "trusted.crt", certificate_pem); }
  std::string monit() const { return text_in(file("monit")); }
  std::vector<std::string> states() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root() / "data" / job_)) {
      const auto name = entry.path().filename().string();
      names.push_back(name.substr(0, name.find('@')));
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void log(const std::string& job, const std::string& line) {
    fs::create_directories(root() / "sys/log" / job);
    std::ofstream(root() / "sys/log" / job / (job + ".stdout.log"), std::ios::app) << line << "\n";
  }

 private:
  fs::path root() const { return folder_.path(); }
  fs::path file(const std::string& name) const { return root() / "jobs" / job_ / name; }
  void script(std::vector<std::string> words) const {
    words[0] = file("bin/" + words[0]).string();
    const auto result = run({.argv = words});
    INFO(words[0], ": ", result.standard_output, result.standard_error);
    REQUIRE(result.exit_code == 0);
  }
  std::string placed(std::string text) const {
    text = replace_all(std::move(text), "/var/vcap", root().string());
    text = replace_all(std::move(text), "/var/log", (root() / "log").string());
    return replace_all(std::move(text), "/etc/ssl/certs/ca-certificates.crt", (root() / "trusted.crt").string());
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
        read_job_templates(release.job_files.at(job_), "syslog", "1.0.0"));
    InstanceToRender instance{.group = "etcd", .id = "node-1", .index = 0};
    instance.spec = {{"id", "node-1"}, {"index", 0},   {"name", "etcd"},       {"deployment", "service-instance-1"},
                     {"az", "z1"},     {"address", "10.0.0.10"}, {"ip", "10.0.0.10"}, {"bootstrap", true}};
    instance.jobs.push_back({job, effective_properties(job->spec, {{"syslog", syslog}}), Json::object()});
    Renderer renderer;
    const auto rendered = renderer.render({instance});
    for (const auto& file : rendered.at(0).files) {
      const auto path = root() / "jobs" / file.name;
      fs::create_directories(path.parent_path());
      write_file_atomically(path, placed(file.content), file.mode);
    }
  }

  TempDir folder_{"syslog-node"};
  std::string job_;
  std::vector<std::string> servers_;
};

Json settings(int port, const test::Authority& authority) {
  return {{"address", "127.0.0.1"}, {"port", port}, {"ca_cert", authority.ca().certificate_pem}, {"permitted_peer", "logs.lab"}};
}

Json sink(const std::string& name, int port) {
  return {{"name", name}, {"address", "127.0.0.1"}, {"port", port}, {"permitted_peer", "logs.lab"}};
}

Json sink(const std::string& name, int port, const test::Authority& authority) {
  auto settings = sink(name, port);
  settings["ca_cert"] = authority.ca().certificate_pem;
  return settings;
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

TEST_CASE("of several sinks one that is away holds up no other, and gets all of it when it is back") {
  const test::Authority first_authority("CA of the first"), second_authority("CA of the second");
  const auto first_port = test::free_port(), second_port = test::free_port();
  const Server first(first_port, first_authority, "logs.lab");
  Node node({{"destinations", Json::array({sink("second", second_port, second_authority),
                                           sink("first", first_port, first_authority)})}},
            "log_sinks", {"second", "first"});
  CHECK(contains(node.monit(), "check process log_sink_second\n"));
  CHECK(contains(node.monit(), "bin/ctl start first\" with timeout 60 seconds"));
  // More than the queue of the one that is away has room for in memory.
  for (int i = 0; i < 5000; ++i) node.log("etcd", "line " + std::to_string(i));
  wait_until("all lines are at the first", [&] { return contains(first.received(), "line 4999\n"); });
  const Server second(second_port, second_authority, "logs.lab");
  wait_until("all lines are at the second", [&] {
    const auto text = second.received();
    return contains(text, "line 0\n") && contains(text, "line 2500\n") && contains(text, "line 4999\n");
  });
}

TEST_CASE("a sink gets the logs of pods with where they are from, and those of the cluster's own jobs only") {
  const test::Authority authority("CA of a sink");
  const auto port = test::free_port();
  const Server server(port, authority, "logs.lab");
  Node node({{"destinations", Json::array({sink("mine", port, authority)})}, {"jobs", {"kubelet"}}, {"pods", true}},
            "log_sinks", {"mine"});
  node.log("the-operators", "not for tenants");
  node.log("syslog_forwarder", "where the operator's server is");
  node.log("kubelet", "a node");
  node.log_of_pod("web-6b58b6689d-dhddj", "2026-11-26T18:51:41.123456789Z stdout F  to \"whom\" ] it \\ concerns");
  node.log_of_pod("web-6b58b6689d-dhddj", "2026-11-26T18:51:42+01:00 stderr P a part");
  node.log_of_pod("web-6b58b6689d-dhddj", "nothing of the CRI's");
  node.log_of_pod("a-pod-whose-name-is-longer-than-48-characters-are", "2026-11-26T18:51:43.5Z stdout F ");
  wait_until("all lines are there", [&] {
    const auto text = server.received();
    return contains(text, "a node\n") && contains(text, "nothing of the CRI's\n") && contains(text, "longer-than");
  });
  const auto text = server.received();
  const std::string instance =
      "[instance@47450 deployment=\"service-instance-1\" group=\"etcd\" az=\"z1\" id=\"node-1\"]";
  const auto pod = [&](const std::string& name, const std::string& stream) {
    return " - - " + instance + "[kubernetes@47450 namespace_name=\"shop\" object_name=\"" + name +
           "\" container_name=\"main\" stream=\"" + stream + "\"] ";
  };
  const std::string web = "web-6b58b6689d-dhddj", app = " 10.0.0.10 pod.log/shop/web-6b58b6689d-dhddj";
  CHECK(contains(text, "<14>1 2026-11-26T18:51:41.123456Z" + app + pod(web, "stdout") + " to \"whom\" ] it \\ concerns\n"));
  CHECK(contains(text, "<14>1 2026-11-26T18:51:42+01:00" + app + pod(web, "stderr") + "a part\n"));
  CHECK(contains(text, app + pod(web, "") + "nothing of the CRI's\n"));
  CHECK(contains(text, "<14>1 2026-11-26T18:51:43.5Z 10.0.0.10 pod.log/shop/a-pod-whose-name-is-longer-than-48-" +
                           pod("a-pod-whose-name-is-longer-than-48-characters-are", "stdout") + "\n"));
  CHECK(contains(text, " 10.0.0.10 kubelet - - " + instance + " a node\n"));
  CHECK_FALSE(contains(text, "not for tenants"));
  CHECK_FALSE(contains(text, "operator's server"));
}

TEST_CASE("a sink believes its own CA and no other's, and without one the node's trust store") {
  const test::Authority authority("CA of a sink"), others("CA of another sink"), known("CA that the node trusts");
  const auto port = test::free_port(), other_port = test::free_port(), known_port = test::free_port();
  const Server impostor(port, others, "logs.lab"), other(other_port, others, "logs.lab"), public_one(known_port, known, "logs.lab");
  const Json destinations = {sink("mine", port, authority), sink("other", other_port, others), sink("known", known_port)};
  CHECK_THROWS_WITH_AS(
      Node({{"destinations", {{{"name", "a b"}, {"address", "x"}}}}}, "log_sinks", {}), doctest::Contains("no DNS label"),
      Error);
  Node node({{"destinations", Json::array({destinations[0], destinations[1]})}}, "log_sinks", {"mine", "other"});
  node.trust(known.ca().certificate_pem);
  node.change({{"destinations", destinations}}, {"mine", "other", "known"});
  node.log("etcd", "a line");
  wait_until("the line is at both", [&] {
    return contains(other.received(), "a line\n") && contains(public_one.received(), "a line\n");
  });
  wait_until("the impostor was tried", [&] { return impostor.was_broken_off(); });
  CHECK(impostor.received() == "");
}

TEST_CASE("what waits for a sink goes with it, and is not sent to another server of its name") {
  const test::Authority authority("CA of a sink");
  const auto away = test::free_port(), port = test::free_port();
  Node node({{"destinations", Json::array({sink("gone", away, authority), sink("moved", away, authority)})}}, "log_sinks",
            {"gone", "moved"});
  node.log("etcd", "for whom it may concern");
  CHECK(node.states() == std::vector<std::string>{"gone", "moved"});
  const Server server(port, authority, "logs.lab");
  node.change({{"destinations", Json::array({sink("moved", port, authority)})}}, {"moved"});
  CHECK(node.states() == std::vector<std::string>{"moved"});
  wait_until("what is in the files is there", [&] { return contains(server.received(), "may concern\n"); });
}
