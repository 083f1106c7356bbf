#include "cli/scenario/pks_lab.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include "base/yaml.hpp"
#include "test/free_port.hpp"

namespace slipway::cli {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> create(const std::string& name, bool wait, const std::string& plan) {
  std::vector<std::string> words = {"create-cluster",      name,          "--plan",           plan,
                                    "--external-hostname", name + ".lab", "--non-interactive"};
  if (wait) words.push_back("--wait");
  return words;
}

ProcessResult User::pks(std::vector<std::string> words, const std::string& input,
                        std::map<std::string, std::string> env,
                        std::function<void(std::string_view line)> on_line) const {
  ProcessSpec spec;
  words.insert(words.begin(), PKS_PROGRAM);
  spec.argv = std::move(words);
  spec.env = std::move(env);
  spec.env["PKS_HOME"] = home_.path().string();
  spec.env["HOME"] = home_.path().string();
  spec.standard_input = input;
  spec.on_stdout_line = std::move(on_line);
  spec.timeout = std::chrono::seconds(120);
  return run(spec);
}

ProcessResult User::log_in(const std::string& name, const std::string& password) const {
  return pks({"login", "-a", api_, "-u", name, "--ca-cert", ca_}, "", {{"PKS_USER_PASSWORD", password}});
}

Json User::json(std::vector<std::string> words) const {
  words.push_back("--json");
  const auto result = pks(words);
  INFO(result.standard_error);
  REQUIRE(result.exit_code == 0);
  return parse_json(result.standard_output, "pks");
}

http::ClientResponse User::call(const std::string& method, const std::string& target,
                                const Json& body) const {
  http::ClientConfig config;
  config.base_url = api_;
  config.ca_pem = read_file(ca_);
  http::ClientRequest request{.method = method, .target = target};
  request.headers["Authorization"] = "Bearer " + creds().at("access_token").get<std::string>();
  if (!body.is_null()) {
    request.headers["Content-Type"] = "application/json";
    request.body = dump(body);
  }
  return http::Client(config).send(request);
}

Json User::kubeconfig() const { return parse_yaml(read_file(home() / ".kube/config"), "kubeconfig"); }
Json User::creds() const { return parse_yaml(read_file(home() / "creds.yml"), "creds"); }
void User::set_creds(const Json& creds) const {
  write_file_atomically(home() / "creds.yml", to_yaml(creds), 0600);
}

Lab::Lab() : port_(test::free_port()), identity_port_(test::free_port()) {
  write_file_atomically(folder_.path() / "director.ca", director.ca_pem());
  write_file_atomically(folder_.path() / "director.pw", std::string(FakeDirector::password) + "\n", 0600);
  ProcessSpec spec;
  spec.argv = {PKS_API_PROGRAM,
               "init",
               "--folder",
               folder(),
               "--address",
               "127.0.0.1",
               "--director-url",
               director.url(),
               "--director-ca",
               (folder_.path() / "director.ca").string(),
               "--director-password-file",
               (folder_.path() / "director.pw").string(),
               "--plans-folder",
               "cli/scenario/plans",
               "--port",
               std::to_string(port_),
               "--identity-port",
               std::to_string(identity_port_)};
  run_checked(spec);
  start();
}

Lab::~Lab() {
  stop(SIGTERM);
  CHECK(director.violations() == std::vector<std::string>{});
}

void Lab::start() {
  ready_ = std::promise<void>();
  told_ = false;
  ChildProcess::Options options;
  options.argv = {PKS_API_PROGRAM, "--config", folder() + "/pks-api.yml"};
  options.on_stderr_line = [this](std::string_view line) {
    const std::lock_guard lock(log_mutex_);
    log_ += std::string(line) + "\n";
    if (!told_ && line.find("pks-api.ready") != std::string_view::npos) {
      told_ = true;
      ready_.set_value();
    }
  };
  options.pipe_stdio = false;
  daemon_ = std::make_unique<ChildProcess>(std::move(options));
  const auto begun = ready_.get_future().wait_for(std::chrono::seconds(60));
  if (begun != std::future_status::ready) FAIL("slipway-pks-api does not start: " << log());
}

void Lab::stop(int signal) {
  if (!daemon_) return;
  daemon_->send_signal(signal);
  daemon_->terminate(std::chrono::seconds(20));
  daemon_.reset();
}

void Lab::edit_plan(const std::string& name, const std::function<void(Json& plan)>& edit) const {
  const auto file = fs::path(folder()) / "plans" / (name + ".yml");
  auto plan = parse_yaml(read_file(file), name);
  edit(plan);
  write_file_atomically(file, to_yaml(plan), 0600);
}

std::string Lab::log() {
  const std::lock_guard lock(log_mutex_);
  return log_;
}

std::string Lab::api_program(std::vector<std::string> words, const std::string& input) const {
  ProcessSpec spec;
  spec.argv = {PKS_API_PROGRAM};
  spec.argv.insert(spec.argv.end(), words.begin(), words.end());
  spec.argv.insert(spec.argv.end(), {"--config", folder() + "/pks-api.yml"});
  spec.standard_input = input;
  return run_checked(spec);
}

void Lab::add_user(const std::string& name, const std::vector<std::string>& scopes,
                   const std::vector<std::string>& groups) const {
  std::vector<std::string> words = {"user", "add", name};
  for (const auto& scope : scopes) words.insert(words.end(), {"--scope", scope});
  for (const auto& group : groups) words.insert(words.end(), {"--group", group});
  api_program(words, name + "-password\n");
}

User Lab::user() const { return User("https://127.0.0.1:" + std::to_string(port_), folder() + "/ca.crt"); }

User Lab::logged_in(const std::string& name) const {
  auto one = user();
  const auto password =
      name == "admin" ? read_file(folder_.path() / "pks/admin.password") : name + "-password";
  const auto result = one.log_in(name, password);
  INFO(result.standard_error);
  REQUIRE(result.exit_code == 0);
  return one;
}

}  // namespace slipway::cli
