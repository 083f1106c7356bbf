#include "test/sim/network.hpp"

#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::sim {

using namespace std::chrono_literals;

namespace {

constexpr auto repeat_pause = 2s;  // as the director's client on the real bus repeats what only looks

bool may_be_repeated(const std::string& method) {
  return method == "ping" || method == "get_state" || method == "get_task";
}

}  // namespace

Network::Network(VirtualTime& time, test::DirectorWorld& ground, Duration beat_every, std::uint64_t seed)
    : time_(time), ground_(ground), beat_every_(beat_every), dice_(seed, 1) {
  auto& cloud = ground_.cloud;
  cloud.on_vm_created = [this, first = cloud.on_vm_created](const VmCid& cid, const cpi::SimulatedVm& vm) {
    first(cid, vm);
    appear(vm, dice_.between(2s, 20s));
  };
  cloud.on_vm_back = [this, first = cloud.on_vm_back](const VmCid& cid, const cpi::SimulatedVm& vm) {
    first(cid, vm);
    appear(vm, 0s);
  };
  cloud.on_vm_rebooted = [this, first = cloud.on_vm_rebooted](const VmCid& cid, const cpi::SimulatedVm& vm) {
    first(cid, vm);
    boots(vm.agent);
  };
  cloud.on_vm_deleted = [this, first = cloud.on_vm_deleted](const VmCid& cid, const cpi::SimulatedVm& vm) {
    first(cid, vm);
    nodes_.erase(vm.agent);
  };
  cloud.on_vm_powered_off = [this, first = cloud.on_vm_powered_off](const VmCid& cid, const cpi::SimulatedVm& vm) {
    first(cid, vm);
    nodes_.erase(vm.agent);
  };
  for (const auto& [cid, vm] : cloud.vms()) appear(vm, 0s);
}

std::vector<std::string> Network::hosts() { return {"h1a", "h1b", "h2a", "h2b", "h3a", "h3b"}; }

// Two hosts a zone; which of them the cloud takes is its own affair.
std::string Network::host_of(const cpi::SimulatedVm& vm) {
  unsigned sum = 0;
  for (const char c : vm.agent.value) sum += static_cast<unsigned char>(c);
  return vm.cloud_properties.value("host", "h1") + (sum % 2 == 0 ? "a" : "b");
}

void Network::appear(const cpi::SimulatedVm& vm, Duration boot) {
  const auto number = ++numbers_;
  nodes_[vm.agent] = {.host = host_of(vm), .up_from = time_.now() + boot, .disturbed = time_.now(), .number = number};
  time_.after(dice_.between(0ms, 1s), [this, agent = vm.agent, number] { beat(agent, number); });
}

void Network::boots(const AgentId& agent) {
  if (const auto node = nodes_.find(agent); node != nodes_.end()) {
    node->second.up_from = time_.now() + dice_.between(2s, 20s);
    node->second.disturbed = node->second.up_from;
  }
}

bool Network::runs(const AgentId& agent) const {
  const auto node = nodes_.find(agent);
  if (node == nodes_.end() || down_.contains(node->second.host) || time_.now() < node->second.up_from) return false;
  return !ground_.agents.is_silent(agent);
}

// Whom the bus does not know it does not let in.
bool Network::says(const AgentId& agent) const {
  if (!bus_served || !runs(agent) || !ground_.access.is_allowed(agent)) return false;
  const auto cut = nodes_.at(agent).cut;
  return cut == Cut::none || cut == Cut::hears_nothing;
}

bool Network::hears(const AgentId& agent) const {
  if (!bus_served || !runs(agent) || !ground_.access.is_allowed(agent)) return false;
  const auto cut = nodes_.at(agent).cut;
  return cut == Cut::none || cut == Cut::says_nothing;
}

void Network::disturb(const AgentId& agent) {
  if (const auto node = nodes_.find(agent); node != nodes_.end())
    node->second.disturbed = std::max(node->second.disturbed, time_.now());
}

bool Network::undisturbed_for(const AgentId& agent, Duration span) const {
  const auto node = nodes_.find(agent);
  return node != nodes_.end() && says(agent) && hears(agent) && time_.now() - node->second.disturbed > span;
}

void Network::cut(const AgentId& agent, Cut how) {
  disturb(agent);
  if (const auto node = nodes_.find(agent); node != nodes_.end()) node->second.cut = how;
}

void Network::host_down(const std::string& host, bool down) {
  for (auto& [agent, node] : nodes_) {
    if (node.host != host) continue;
    disturb(agent);
    if (!down) boots(agent);
  }
  if (down)
    down_.insert(host);
  else
    down_.erase(host);
}

void Network::interrupt_bus() {
  for (auto& [agent, node] : nodes_) disturb(agent);
  for (const auto& ears : ears_)
    if (ears) ears->interrupted();
}

void Network::cut_monitor(std::size_t monitor, bool cut) {
  monitor_cut[monitor] = cut;
  if (ears_[monitor]) ears_[monitor]->interrupted();
}

void Network::heal() {
  losses = {};
  director_cut = false;
  monitor_cut = rest_cut = {};
  for (auto& [agent, node] : nodes_) {
    disturb(agent);
    node.cut = Cut::none;
  }
}

std::optional<Duration> Network::carry() {
  if (dice_.chance(losses.lost)) return std::nullopt;
  if (dice_.chance(losses.late)) return dice_.between(100ms, 8s);
  return dice_.between(1ms, 20ms);
}

void Network::beat(const AgentId& agent, std::uint64_t number) {
  const auto node = nodes_.find(agent);
  if (node == nodes_.end() || node->second.number != number) return;
  if (says(agent))
    send_heartbeat(agent);
  else
    disturb(agent);
  time_.after(beat_every_, [this, agent, number] { beat(agent, number); });
}

void Network::send_heartbeat(const AgentId& agent) {
  const auto payload =
      std::make_shared<std::string>(dump(agent::to_json({.job_state = ground_.agents.job_state(agent)})));
  for (std::size_t monitor = 0; monitor < ears_.size(); ++monitor) {
    const int copies = dice_.chance(losses.doubled) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto delay = carry();
      if (!delay || monitor_cut[monitor] || *delay > beat_every_) disturb(agent);
      if (!delay || monitor_cut[monitor]) continue;
      time_.after(*delay, [this, monitor, agent, payload] {
        if (ears_[monitor] && bus_served) ears_[monitor]->heartbeat(agent.value, *payload);
      });
    }
  }
  const auto delay = carry();
  if (!delay || director_cut) return disturb(agent);
  time_.after(*delay, [this, agent] { beat_at_director_[agent] = time_.now(); });
}

Json Network::request(Clock& clock, const AgentId& agent, const std::string& method, const Json& arguments,
                      std::chrono::milliseconds timeout, const std::string& request_id) {
  const auto deadline = clock.monotonic() + timeout;
  const bool repeats = may_be_repeated(method);
  for (;;) {
    const auto pause_end = repeats ? std::min<Instant>(deadline, clock.monotonic() + repeat_pause) : deadline;
    const auto there = carry(), back = carry();
    if (there) clock.sleep_for(*there);
    if (there && !director_cut && hears(agent)) {
      std::optional<Json> answer;
      std::optional<director::AgentError> failure;
      const int copies = repeats && dice_.chance(losses.doubled) ? 2 : 1;
      for (int i = 0; i < copies; ++i) {
        try {
          answer = ground_.agents.request(agent, method, arguments, timeout, request_id);
        } catch (const director::AgentError& error) {
          failure = error;
        } catch (const Error&) {  // it has just gone
        }
      }
      if ((answer || failure) && back && says(agent) && !director_cut) {
        clock.sleep_for(*back + (repeats ? 0ms : dice_.between(5ms, 1500ms)));
        if (clock.monotonic() <= deadline) {
          if (failure) throw *failure;
          return *answer;
        }
      }
    }
    disturb(agent);
    if (clock.monotonic() < pause_end) clock.sleep_for(pause_end - clock.monotonic());
    if (clock.monotonic() >= deadline) break;
  }
  throw Error(Fault::retryable, "agent " + agent.value + " did not answer " + method + " within " +
                                    std::to_string(timeout.count()) + " ms");
}

bool Network::wait_for_life(Clock& clock, const AgentId& agent, std::chrono::milliseconds timeout) {
  const auto begun = clock.monotonic();
  try {
    request(clock, agent, "ping", Json::array(), timeout);
    return true;
  } catch (const director::AgentError&) {
    return true;
  } catch (const Error& error) {
    if (error.fault() != Fault::retryable) throw;
  }
  const auto beat = beat_at_director_.find(agent);
  return beat != beat_at_director_.end() && beat->second >= begun;
}

void Network::announce(const Json& what) {
  const auto payload = std::make_shared<std::string>(dump(what));
  for (std::size_t monitor = 0; monitor < ears_.size(); ++monitor) {
    const auto delay = carry();
    if (!delay || monitor_cut[monitor] || director_cut || !bus_served) continue;
    time_.after(*delay, [this, monitor, payload] {
      if (ears_[monitor] && bus_served) ears_[monitor]->changed(*payload);
    });
  }
}

void Network::probe(std::size_t monitor, const std::string& name) {
  const auto delay = carry();
  if (!delay || monitor_cut[monitor]) return;
  time_.after(*delay, [this, agent = AgentId{name}] {
    if (hears(agent) && says(agent)) send_heartbeat(agent);
  });
}

bool Network::round_trip(std::size_t monitor, Clock& clock, std::chrono::milliseconds limit) {
  const auto there = carry(), back = carry();
  const auto needed = there && back ? *there + *back : Duration::max();
  const bool works = [&] { return bus_served && !monitor_cut[monitor]; }();
  if (!works || needed > limit) {
    clock.sleep_for(limit);
    return false;
  }
  clock.sleep_for(needed);
  return bus_served && !monitor_cut[monitor];
}

}  // namespace slipway::sim
