#include "test/health/sick_lab.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::test {

using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

std::string seconds(Timestamp from, Timestamp to) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

// To the millisecond; parse_rfc3339 keeps whole seconds.
Timestamp time_of(const std::string& text) {
  const auto dot = text.find('.');
  const auto whole = parse_rfc3339(text.substr(0, std::min(dot, text.size() - 1)) + "Z");
  return dot == std::string::npos ? whole : whole + std::chrono::milliseconds(std::stoi(text.substr(dot + 1, 3)));
}

}  // namespace

Timestamp now() { return SystemClock().now(); }

SickLab& SickLab::get() {
  static std::unique_ptr<SickLab> lab;
  static bool tried = false;
  if (!tried) {
    tried = true;
    lab.reset(new SickLab());
  }
  REQUIRE_MESSAGE(lab, "the lab could not be set up");
  return *lab;
}

SickLab::SickLab() : LabWorld("lxc") {
  // Zones by name rather than hosts, so that one can get another host.
  auto cloud_config = parse_yaml(read_file(root() / "examples/cloud-config.yml"), "cloud config");
  for (auto& az : cloud_config.at("azs")) az["cloud_properties"] = {{"az", az.at("name")}};
  director_task("POST", "/configs",
                dump({{"type", "cloud"}, {"name", "default"}, {"content", to_yaml(cloud_config)}}));
  must_pks(
      {"create-cluster", "demo", "--plan", "etcd", "--external-hostname", "demo.lab", "--wait", "--non-interactive"});
  deployment_ = deployment_of("demo");
  etcdctl("demo", {"put", "kept", "through everything"});
  REQUIRE(is_well());
}

void SickLab::add_fourth_host() {
  const auto folder = state() / "cpi";
  // As the management board below a hypervisor: with its power all goes that runs there.
  write_file_atomically(folder / "fence",
                        "#!/bin/bash\n"
                        "while read -r line; do case $line in action=*) action=${line#action=} ;; esac; done\n"
                        "if [ \"$action\" = status ]; then if [ -e " + (folder / "h4.off").string() +
                            " ]; then exit 2; else exit 0; fi; fi\n"
                        "[ \"$action\" = off ] || exit 1\n"
                        "/usr/bin/virsh -q -c qemu:///system list --name | /usr/bin/xargs --no-run-if-empty --max-args=1 "
                        "/usr/bin/virsh -q -c qemu:///system destroy > /dev/null\n"
                        ": > " + (folder / "h4.off").string() + "\n",
                        0755);
  bring_host_back();
  const auto file = folder / "libvirt.yml";
  auto config = parse_yaml(read_file(file), file.string());
  // Before h3, so that it is chosen where both have as many VMs.
  auto& hosts = config.at("hosts");
  auto fourth = hosts.at(2);
  fourth.update({{"name", "h4"},
                 {"mode", "qemu"},
                 {"uri", "qemu+unix:///system?socket=" + (folder / "h4.sock").string()},
                 {"fence", {{"program", (folder / "fence").string()}}}});
  hosts.insert(hosts.begin(), fourth);
  config["fence_after_s"] = 2;
  write_file_atomically(file, to_yaml(config), 0600);
  // It has no stemcell yet.
  director_task("POST", "/stemcells?fix=true",
                std::vector<std::string>{"--header", "Content-Type: application/x-compressed", "--header", "Expect:", "--data-binary",
                 "@" + (root() / "build/stemcells/slipway-libvirt-debian-bookworm-1.0.tgz").string()});
}

void SickLab::lose_host() { fs::remove(state() / "cpi/h4.sock"); }

void SickLab::bring_host_back() {
  fs::remove(state() / "cpi/h4.off");
  fs::create_symlink("/run/libvirt/libvirt-sock", state() / "cpi/h4.sock");
}

bool SickLab::host_was_switched_off() const { return fs::exists(state() / "cpi/h4.off"); }

std::string SickLab::host_of(const Json& instance) const {
  const auto record = state() / "cpi/storage/vms" / instance.at("cid").get<std::string>() / "vm.json";
  return parse_json(read_file(record), record.string()).at("host");
}

void SickLab::recreate(const Json& instance) {
  director_task("PUT", "/deployments/" + deployment_ + "/jobs/etcd/" + instance.at("id").get<std::string>() +
                           "?state=recreate");
}

Json SickLab::instances() { return director("/deployments/" + deployment_ + "/instances"); }

Json SickLab::instance(int index) {
  for (const auto& instance : instances())
    if (instance.at("index") == index) return instance;
  FAIL("no instance " << index);
  return {};
}

bool SickLab::is_well() {
  const auto ask = [&](const std::string& words) {
    return in_lab({"/bin/bash", "-c", ". \"$1\"; exec etcdctl --command-timeout 5s " + words, "etcdctl",
                   (state() / "home/.pks/clusters/demo/env").string()});
  };
  const auto health = ask("endpoint health --cluster");
  if (occurrences(health.out + health.err, "is healthy") != 3) return false;
  const auto value = ask("get kept");
  return value.exit_code == 0 && value.out.find("through everything") != std::string::npos;
}

std::vector<SickLab::Said> SickLab::said_since(Timestamp begin, const std::string& name) {
  std::vector<Said> said;
  std::istringstream lines(read_file(state() / "control/slipway-health-monitor.log"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"notice\"") == std::string::npos && line.find("\"repair.asked\"") == std::string::npos) continue;
    const auto json = parse_json(line, "monitor's log");
    Said one{time_of(json.at("time")), json.value("action", "asked"), json.value("instance", ""),
             json.value("summary", "")};
    const bool about = name.empty() || one.instance == name || one.instance.empty();
    if (one.at >= begin && about) said.push_back(std::move(one));
  }
  std::sort(said.begin(), said.end(), [](const Said& a, const Said& b) { return a.at < b.at; });
  return said;
}

bool SickLab::was_said(Timestamp begin, const std::string& action, const std::string& name) {
  const auto said = said_since(begin, name);
  return std::any_of(said.begin(), said.end(), [&](const Said& one) { return one.action == action; });
}

std::size_t SickLab::repairs() {
  std::size_t count = 0;
  for (const auto& task : director("/tasks?verbose=2&deployment=" + deployment_))
    count += task.at("description") == "scan and fix";
  return count;
}

std::set<std::string> SickLab::events_since(Timestamp begin, const std::string& name) {
  std::set<std::string> actions;
  for (const auto& event : director("/events?deployment=" + deployment_ + "&instance=" + name +
                                    "&after_time=" + std::to_string(to_epoch_seconds(begin) - 1)))
    actions.insert(event.at("object_type").get<std::string>() + " " + event.at("action").get<std::string>());
  return actions;
}

SickLab::Course SickLab::suffer(const std::string& failure, const std::string& name,
                                const std::function<void()>& blow) {
  const auto before = repairs();
  const auto begin = now();
  blow();
  std::this_thread::sleep_for(2s);
  // Well, and nobody at work on it any more.
  wait_until("the cluster is well after: " + failure,
             [&] { return !was_said(begin, "asked") || was_said(begin, "repaired") ? is_well() : false; });
  const auto well = now();
  Course course{said_since(begin, name), repairs() - before};
  std::string row = "| " + failure;
  for (const auto& actions : {std::set<std::string>{"silent", "alert"}, {"asked"}}) {
    const auto found = std::find_if(course.said.begin(), course.said.end(),
                                    [&](const Said& one) { return actions.contains(one.action); });
    row += " | " + (found == course.said.end() ? "-" : seconds(begin, found->at));
  }
  row += " | " + seconds(begin, well) + " |";
  for (const auto& one : course.said) row += " " + one.action;
  MESSAGE(row);
  return course;
}

}  // namespace slipway::test
