#include "test/e2e/lab_world.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"

namespace slipway::test {

namespace {

constexpr const char* lab_name = "test";
constexpr auto step_limit = std::chrono::minutes{15};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += word + " ";
  return text;
}

}  // namespace

// A constructor that throws has no destructor to call: the lab is taken down here then.
LabWorld::LabWorld(const std::string& virt) : root_(std::filesystem::current_path()), virt_(virt) {
  state_ = root_ / ("build/lab-" + std::string(lab_name));
  try {
    set_up();
  } catch (...) {
    run({"test/lab/lab", "--name", lab_name, "down"});
    throw;
  }
}

void LabWorld::set_up() {
  const auto must = [&](const std::vector<std::string>& argv) {
    const auto outcome = run(argv);
    INFO(join(argv) << "\n" << outcome.out << outcome.err);
    REQUIRE(outcome.exit_code == 0);
  };
  must({"stemcells/builder/build"});
  must({"releases/build"});
  must({"test/lab/lab", "--name", lab_name, "down"});
  must({"test/lab/lab", "--name", lab_name, "up"});
  must({"test/lab/control-plane", "--name", lab_name, "up", "--virt", virt_});
  must({"test/lab/control-plane", "--name", lab_name, "upload"});
  const auto password = read_file(state_ / "control/pks-api/admin.password");
  const auto login =
      run({"test/lab/lab", "--name", lab_name, "exec", (root_ / "build/release/bin/pks").string(), "login",
           "--api", "https://10.77.0.1:9021", "--username", "admin", "--ca-cert",
           (state_ / "control/pks-api/ca.crt").string()},
          {{"PKS_USER_PASSWORD", password}, {"PKS_HOME", (state_ / "home/.pks").string()}});
  INFO(login.out << login.err);
  REQUIRE(login.exit_code == 0);
}

LabWorld::~LabWorld() { run({"test/lab/lab", "--name", lab_name, "down"}); }

LabWorld::Outcome LabWorld::run(std::vector<std::string> argv,
                                std::map<std::string, std::string> environment) {
  if (argv.front().front() != '/') argv.front() = (root_ / argv.front()).string();
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.env = std::move(environment);
  spec.env["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
  spec.env["HOME"] = (state_ / "home").string();
  spec.working_directory = root_.string();
  spec.timeout = step_limit;
  const auto result = slipway::run(spec);
  return {result.timed_out ? 124 : result.exit_code, result.standard_output, result.standard_error};
}

LabWorld::Outcome LabWorld::in_lab(std::vector<std::string> argv) {
  argv.insert(argv.begin(), {"test/lab/lab", "--name", lab_name, "exec"});
  return run(std::move(argv), {{"PKS_HOME", (state_ / "home/.pks").string()}});
}

LabWorld::Outcome LabWorld::pks(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {(root_ / "build/release/bin/pks").string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return in_lab(std::move(argv));
}

std::string LabWorld::must_pks(const std::vector<std::string>& arguments) {
  const auto outcome = pks(arguments);
  INFO("pks " << join(arguments) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

std::string LabWorld::must_in_lab(const std::vector<std::string>& argv) {
  const auto outcome = in_lab(argv);
  INFO(join(argv) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

Json LabWorld::director(const std::string& target) {
  const auto text =
      must_in_lab({"/usr/bin/curl", "--silent", "--show-error", "--fail-with-body", "--config",
                   (state_ / "control/director.curl").string(), "https://10.77.0.1:25555" + target});
  return parse_json(text, target);
}

void LabWorld::director_task(const std::string& method, const std::string& target) {
  const std::string script = "set -euo pipefail; control=$1; . \"$2\"; director_task \"$3\" \"$4\"";
  must_in_lab({"/bin/bash", "-c", script, "director_task", (state_ / "control").string(),
               (root_ / "test/lab/director.sh").string(), method, target});
}

std::string LabWorld::deployment_of(const std::string& cluster) {
  const auto uuid =
      parse_json(must_pks({"cluster", cluster, "--json"}), "pks cluster").at("uuid").get<std::string>();
  for (const auto& deployment : director("/deployments?exclude_configs=true")) {
    const auto name = deployment.at("name").get<std::string>();
    if (name.find(uuid) != std::string::npos) return name;
  }
  FAIL("no deployment of cluster " << cluster);
  return {};
}

std::string LabWorld::etcdctl(const std::string& cluster, const std::vector<std::string>& arguments) {
  must_pks({"get-credentials", cluster});
  std::vector<std::string> argv = {"/bin/bash", "-c", ". \"$1\"; shift; exec etcdctl \"$@\"", "etcdctl",
                                   (state_ / "home/.pks/clusters" / cluster / "env").string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto outcome = in_lab(argv);
  INFO("etcdctl " << join(arguments) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out + outcome.err;
}

std::vector<std::string> LabWorld::domains() {
  std::vector<std::string> names;
  for (const char* uri : {"lxc:///system", "qemu:///system"}) {
    std::istringstream lines(must_in_lab({"/usr/bin/virsh", "--connect", uri, "list", "--all", "--name"}));
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) names.push_back(line);
    }
  }
  return names;
}

void LabWorld::kill_control_plane() {
  must_in_lab({"/usr/bin/pkill", "--signal", "KILL", "--full", "bin/slipway-(director|pks-api) --config"});
}

void LabWorld::start_control_plane() {
  const auto outcome = run({"test/lab/control-plane", "--name", lab_name, "up", "--virt", virt_});
  INFO(outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
}

void LabWorld::wait_until(const std::string& what, const std::function<bool()>& holds) {
  constexpr int looks = 600;
  for (int look = 0; look < looks; ++look) {
    if (holds()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  }
  FAIL("not within five minutes: " << what);
}

LabWorld::Outcome LabWorld::take_down() {
  run({"test/lab/lab", "--name", lab_name, "down"});
  return run({"test/lab/lab", "--name", lab_name, "check-clean"});
}

}  // namespace slipway::test
