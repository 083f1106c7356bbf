#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/tls.hpp"
#include "director/templates/renderer.hpp"
#include "releases/format/create.hpp"
#include "releases/format/tarball.hpp"

// Members of a real etcd, each with a /var/vcap and a loopback address of its own, driven
// by the job's scripts in the order in which an agent calls them.

using namespace slipway;
using namespace slipway::director;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr const char* etcd_program = "/usr/bin/etcd";

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// The release as `slipway-release create` makes it, with stand-ins for Debian's packages.
std::shared_ptr<const JobTemplates> job_of_release(const std::string& name) {
  const TempDir work;
  fs::create_directories(work.path() / "blobs/etcd");
  fs::create_directory(work.path() / "parts");
  for (const auto* blob : {"etcd-server_0_all.deb", "etcd-client_0_all.deb"}) {
    write_file_atomically(work.path() / "blobs/etcd" / blob, "stand-in");
  }
  releases::create_release(
      {.directory = "releases/etcd", .version = "1.0.0", .blobs = {work.path() / "blobs"}}, work.path() / "etcd.tgz");
  const auto release = releases::read_release(work.path() / "etcd.tgz", work.path() / "parts");
  return std::make_shared<JobTemplates>(read_job_templates(release.job_files.at(name), "etcd", "1.0.0"));
}

// Certificates as the example manifest's variables describe them.
Json certificates(const std::string& network) {
  const auto now = SystemClock().now();
  const auto year = std::chrono::hours(24 * 365);
  const auto peer_ca = tls::create_ca({.common_name = "peers"}, year, now);
  const auto client_ca = tls::create_ca({.common_name = "clients"}, year, now);
  std::vector<std::string> addresses;
  for (int i = 1; i < 10; ++i) addresses.push_back(network + std::to_string(i));
  const auto entry = [&](const tls::KeyPair& ca, const std::string& name, tls::Usage usage, bool named) {
    tls::CertificateRequest request{.subject = {.common_name = name}, .usage = usage};
    if (named) request.alternative_names = addresses;
    const auto pair = tls::issue(ca, request, now);
    return Json{{"ca", ca.certificate_pem}, {"certificate", pair.certificate_pem},
                {"private_key", pair.private_key_pem.reveal()}};
  };
  return {{"peer", entry(peer_ca, "peer", tls::Usage::server_and_client, true)},
          {"server", entry(client_ca, "server", tls::Usage::server, true)},
          {"client", entry(client_ca, "client", tls::Usage::client, false)}};
}

class Cluster {
 public:
  // Members listen on loopback addresses that other tests, and other runs, hardly use.
  explicit Cluster(int number)
      : network_("127." + std::to_string(64 + ::getpid() % 128) + "." + std::to_string(number) + "."),
        tls_(certificates(network_)) {
    etcd_ = job_of_release("etcd");
    smoke_ = job_of_release("smoke-tests");
  }

  ~Cluster() {
    for (int i = 0; i < 9; ++i) {
      if (fs::exists(root(i) / "sys/run/etcd/etcd.pid")) kill_hard(i);  // quicker than a graceful stop
    }
  }

  // What the director does first: every instance gets its files, knowing `size` instances.
  void configure(int member, int size) {
    Json instances = Json::array();
    for (int i = 0; i < size; ++i) {
      instances.push_back({{"name", "etcd"}, {"index", i}, {"id", id(i)}, {"az", "z1"}, {"address", address(i)},
                           {"bootstrap", i == 0}});
    }
    const Json links = {{"etcd", {{"instances", instances}, {"properties", {{"etcd", {{"client_port", 2379}}}}}}}};
    const Json given = {{"tls", tls_}, {"etcd", {{"bootstrap_wait_seconds", 2}, {"join_timeout_seconds", 60},
                                                {"metrics_address", address(member) + ":2381"}}}};
    InstanceToRender instance{.group = "etcd", .id = id(member), .index = member};
    instance.spec = {{"id", id(member)}, {"index", member}, {"bootstrap", member == 0}, {"name", "etcd"},
                     {"address", address(member)}, {"ip", address(member)}};
    for (const auto& job : {etcd_, smoke_}) {
      instance.jobs.push_back({job, effective_properties(job->spec, given), links});
    }
    const auto rendered = renderer_.render({instance});
    for (const auto& file : rendered.at(0).files) {
      const auto path = root(member) / "jobs" / file.name;
      fs::create_directories(path.parent_path());
      auto content = replace_all(file.content, "/var/vcap", root(member).string());
      content = replace_all(content, "setpriv --reuid=vcap --regid=vcap --init-groups", "env");
      content = replace_all(content, "chown vcap:vcap", "true");
      write_file_atomically(path, content, file.mode);
    }
    fs::create_directories(root(member) / "packages/etcd");
    const auto bin = root(member) / "packages/etcd/bin";
    if (!fs::exists(bin)) fs::create_directory_symlink("/usr/bin", bin);
  }

  void begin_start(int member) {
    CHECK(script_result(member, "pre-start").ok());
    CHECK(script_result(member, "ctl", {"start"}).ok());
  }
  void finish_start(int member) {
    const auto result = script_result(member, "post-start");
    INFO(result.standard_error, log(member));
    CHECK(result.ok());
  }
  void start(int member) {
    begin_start(member);
    finish_start(member);
  }
  void stop(int member) { CHECK(script_result(member, "ctl", {"stop"}).ok()); }
  void lose_disk(int member) { fs::remove_all(root(member) / "store"); }
  void kill_hard(int member) {
    const auto text = read_file(root(member) / "sys/run/etcd/etcd.pid");
    const auto pid = text.substr(0, text.find('\n'));
    run({.argv = {"kill", "-KILL", pid}});
    // Gone, or a zombie: both have no command line.
    const auto gone = [&] {
      std::ifstream file("/proc/" + pid + "/cmdline");
      return file.peek() == std::ifstream::traits_type::eof();
    };
    for (int i = 0; i < 1'000 && !gone(); ++i) std::this_thread::sleep_for(10ms);
  }

  // What the agent does before a VM is deleted while the deployment stays.
  ProcessResult leave(int member) {
    script_result(member, "pre-stop", {}, {{"BOSH_INSTANCE_NEXT_STATE", "delete"}, {"BOSH_DEPLOYMENT_NEXT_STATE", "keep"}});
    auto result = script_result(member, "drain", {"job_shutdown", "hash_unchanged"});
    stop(member);
    return result;
  }

  std::string etcdctl(int member, const std::vector<std::string>& words) {
    const auto result = script_result(member, "etcdctl", words);
    INFO(result.standard_error);
    CHECK(result.ok());
    return result.standard_output;
  }

  // Members that have started and vote, as `member` sees them.
  int voters(int member) {
    const auto list = etcdctl(member, {"member", "list"});
    int count = 0;
    for (std::size_t at = 0; (at = list.find("started", at)) != std::string::npos; ++at) ++count;
    INFO(list);
    CHECK(list.find("unstarted") == std::string::npos);
    CHECK(list.find(", true") == std::string::npos);
    return count;
  }

  std::string get(int member, const std::string& key) { return etcdctl(member, {"get", key, "--print-value-only"}); }

  ProcessResult smoke_test(int member) {
    return run({.argv = {(root(member) / "jobs/smoke-tests/bin/run").string()}, .timeout = 60s});
  }

  ProcessResult script_result(int member, const std::string& name, const std::vector<std::string>& words = {},
                              std::map<std::string, std::string> env = {}) {
    ProcessSpec spec{.argv = {script(member, name).string()}, .timeout = 120s};
    spec.argv.insert(spec.argv.end(), words.begin(), words.end());
    spec.env.merge(env);
    return run(spec);
  }

  std::string client_url(int member) const { return "https://" + address(member) + ":2379"; }

  std::string log(int member) {
    const auto path = root(member) / "sys/log/etcd/etcd.stdout.log";
    return fs::exists(path) ? read_file(path) : "";
  }

 private:
  fs::path root(int member) const { return folder_.path() / ("node-" + std::to_string(member)); }
  fs::path script(int member, const std::string& name) const { return root(member) / "jobs/etcd/bin" / name; }
  std::string id(int member) const { return "instance-" + std::to_string(member); }
  std::string address(int member) const { return network_ + std::to_string(member + 1); }

  std::string network_;
  Json tls_;
  TempDir folder_;
  Renderer renderer_;
  std::shared_ptr<const JobTemplates> etcd_, smoke_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("etcd is installed for these tests") { REQUIRE(fs::exists(etcd_program)); }

TEST_CASE("members started one after the other form one cluster") {
  Cluster cluster(1);
  for (int i = 0; i < 3; ++i) cluster.configure(i, 3);
  for (int i = 0; i < 3; ++i) cluster.start(i);
  CHECK(cluster.voters(0) == 3);
}

TEST_CASE("a cluster started at once survives deaths, lost disks, growing and shrinking") {
  Cluster cluster(2);
  for (int i = 0; i < 3; ++i) cluster.configure(i, 3);
  for (const int i : {2, 1, 0}) cluster.begin_start(i);
  for (const int i : {0, 1, 2}) cluster.finish_start(i);
  CHECK(cluster.voters(0) == 3);
  cluster.etcdctl(0, {"put", "key", "value"});

  INFO("a member that was killed comes back with its data");
  cluster.kill_hard(1);
  cluster.start(1);
  CHECK(cluster.voters(1) == 3);
  CHECK(cluster.get(1, "key") == "value\n");

  INFO("a member without its disk drops its stale entry and joins anew");
  cluster.stop(2);
  cluster.lose_disk(2);
  cluster.start(2);
  CHECK(cluster.voters(0) == 3);
  CHECK(cluster.get(2, "key") == "value\n");

  INFO("the first instance without its disk joins the others instead of starting a new cluster");
  cluster.stop(0);
  cluster.lose_disk(0);
  cluster.start(0);
  CHECK(cluster.voters(1) == 3);
  CHECK(cluster.get(0, "key") == "value\n");

  INFO("three become five");
  for (const int i : {3, 4}) cluster.configure(i, 5);
  for (const int i : {3, 4}) cluster.begin_start(i);
  for (const int i : {3, 4}) cluster.finish_start(i);
  for (const int i : {0, 1, 2}) {
    cluster.configure(i, 5);
    cluster.stop(i);
    cluster.start(i);
  }
  CHECK(cluster.voters(0) == 5);
  CHECK(cluster.get(4, "key") == "value\n");
  CHECK(cluster.smoke_test(0).ok());

  INFO("five become three");
  for (const int i : {4, 3}) {
    const auto left = cluster.leave(i);
    CHECK(left.ok());
    CHECK(left.standard_output == "0\n");
  }
  for (const int i : {0, 1, 2}) cluster.configure(i, 3);
  CHECK(cluster.voters(0) == 3);
  CHECK(cluster.get(0, "key") == "value\n");

  INFO("members of instances that vanished leave the list after the deploy");
  cluster.configure(3, 4);
  cluster.start(3);
  cluster.stop(3);
  CHECK(cluster.script_result(0, "post-deploy").ok());
  CHECK(cluster.voters(0) == 3);

  const auto smoke = cluster.smoke_test(1);
  INFO(smoke.standard_error);
  CHECK(smoke.ok());
}

TEST_CASE("the first instance starts no second cluster while the others have no quorum") {
  Cluster cluster(3);
  for (int i = 0; i < 3; ++i) cluster.configure(i, 3);
  for (int i = 0; i < 3; ++i) cluster.begin_start(i);
  for (int i = 0; i < 3; ++i) cluster.finish_start(i);
  cluster.etcdctl(0, {"put", "key", "value"});
  for (int i = 0; i < 3; ++i) cluster.stop(i);
  cluster.lose_disk(0);
  cluster.begin_start(2);  // alone: no quorum
  std::this_thread::sleep_for(1s);
  cluster.begin_start(0);
  std::this_thread::sleep_for(6s);  // three times its patience
  CHECK(contains(cluster.log(0), "no new cluster yet"));
  CHECK(!contains(cluster.log(0), "starting a new cluster\nx"));
  cluster.begin_start(1);
  for (const int i : {1, 2, 0}) cluster.finish_start(i);
  CHECK(cluster.voters(0) == 3);
  CHECK(cluster.get(0, "key") == "value\n");
}

TEST_CASE("a client without a certificate of the right CA is turned away") {
  Cluster cluster(4);
  cluster.configure(0, 1);
  cluster.start(0);
  const auto result = run({.argv = {"/usr/bin/etcdctl", "--endpoints=" + cluster.client_url(0), "--insecure-skip-tls-verify",
                                    "--insecure-transport=false", "--command-timeout=3s", "endpoint", "health"},
                           .env = {{"ETCDCTL_API", "3"}},
                           .timeout = 20s});
  CHECK(!result.ok());
}
