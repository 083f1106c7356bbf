#include "test/sim/operator.hpp"

namespace slipway::sim {

using namespace std::chrono_literals;
using director::TaskId;

Operator::Operator(VirtualTime& time, Trace& trace, DirectorProcess& director, Referee& referee, std::uint64_t seed)
    : time_(time), trace_(trace), director_(director), referee_(referee), dice_(seed, 3), clock_(time) {
  wanted_["dep"] = {};
}

std::string Operator::manifest_of(const std::string& deployment) const {
  const auto& wanted = wanted_.at(deployment);
  const auto property = "p" + std::to_string(wanted.property);
  const auto manifest = wanted.named.empty() ? test::simple_manifest(wanted.instances, property, wanted.disk_mib)
                                             : test::named_disks_manifest(wanted.instances, wanted.named, property);
  return "name: " + deployment + manifest.substr(manifest.find('\n'));
}

// A client says its request again when it does not hear; with the same context id it is the same request.
std::optional<http::ClientResponse> Operator::send(http::ClientRequest request) {
  if (request.method != "GET") request.headers["X-Bosh-Context-Id"] = "operator-" + std::to_string(++requests_);
  for (int left = 3; left > 0; --left) {
    try {
      clock_.sleep_for(dice_.between(1ms, 20ms));
      return director_.serve(request, "operator", "bosh.admin");
    } catch (const Error& error) {
      if (error.fault() != Fault::retryable && error.fault() != Fault::outcome_unknown) throw;
      clock_.sleep_for(5s);
    }
  }
  return std::nullopt;
}

std::optional<TaskId> Operator::ask(const std::string& method, const std::string& target, const std::string& body,
                                    const std::string& what) {
  trace_.line(time_.now(), "operator", what);
  http::ClientRequest request{.method = method, .target = target, .body = body};
  request.headers["Content-Type"] = "text/yaml";
  const auto response = send(std::move(request));
  if (!response || response->status != 302) {
    trace_.line(time_.now(), "operator",
                what + " is not taken: " + (response ? std::to_string(response->status) + response->body : "no answer"));
    return std::nullopt;
  }
  const auto location = response->headers.at("Location");
  last_ = std::stoll(location.substr(location.rfind('/') + 1));
  referee_.acknowledged(last_, what);
  return last_;
}

std::string Operator::state_of(TaskId task) {
  const auto response = send({.target = "/tasks/" + std::to_string(task)});
  return response && response->status == 200 ? response->json().value("state", "") : "";
}

bool Operator::deploy(const std::string& deployment, bool fix) {
  const auto task = ask("POST", std::string("/deployments") + (fix ? "?fix=true" : ""), manifest_of(deployment),
                        (fix ? "deploy and fix " : "deploy ") + deployment);
  if (!task) return false;
  for (;;) {
    clock_.sleep_for(5s);
    const auto state = state_of(*task);
    if (state == "done") return true;
    if (state == "error" || state == "cancelled" || state == "timeout") return false;
  }
}

void Operator::do_something() {
  auto& dep = wanted_.at("dep");
  const bool has_other = wanted_.contains("other");
  switch (dice_.pick(9)) {
    case 0:
      ++dep.property;
      ask("POST", "/deployments", manifest_of("dep"), "change dep");
      break;
    case 1:
      dep.instances = static_cast<int>(2 + dice_.below(4));
      ask("POST", "/deployments", manifest_of("dep"), "scale dep to " + std::to_string(dep.instances));
      break;
    case 2:
      if (has_other && !wanted_.at("other").named.empty()) {
        // What is on a named disk goes with it: only the one that may is made anew.
        auto& spare = wanted_.at("other").named["spare"];
        spare = spare == "small" ? "large" : "small";
        ask("POST", "/deployments", manifest_of("other"), "give other " + spare + " spare disks");
        break;
      }
      dep.disk_mib += 1024;
      ask("POST", "/deployments", manifest_of("dep"), "give dep bigger disks");
      break;
    case 3:
      ask("PUT", "/deployments/dep/jobs/server/" + std::to_string(dice_.below(3)) + "?state=recreate", "",
          "recreate one of dep");
      break;
    case 4:
      ask("PUT", "/deployments/dep/jobs/server?state=restart", "", "restart dep");
      break;
    case 5:
      if (last_ != 0) {
        trace_.line(time_.now(), "operator", "cancel task " + std::to_string(last_));
        send({.method = "DELETE", .target = "/task/" + std::to_string(last_)});
      }
      break;
    case 6:
    case 7:
      if (!has_other) {
        wanted_["other"] = {.instances = static_cast<int>(1 + dice_.below(3))};
        if (dice_.chance(0.5)) wanted_.at("other").named = {{"data", "small"}, {"spare", "small"}};
        ask("POST", "/deployments", manifest_of("other"), "deploy other");
      } else {
        wanted_.erase("other");
        referee_.given_up("other");
        ask("DELETE", "/deployments/other?delete_disks=true&force=" + std::string(dice_.chance(0.5) ? "true" : "false"),
            "", "delete other");
      }
      break;
    default:
      ask("POST", "/deployments?recreate=true", manifest_of("dep"), "recreate dep");
  }
}

void Operator::work_until(Instant until) {
  for (;;) {
    clock_.sleep_for(dice_.between(20s, 6min));
    if (time_.now() >= until) return;
    do_something();
  }
}

void Operator::put_in_order(Instant until) {
  bool fix = false;
  while (time_.now() < until) {
    bool all = true;
    if (!wanted_.contains("other")) {
      const auto gone = send({.target = "/deployments/other"});
      if (!gone || gone->status != 404) {
        const auto task = ask("DELETE", "/deployments/other?delete_disks=true", "", "delete other");
        for (auto state = std::string(); task && state != "done" && state != "error"; state = state_of(*task))
          clock_.sleep_for(5s);
        all = false;
      }
    }
    for (const auto& [deployment, wanted] : wanted_) all = deploy(deployment, fix) && all;
    // An instance that nobody has ever brought up is replaced only when that is asked for.
    fix = true;
    if (all) {
      content_ = true;
      trace_.line(time_.now(), "operator", "is content");
      return;
    }
    clock_.sleep_for(20s);
  }
}

}  // namespace slipway::sim
