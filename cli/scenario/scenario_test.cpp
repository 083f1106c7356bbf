#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/yaml.hpp"
#include "cli/scenario/fake_director.hpp"
#include "pks-api/identity/tokens.hpp"

// The real slipway-pks-api and the real pks, as processes, before a fake director.

namespace slipway::cli {

namespace {

namespace fs = std::filesystem;

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

std::string api_program(const std::vector<std::string>& words, const std::string& input = "") {
  ProcessSpec spec;
  spec.argv = {PKS_API_PROGRAM};
  spec.argv.insert(spec.argv.end(), words.begin(), words.end());
  spec.standard_input = input;
  return run_checked(spec);
}

// One user at one machine: a PKS_HOME of his own.
class User {
 public:
  User(std::string api, std::string ca) : api_(std::move(api)), ca_(std::move(ca)) {}

  ProcessResult pks(std::vector<std::string> words, const std::string& input = "",
                    std::map<std::string, std::string> env = {}) const {
    ProcessSpec spec;
    words.insert(words.begin(), PKS_PROGRAM);
    spec.argv = std::move(words);
    spec.env = std::move(env);
    spec.env["PKS_HOME"] = home_.path().string();
    spec.standard_input = input;
    spec.timeout = std::chrono::seconds(120);
    return run(spec);
  }
  ProcessResult log_in(const std::string& name, const std::string& password) const {
    return pks({"login", "-a", api_, "-u", name, "--ca-cert", ca_}, "", {{"PKS_USER_PASSWORD", password}});
  }
  Json json(std::vector<std::string> words) const {
    words.push_back("--json");
    const auto result = pks(words);
    INFO(result.standard_error);
    REQUIRE(result.exit_code == 0);
    return parse_json(result.standard_output, "pks");
  }
  const fs::path& home() const { return home_.path(); }
  Json creds() const { return parse_yaml(read_file(home() / "creds.yml"), "creds"); }
  void set_creds(const Json& creds) const { write_file_atomically(home() / "creds.yml", to_yaml(creds), 0600); }

 private:
  std::string api_, ca_;
  TempDir home_{"pks-home"};
};

class Lab {
 public:
  FakeDirector director;

  Lab() {
    write_file_atomically(folder_.path() / "director.ca", director.ca_pem());
    write_file_atomically(folder_.path() / "director.pw", std::string(FakeDirector::password) + "\n", 0600);
    port_ = free_port();
    api_program({"init", "--folder", folder(), "--address", "127.0.0.1", "--director-url", director.url(),
                 "--director-ca", (folder_.path() / "director.ca").string(), "--director-password-file",
                 (folder_.path() / "director.pw").string(), "--plans-folder", "examples/plans", "--port",
                 std::to_string(port_), "--identity-port", std::to_string(free_port())});
    start();
  }
  ~Lab() {
    stop(SIGTERM);
    CHECK(director.violations() == std::vector<std::string>{});
  }

  void start() {
    ready_ = std::promise<void>();
    told_ = false;
    ChildProcess::Options options;
    options.argv = {PKS_API_PROGRAM, "--config", folder() + "/pks-api.yml"};
    options.on_stderr_line = [this](std::string_view line) {
      log_ += std::string(line) + "\n";
      if (!told_ && line.find("pks-api.ready") != std::string_view::npos) {
        told_ = true;
        ready_.set_value();
      }
    };
    options.pipe_stdio = false;
    daemon_ = std::make_unique<ChildProcess>(std::move(options));
    const auto begun = ready_.get_future().wait_for(std::chrono::seconds(60));
    if (begun != std::future_status::ready) FAIL("slipway-pks-api does not start: " << log_);
  }
  void stop(int signal) {
    if (!daemon_) return;
    daemon_->send_signal(signal);
    daemon_->terminate(std::chrono::seconds(20));
    daemon_.reset();
  }
  void add_user(const std::string& name, const std::string& scope) const {
    api_program({"user", "add", name, "--scope", scope, "--config", folder() + "/pks-api.yml"}, name + "-password\n");
  }
  User user() const { return User("https://127.0.0.1:" + std::to_string(port_), folder() + "/ca.crt"); }
  User logged_in(const std::string& name) const {
    auto one = user();
    const auto password = name == "admin" ? read_file(folder_.path() / "pks/admin.password") : name + "-password";
    const auto result = one.log_in(name, password);
    INFO(result.standard_error);
    REQUIRE(result.exit_code == 0);
    return one;
  }
  std::string folder() const { return (folder_.path() / "pks").string(); }

 private:
  TempDir folder_{"pks-lab"};
  int port_ = 0;
  std::string log_;
  std::promise<void> ready_;
  bool told_ = false;
  std::unique_ptr<ChildProcess> daemon_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> create(const std::string& name, bool wait = true) {
  std::vector<std::string> words = {"create-cluster", name, "--plan", "small", "--external-hostname", name + ".lab",
                                    "--non-interactive"};
  if (wait) words.push_back("--wait");
  return words;
}

}  // namespace

TEST_CASE("a cluster lives from login to logout as the published grammar says") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  CHECK((fs::status(admin.home() / "creds.yml").permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(contains(admin.pks({"plans"}).standard_output, "Name   ID"));
  CHECK(admin.json({"plans"})[0].at("worker_instances") == 3);

  const auto made = admin.pks(create("demo"));
  INFO(made.standard_error);
  CHECK(made.exit_code == 0);
  CHECK(contains(made.standard_output, "Updating instance"));
  CHECK(contains(made.standard_output, "Last Action State:        succeeded"));
  CHECK(contains(made.standard_output, "Kubernetes Master IP(s):  10.0.0.10, 10.0.0.11, 10.0.0.12"));
  CHECK(contains(made.standard_output, "pks get-credentials demo"));
  CHECK(contains(admin.pks({"clusters"}).standard_output, "demo"));
  CHECK(contains(admin.pks({"cluster", "demo", "--details"}).standard_output, "service-instance-"));

  CHECK(admin.pks({"get-credentials", "demo"}).exit_code == 0);
  const auto env = read_file(admin.home() / "clusters/demo/env");
  CHECK(contains(env, "https://node-2.etcd.default.service-instance-"));
  CHECK(read_file(admin.home() / "clusters/demo/client.key") == "KEY");

  CHECK(admin.pks({"resize", "demo", "-n", "5", "--wait"}, "y\n").exit_code == 0);
  CHECK(lab.director.instances_of_only_deployment() == 5);
  CHECK(admin.json({"cluster", "demo"}).at("parameters").at("kubernetes_worker_instances") == 5);

  CHECK(admin.pks({"delete-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
  const auto gone = admin.pks({"cluster", "demo"});
  CHECK(gone.exit_code == 1);
  CHECK(contains(gone.standard_error, "not found"));
  CHECK(lab.director.deployments().empty());

  CHECK(admin.pks({"logout"}).exit_code == 0);
  CHECK_FALSE(fs::exists(admin.home() / "creds.yml"));
  CHECK(admin.pks({"clusters"}).exit_code == 1);
}

TEST_CASE("orders that cannot be carried out are refused with what is allowed, and nothing is left") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  auto even = create("demo", false);
  even.insert(even.end(), {"--num-nodes", "4"});
  const auto refused = admin.pks(even);
  CHECK(refused.exit_code == 1);
  CHECK(contains(refused.standard_error, "is 4, but plan 'small' allows an odd number from 1 to 7"));
  CHECK(contains(admin.pks({"create-cluster", "x", "-p", "large", "-e", "x.lab"}).standard_error, "available: small"));
  CHECK(admin.pks({"create-cluster", "Demo_1", "-p", "small", "-e", "x.lab"}).exit_code == 2);
  CHECK(admin.pks({"create-cluster", "demo"}).exit_code == 2);
  CHECK(admin.pks({"frobnicate"}).exit_code == 2);
  CHECK(admin.json({"clusters"}).empty());
  CHECK(lab.director.submitted() == 0);
}

TEST_CASE("only the right password, a fresh token or a refresh opens the API") {
  Lab lab;
  auto stranger = lab.user();
  const auto wrong = stranger.log_in("admin", "guess");
  CHECK(wrong.exit_code == 1);
  CHECK(contains(wrong.standard_error, "Bad credentials"));

  const auto admin = lab.logged_in("admin");
  const auto creds = admin.creds();
  const auto folder = fs::path(lab.folder());
  const auto issuer = parse_yaml(read_file(folder / "pks-api.yml"), "config").at("issuer").get<std::string>();
  const auto public_key = read_file(folder / "token.pub");
  const SystemClock clock;
  const pks::Claims claims{"user", "admin", "pks_cli", {"pks.clusters.admin"}, 1, "id"};

  SUBCASE("an expired token is replaced without a word") {
    const pks::Tokens tokens(issuer, Secret(read_file(folder / "token.key")), public_key);
    auto old = creds;
    old["access_token"] = tokens.sign(claims, clock.now() - std::chrono::hours(1), std::chrono::seconds(600));
    admin.set_creds(old);
    const auto result = admin.pks({"clusters"});
    CHECK(result.exit_code == 0);
    CHECK(result.standard_error.empty());
    CHECK(admin.creds().at("access_token") != old.at("access_token"));
  }
  SUBCASE("a token signed by another key is refused") {
    const pks::Tokens tokens(issuer, tls::create_rsa_key().private_key_pem, public_key);
    auto forged = creds;
    forged["access_token"] = tokens.sign(claims, clock.now(), std::chrono::seconds(600));
    forged["refresh_token"] = "";
    admin.set_creds(forged);
    const auto result = admin.pks({"clusters"});
    CHECK(result.exit_code == 1);
    CHECK(contains(result.standard_error, "log in again"));
  }
  SUBCASE("a refresh token is void after logout") {
    CHECK(admin.pks({"logout"}).exit_code == 0);
    auto stale = creds;
    stale["access_token"] = "none";
    admin.set_creds(stale);
    CHECK(admin.pks({"clusters"}).exit_code == 1);
  }
}

TEST_CASE("a manager sees and changes only what is his, a reader changes nothing") {
  Lab lab;
  lab.add_user("alana", "pks.clusters.manage");
  lab.add_user("naomi", "pks.clusters.manage");
  lab.add_user("robin", "pks.clusters.admin.read");
  const auto alana = lab.logged_in("alana");
  const auto naomi = lab.logged_in("naomi");
  const auto robin = lab.logged_in("robin");
  REQUIRE(alana.pks(create("hers")).exit_code == 0);

  CHECK(alana.json({"clusters"}).size() == 1);
  CHECK(naomi.json({"clusters"}).empty());
  CHECK(contains(naomi.pks({"cluster", "hers"}).standard_error, "not found"));
  CHECK(contains(naomi.pks({"delete-cluster", "hers", "--non-interactive"}).standard_error, "not found"));
  CHECK(contains(naomi.pks(create("hers", false)).standard_error, "already exists"));
  CHECK(robin.json({"clusters"}).size() == 1);
  CHECK(robin.pks({"get-credentials", "hers"}).exit_code == 1);
  CHECK(robin.pks({"delete-cluster", "hers", "--non-interactive"}).exit_code == 1);
  CHECK(robin.pks(create("his", false)).exit_code == 1);
  CHECK(lab.logged_in("admin").json({"clusters"}).size() == 1);
}

TEST_CASE("a creation goes on after the API was killed, and is submitted once") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  auto waiting = std::async(std::launch::async, [&] { return admin.pks(create("demo")); });
  lab.director.wait_for_tasks(1);
  lab.stop(SIGKILL);
  lab.start();
  CHECK(admin.json({"cluster", "demo"}).at("last_action_state") == "in progress");
  lab.director.hold(false);
  const auto result = waiting.get();
  INFO(result.standard_error);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.standard_output, "succeeded"));
  CHECK(lab.director.submitted() == 1);
}

TEST_CASE("a failed creation says why, and can be tried again or deleted") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.fail_tasks(true);
  const auto broken = admin.pks(create("demo"));
  CHECK(broken.exit_code == 3);
  CHECK(contains(broken.standard_error, "is not running after update"));
  CHECK(admin.json({"cluster", "demo"}).at("last_action_state") == "failed");

  SUBCASE("tried again") {
    lab.director.fail_tasks(false);
    CHECK(admin.pks(create("demo")).exit_code == 0);
    CHECK(lab.director.instances_of_only_deployment() == 3);
  }
  SUBCASE("deleted") {
    lab.director.fail_tasks(false);
    CHECK(admin.pks({"delete-cluster", "demo", "--wait", "--non-interactive"}).exit_code == 0);
    CHECK(admin.json({"clusters"}).empty());
  }
}

TEST_CASE("deleting stops a creation that is under way") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  REQUIRE(admin.pks(create("demo", false)).exit_code == 0);
  lab.director.wait_for_tasks(1);
  auto deleting = std::async(std::launch::async, [&] {
    return admin.pks({"delete-cluster", "demo", "--wait", "--non-interactive"});
  });
  lab.director.wait_for_tasks(2);
  lab.director.hold(false);
  CHECK(deleting.get().exit_code == 0);
  CHECK(lab.director.deployments().empty());
}

TEST_CASE("while the director is away an order waits and says so") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.be_away(true);
  auto impatient = create("demo");
  impatient.insert(impatient.end(), {"--timeout", "2"});
  CHECK(admin.pks(impatient).exit_code == 4);
  const auto cluster = admin.json({"cluster", "demo"});
  CHECK(cluster.at("last_action_state") == "in progress");
  CHECK(contains(cluster.at("last_action_description").get<std::string>(), "waiting for the director"));
  lab.director.be_away(false);
  lab.director.wait_for_tasks(1);
  CHECK(lab.director.submitted() == 1);
}

TEST_CASE("a task that the director has forgotten is submitted again") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  lab.director.hold(true);
  auto waiting = std::async(std::launch::async, [&] { return admin.pks(create("demo")); });
  lab.director.wait_for_tasks(1);
  lab.director.forget_tasks();
  lab.director.wait_for_tasks(2);
  lab.director.hold(false);
  CHECK(waiting.get().exit_code == 0);
}

TEST_CASE("a question answered with no changes nothing") {
  Lab lab;
  const auto admin = lab.logged_in("admin");
  REQUIRE(admin.pks(create("demo")).exit_code == 0);
  CHECK(admin.pks({"delete-cluster", "demo"}, "n\n").exit_code == 5);
  CHECK(admin.pks({"resize", "demo", "-n", "5"}, "").exit_code == 5);
  CHECK(admin.json({"cluster", "demo"}).at("last_action") == "CREATE");
}

}  // namespace slipway::cli
