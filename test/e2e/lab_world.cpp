#include "test/e2e/lab_world.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

namespace slipway::test {

LabWorld::LabWorld(const std::string& virt, const std::string& name) : Lab(name), virt_(virt) {
  must({"stemcells/builder/build"});
  must({"releases/build"});
  start_control_plane();
  control_plane({"upload"});
  auto environment = pks_environment();
  environment["PKS_USER_PASSWORD"] = read_file(state() / "control/pks-api/admin.password");
  must_in_lab({(root() / "build/release/bin/pks").string(), "login", "--api", "https://10.77.0.1:9021", "--username",
               "admin", "--ca-cert", (state() / "control/pks-api/ca.crt").string()},
              environment);
}

Lab::Environment LabWorld::pks_environment() const { return {{"PKS_HOME", (state() / "home/.pks").string()}}; }

LabWorld::Outcome LabWorld::pks(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {(root() / "build/release/bin/pks").string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return in_lab(std::move(argv), pks_environment());
}

std::string LabWorld::must_pks(const std::vector<std::string>& arguments) {
  const auto outcome = pks(arguments);
  INFO("pks " << join_words(arguments) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
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
                                   (state() / "home/.pks/clusters" / cluster / "env").string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto outcome = in_lab(argv);
  INFO("etcdctl " << join_words(arguments) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out + outcome.err;
}

void LabWorld::kill(const std::string& pattern) {
  must_in_lab({"/usr/bin/pkill", "--signal", "KILL", "--full", pattern});
}

void LabWorld::kill_control_plane() { kill("bin/slipway-(director|health-monitor|pks-api) --config"); }

void LabWorld::start_control_plane() { control_plane({"up", "--virt", virt_}); }

void LabWorld::repair_jobs_that_fail_for(int seconds) {
  const auto config = state() / "control/health-monitor/health-monitor.yml";
  write_file_atomically(config, read_file(config) + "\njobs: {failing_seconds: " + std::to_string(seconds) + "}\n");
  kill("bin/slipway-health-monitor --config");
  start_control_plane();
}

}  // namespace slipway::test
