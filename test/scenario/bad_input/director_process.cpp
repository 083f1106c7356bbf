#include "test/scenario/bad_input/director_process.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/digest.hpp"
#include "base/yaml.hpp"
#include "test/free_port.hpp"

namespace slipway::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// A mount namespace of this program's own, before any thread starts: nobody else sees what is
// mounted here, and it ends with us. Not in a lab, whose daemons have to see what a CPI mounts.
const bool has_own_mounts = std::getenv("SLIPWAY_LAB") == nullptr &&
    ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;

void mount_small_disk(const fs::path& folder, std::uint64_t bytes) {
  REQUIRE_MESSAGE(has_own_mounts, "mounting a small disk needs root");
  REQUIRE(::mount("tmpfs", folder.c_str(), "tmpfs", 0, ("size=" + std::to_string(bytes)).c_str()) == 0);
}

// The whole text of a task's error; the task's own result is cut short.
std::string error_in(const std::string& events) {
  auto last = events.substr(0, events.find_last_not_of('\n') + 1);
  last.erase(0, last.rfind('\n') + 1);
  return parse_json(last, "events").at("error").at("message").get<std::string>();
}

}  // namespace

bool until(std::chrono::milliseconds limit, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

DirectorProcess::DirectorProcess(Options options)
    : address_(options.address), port_(test::free_port()), nats_port_(test::free_port()) {
  const auto here = (folder_.path() / "director").string();
  fs::create_directory(folder_.path() / "cloud");
  write_file_atomically(token_key_file(), token_key_.public_key_pem);
  ProcessSpec init;
  init.argv = {SLIPWAY_DIRECTOR, "init", "--folder", here, "--address", address_, "--port", std::to_string(port_),
               "--blobstore-port", std::to_string(test::free_port()), "--nats-port", std::to_string(nats_port_),
               "--cpi=unset"};
  run_checked(init);
  if (options.disk_bytes != 0) {
    mount_small_disk(state(), options.disk_bytes);
    mounted_ = true;
  }
  configure([&](Json& config) {
    config["agent_wait_seconds"] = options.agent_wait_seconds;
    config["token_public_key_files"] = Json::array({token_key_file().string()});
  });
  use_cpi({}, options.cpi_timeout_seconds);
  auto password = read_file(folder_.path() / "director" / "admin.password");
  while (!password.empty() && password.back() == '\n') password.pop_back();
  authorization_ = "Basic " + base64_encode("admin:" + password);
  write_file_atomically(folder_.path() / "curl.conf",
                        "header = \"Authorization: " + authorization_ + "\"\ncacert = \"" + here + "/ca.crt\"\n", 0600);
  http::ClientConfig client;
  client.base_url = "https://" + address_ + ":" + std::to_string(port_);
  client.ca_pem = read_file(folder_.path() / "director" / "ca.crt");
  client.timeout = 120s;
  client_ = std::make_unique<http::Client>(client);
  start();
}

DirectorProcess::~DirectorProcess() {
  stop();
  if (mounted_) ::umount2(state().c_str(), MNT_DETACH);
}

void DirectorProcess::configure(const std::function<void(Json&)>& change) const {
  auto config = parse_yaml(read_file(config_file()), config_file());
  change(config);
  write_file_atomically(config_file(), to_yaml(config), 0600);
}

void DirectorProcess::use_cpi(const std::vector<std::string>& command, int timeout_seconds) {
  configure([&](Json& config) {
    config["cpi"]["command"] =
        command.empty() ? std::vector<std::string>{SLIPWAY_CPI_SIMULATED, (folder_.path() / "cloud").string()} : command;
    config["cpi"]["timeout_seconds"] = timeout_seconds;
  });
}

void DirectorProcess::allow_program(const std::string& exec_path, const std::vector<std::string>& command) {
  configure([&](Json& config) { config["cpi"]["programs"][exec_path] = command; });
}

void DirectorProcess::start() {
  auto ready = std::make_shared<std::promise<void>>();
  auto told = std::make_shared<bool>(false);
  ChildProcess::Options options;
  options.argv = {SLIPWAY_DIRECTOR, "--config", config_file()};
  options.on_stderr_line = [this, ready, told](std::string_view line) {
    std::lock_guard lock(log_mutex_);
    log_ += std::string(line) + "\n";
    if (*told || line.find("director.ready") == std::string_view::npos) return;
    *told = true;
    ready->set_value();
  };
  options.pipe_stdio = false;
  process_ = std::make_unique<ChildProcess>(std::move(options));
  if (ready->get_future().wait_for(60s) != std::future_status::ready) FAIL("slipway-director does not start: " << log());
}

void DirectorProcess::stop() {
  if (!process_) return;
  process_->terminate(20s);
  process_.reset();
}

ProcessResult DirectorProcess::second() const {
  ProcessSpec spec;
  spec.argv = {SLIPWAY_DIRECTOR, "--config", config_file()};
  spec.timeout = 30s;
  return run(spec);
}

http::ClientResponse DirectorProcess::send(const std::string& method, const std::string& target, const std::string& body,
                                           const std::string& type) const {
  http::ClientRequest request{.method = method, .target = target, .body = body};
  request.headers = {{"Authorization", authorization_}, {"Content-Type", type}};
  return client_->send(request);
}

http::ClientResponse DirectorProcess::send_file(const std::string& target, const fs::path& file) const {
  http::ClientRequest request{.method = "POST", .target = target, .body_file = file.string()};
  request.headers = {{"Authorization", authorization_}, {"Content-Type", "application/x-compressed"}};
  return client_->send(request);
}

http::ClientResponse DirectorProcess::send_as(const std::string& authorization, const std::string& method,
                                              const std::string& target) const {
  return client_->send({.method = method, .target = target, .headers = {{"Authorization", authorization}}});
}

ProcessResult DirectorProcess::curl(std::vector<std::string> options, const std::string& target,
                                    const std::string& input) const {
  ProcessSpec spec;
  spec.argv = {"/usr/bin/curl", "--silent", "--config", (folder_.path() / "curl.conf").string()};
  spec.argv.insert(spec.argv.end(), options.begin(), options.end());
  spec.argv.push_back("https://" + address_ + ":" + std::to_string(port_) + target);
  spec.standard_input = input;
  spec.timeout = 120s;
  return run(spec);
}

TaskEnd DirectorProcess::follow(const http::ClientResponse& response) const {
  if (response.status != 302) FAIL("no task but " << response.status << ": " << response.body);
  const auto location = response.headers.at("Location");
  TaskEnd end;
  end.id = std::stoll(location.substr(location.rfind('/') + 1));
  std::string version = "0";
  const auto over = [&] {
    const auto answer = send("GET", "/tasks/" + std::to_string(end.id) + "?wait_seconds=10&version=" + version);
    REQUIRE(answer.status == 200);
    version = answer.headers.at("X-Slipway-Version");
    const auto task = answer.json();
    end.state = task.at("state").get<std::string>();
    if (task.at("result").is_string()) end.result = task.at("result").get<std::string>();
    return end.state == "done" || end.state == "error" || end.state == "cancelled" || end.state == "timeout";
  };
  if (!until(120s, over)) FAIL("task " << end.id << " does not end");
  if (end.state == "error") end.result = error_in(output(end.id, "event"));
  return end;
}

Json DirectorProcess::get(const std::string& target) const {
  const auto answer = send("GET", target);
  if (answer.status != 200) FAIL(target << ": " << answer.status << " " << answer.body);
  return answer.json();
}

std::string DirectorProcess::output(std::int64_t task, const std::string& kind) const {
  return send("GET", "/tasks/" + std::to_string(task) + "/output?type=" + kind).body;
}

std::vector<std::string> DirectorProcess::files(const std::string& below) const {
  std::vector<std::string> found;
  if (!fs::exists(state() / below)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(state() / below))
    if (!entry.is_directory()) found.push_back(entry.path().lexically_relative(state()).string());
  return found;
}

Json DirectorProcess::cloud() const {
  const auto file = folder_.path() / "cloud" / "cloud.json";
  return fs::exists(file) ? parse_json(read_file(file), "cloud.json") : Json::object();
}

long DirectorProcess::memory_kib(const std::string& field) const {
  std::ifstream status("/proc/" + std::to_string(process_->pid()) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::stol(line.substr(field.size() + 1));
  FAIL("no " << field << " of the director");
  return 0;
}

long DirectorProcess::start_of_measurement() const {
  std::ofstream("/proc/" + std::to_string(process_->pid()) + "/clear_refs") << "5";
  return memory_kib("VmRSS");
}

long DirectorProcess::highest_memory() const { return memory_kib("VmHWM"); }

double DirectorProcess::cpu_seconds() const {
  const auto stat = read_file("/proc/" + std::to_string(process_->pid()) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::string DirectorProcess::log() const {
  std::lock_guard lock(log_mutex_);
  return log_;
}

}  // namespace slipway::test
