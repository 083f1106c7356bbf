#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "test/kubernetes/masters_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

// Two pods that may not go at once, and that answer until they are told of no more.
constexpr const char* web = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: web
        image: slipway.local/tools:1
        command: [sh, -c, "mkdir /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"]
        readinessProbe: {httpGet: {path: /index.html, port: 8080}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 5}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
)";

// Asks the service through one worker after the other, ten times a second, until the file `stop` is there. A
// line for each request: the code of the answer, which is 000 without one, and when and where.
constexpr const char* requests = R"(
while [ ! -e "$0/stop" ]; do
  for address in "$@"; do
    code=$(curl --silent --output /dev/null --max-time 10 --write-out '%{http_code}' "http://$address:30080/")
    echo "$code $(date +%T.%N) $address"
    sleep 0.08
  done
done > "$0/requests"
touch "$0/stopped"
)";

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The groups whose instances a task updated, each once, in the order it began with them.
std::vector<std::string> groups_updated(MastersLab& lab) {
  const auto tasks = lab.director("/tasks?deployment=" + lab.deployment() + "&limit=1");
  const auto id = std::to_string(tasks.at(0).at("id").get<int>());
  const auto events = lab.must_in_lab({"/usr/bin/curl", "--silent", "--fail", "--config",
                                       (lab.state() / "control/director.curl").string(),
                                       "https://10.77.0.1:25555/tasks/" + id + "/output?type=event"});
  std::vector<std::string> groups;
  for (const auto& line : lines_of(events)) {
    const auto event = parse_json(line, "event");
    if (event.value("stage", "") != "Updating instance") continue;
    const auto group = event.at("tags").at(0).get<std::string>();
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  return groups;
}

}  // namespace

TEST_CASE(
    "an upgrade to the next minor takes masters before workers, and a service that has two pods loses no "
    "request") {
  auto& lab = MastersLab::the_one();
  auto& admin = lab.admin();
  admin.apply(web);
  admin.apply(web_service);
  admin.must({"rollout", "status", "deployment/web", "--timeout=300s"});
  const auto folder = lab.state() / "requests";
  std::filesystem::create_directories(folder);
  std::vector<std::string> argv = {"/usr/bin/setsid", "--fork", "/bin/bash", "-c", requests, folder.string()};
  for (const auto& worker : lab.workers()) {
    const auto address = worker.at("ips").at(0).get<std::string>();
    // What kube-proxy has not heard of yet is nothing an upgrade loses.
    lab.wait_until("the service answers at " + address, [&] {
      return lab.in_lab({"/usr/bin/curl", "--silent", "--fail", "http://" + address + ":30080/"}).exit_code ==
             0;
    });
    argv.push_back(address);
  }
  lab.must_in_lab(argv);

  lab.upload(lab.newer());
  lab.must_pks({"upgrade-cluster", MastersLab::cluster, "--wait", "--non-interactive"});
  write_file_atomically(folder / "stop", "");
  lab.wait_until("the last request is answered", [&] { return std::filesystem::exists(folder / "stopped"); });

  CHECK(groups_updated(lab) == std::vector<std::string>{"master", "worker"});
  const auto nodes = admin.objects({"nodes"});
  CHECK(nodes.size() == 3);
  for (const auto& node : nodes)
    CHECK(node.at("status").at("nodeInfo").at("kubeletVersion") == "v" + lab.newer());
  const auto version = parse_json(admin.must({"version", "--output=json"}), "kubectl version");
  CHECK(version.at("serverVersion").at("gitVersion") == "v" + lab.newer());

  const auto answers = lines_of(read_file(folder / "requests"));
  std::string lost;
  for (const auto& answer : answers) {
    if (!answer.starts_with("200 ")) lost += answer + "\n";
  }
  MESSAGE(answers.size() << " requests during the upgrade");
  CHECK(answers.size() > 100);
  CHECK_MESSAGE(lost.empty(), lost);
}
