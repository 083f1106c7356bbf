#include "test/e2e/lab.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <thread>

#include "base/process.hpp"

namespace slipway::test {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

int occurrences(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += word + " ";
  return text;
}

Lab::Lab(std::string name, std::chrono::minutes longest_step)
    : name_(std::move(name)), longest_step_(longest_step), root_(std::filesystem::current_path()) {
  state_ = root_ / ("build/lab-" + name_);
  run({"test/lab/lab", "--name", name_, "down"});
  const auto up = run({"test/lab/lab", "--name", name_, "up"});
  INFO(up.out << up.err);
  REQUIRE(up.exit_code == 0);
}

Lab::~Lab() { run({"test/lab/lab", "--name", name_, "down"}); }

Lab::Outcome Lab::run(std::vector<std::string> argv, const Environment& environment) {
  if (argv.front().front() != '/') argv.front() = (root_ / argv.front()).string();
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.env = environment;
  spec.env["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
  spec.env["HOME"] = (state_ / "home").string();
  spec.working_directory = root_.string();
  spec.timeout = longest_step_;
  const auto result = slipway::run(spec);
  return {result.timed_out ? 124 : result.exit_code, result.standard_output, result.standard_error};
}

Lab::Outcome Lab::in_lab(std::vector<std::string> argv, const Environment& environment) {
  argv.insert(argv.begin(), {"test/lab/lab", "--name", name_, "exec"});
  return run(std::move(argv), environment);
}

std::string Lab::must(const std::vector<std::string>& argv, const Environment& environment) {
  const auto outcome = run(argv, environment);
  INFO(join_words(argv) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

std::string Lab::must_in_lab(const std::vector<std::string>& argv, const Environment& environment) {
  const auto outcome = in_lab(argv, environment);
  INFO(join_words(argv) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

void Lab::control_plane(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"test/lab/control-plane", "--name", name_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  must(argv);
}

Json Lab::director(const std::string& target) {
  const auto text =
      must_in_lab({"/usr/bin/curl", "--silent", "--show-error", "--fail-with-body", "--config",
                   (state_ / "control/director.curl").string(), "https://10.77.0.1:25555" + target});
  return parse_json(text, target);
}

void Lab::director_task(const std::string& method, const std::string& target, const std::string& json_body) {
  std::vector<std::string> words;
  if (!json_body.empty()) words = {"--header", "Content-Type: application/json", "--data-raw", json_body};
  director_task(method, target, words);
}

void Lab::director_task(const std::string& method, const std::string& target, const std::vector<std::string>& words) {
  const std::string script = "set -euo pipefail; control=$1; . \"$2\"; shift 2; director_task \"$@\"";
  std::vector<std::string> argv = {"/bin/bash", "-c", script, "director_task", (state_ / "control").string(),
                                   (root_ / "test/lab/director.sh").string(), method, target};
  argv.insert(argv.end(), words.begin(), words.end());
  must_in_lab(argv);
}

std::vector<std::string> Lab::domains() {
  std::vector<std::string> names;
  for (const char* uri : {containers, virtual_machines}) {
    std::istringstream lines(must_in_lab({"/usr/bin/virsh", "--connect", uri, "list", "--all", "--name"}));
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) names.push_back(line);
    }
  }
  return names;
}

std::string Lab::virsh(const std::vector<std::string>& arguments, const std::string& uri) {
  std::vector<std::string> argv = {"/usr/bin/virsh", "--quiet", "--connect", uri};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return must_in_lab(argv);
}

Lab::Outcome Lab::on_node(const std::string& cid, const std::vector<std::string>& argv) {
  std::vector<std::string> words = {"/usr/bin/virsh", "--quiet", "--connect", containers, "lxc-enter-namespace",
                                    "--noseclabel", cid, "--"};
  words.insert(words.end(), argv.begin(), argv.end());
  return in_lab(std::move(words));
}

std::string Lab::must_on_node(const std::string& cid, const std::vector<std::string>& argv) {
  const auto outcome = on_node(cid, argv);
  INFO(join_words(argv) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

// On a busy machine libvirt may lose patience before the last process is dead: once more then.
void Lab::switch_off(const std::string& cid) {
  Outcome outcome;
  for (int tries = 0; tries < 5; ++tries) {
    outcome = in_lab({"/usr/bin/virsh", "--quiet", "--connect", containers, "destroy", cid});
    if (outcome.exit_code == 0 || contains(outcome.err, "not running")) return;
    std::this_thread::sleep_for(std::chrono::seconds{1});
  }
  FAIL("virsh destroy: " << outcome.err);
}

// The end of its cable that is in the host.
void Lab::cut_network(const std::string& cid, const std::string& uri) {
  std::istringstream list(virsh({"domiflist", cid}, uri));
  std::string device;
  list >> device;
  must_in_lab({"/usr/sbin/ip", "link", "set", device, "down"});
}

void Lab::wait_until(const std::string& what, const std::function<bool()>& holds) {
  constexpr int looks = 600;
  for (int look = 0; look < looks; ++look) {
    if (holds()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  }
  FAIL("not within five minutes: " << what);
}

Lab::Outcome Lab::take_down() {
  run({"test/lab/lab", "--name", name_, "down"});
  return run({"test/lab/lab", "--name", name_, "check-clean"});
}

}  // namespace slipway::test
