#include "test/sim/weather.hpp"

namespace slipway::sim {

using namespace std::chrono_literals;

namespace {

constexpr auto least_pause = 2s, most_pause = 150s;  // between two faults

std::string shown(Duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) + " ms";
}

}  // namespace

Weather::Weather(VirtualTime& time, Trace& trace, test::DirectorWorld& ground, Network& network,
                 DirectorProcess& director, std::vector<std::unique_ptr<MonitorProcess>>& monitors, std::uint64_t seed)
    : time_(time),
      trace_(trace),
      ground_(ground),
      network_(network),
      director_(director),
      monitors_(monitors),
      dice_(seed, 2) {
  director_.changed = [this](bool lives) {
    network_.bus_served = lives && !bus_stopped_;
    network_.interrupt_bus();
    if (lives) return;
    time_.after(dice_.between(200ms, time_.now() < until_ ? 90s : 2s), [this] { director_.start(); });
  };
}

const std::vector<Weather::Fault>& Weather::faults() {
  static const std::vector<Fault> all = {
      {"VM stops", &Weather::vm_stops},
      {"VM breaks", &Weather::vm_breaks},
      {"VM is lost", &Weather::vm_is_lost},
      {"VM haunts", &Weather::vm_haunts},
      {"VM is cut off", &Weather::vm_is_cut_off},
      {"VM reboots", &Weather::vm_reboots},
      {"host goes down", &Weather::host_goes_down},
      {"host is lost", &Weather::host_is_lost},
      {"zone goes down", &Weather::zone_goes_down},
      {"bus stops", &Weather::bus_stops},
      {"bus blinks", &Weather::bus_blinks},
      {"director is cut off", &Weather::director_is_cut_off},
      {"monitor is cut off", &Weather::monitor_is_cut_off},
      {"monitor loses director", &Weather::monitor_loses_director},
      {"messages get lost", &Weather::messages_get_lost},
      {"cloud fails", &Weather::cloud_fails},
      {"director dies", &Weather::director_dies},
      {"director dies soon", &Weather::director_dies_soon},
      {"director dies soon", &Weather::director_dies_soon},  // what is found most by
      {"monitor dies", &Weather::monitor_dies},
      {"monitor dies soon", &Weather::monitor_dies_soon},
      {"clock jumps", &Weather::clock_jumps},
  };
  return all;
}

std::vector<std::string> Weather::names() {
  std::set<std::string> names;
  for (const auto& fault : faults()) names.insert(fault.name);
  return {names.begin(), names.end()};
}

void Weather::blow_until(Instant until) {
  until_ = until;
  time_.at(until, [this] { heal(); });
  time_.after(dice_.between(1s, 60s), [this] { strike_one(); });
}

void Weather::strike_one() {
  if (time_.now() >= until_) return;
  const auto& fault = faults()[dice_.pick(faults().size())];
  (this->*fault.strike)();
  time_.after(dice_.between(least_pause, most_pause), [this] { strike_one(); });
}

void Weather::undo_after(Duration span, std::function<void()> undo) {
  time_.at(std::min(time_.now() + span, until_), std::move(undo));
}

void Weather::heal() {
  trace_.line(time_.now(), "weather", "clears up");
  bus_stopped_ = false;
  network_.heal();
  for (const auto& host : Network::hosts())
    if (network_.is_down(host)) network_.host_down(host, false);
  if (director_.lives()) {
    network_.bus_served = true;
    network_.interrupt_bus();
  }
  director_.set_cpi_faults({.min_latency = 5ms, .max_latency = 500ms});
  director_.kill_at(0, false);
  for (const auto& [cid, vm] : ground_.cloud.vms())
    if (vm.ghost) ground_.cloud.lose_vm(cid);
  for (auto& monitor : monitors_) {
    monitor->kill_at(0, false, {});
    monitor->start();
  }
}

std::optional<AgentId> Weather::some_agent() {
  auto vms = ground_.cloud.vms();
  std::erase_if(vms, [](const auto& one) { return one.second.off; });
  if (vms.empty()) return std::nullopt;
  return std::next(vms.begin(), static_cast<std::ptrdiff_t>(dice_.pick(vms.size())))->second.agent;
}

// A reboot brings it back.
void Weather::vm_stops() {
  const auto agent = some_agent();
  if (!agent) return;
  trace_.fault(time_.now(), "VM stops", agent->value);
  ground_.agents.silence(*agent);
  network_.disturb(*agent);
}

// A reboot does not.
void Weather::vm_breaks() {
  const auto agent = some_agent();
  if (!agent) return;
  trace_.fault(time_.now(), "VM breaks", agent->value);
  ground_.agents.deafen(*agent);
  network_.disturb(*agent);
}

void Weather::vm_is_lost() {
  const auto agent = some_agent();
  if (!agent) return;
  trace_.fault(time_.now(), "VM is lost", agent->value);
  ground_.cloud.lose_vm(VmCid{"vm-" + agent->value});
}

// The cloud says that it is gone, and then it is there again, until somebody removes it.
void Weather::vm_haunts() {
  const auto agent = some_agent();
  if (!agent) return;
  const VmCid cid{"vm-" + agent->value};
  const auto vm = *ground_.cloud.find_vm(cid);
  const auto away = dice_.between(1s, 5min), back = dice_.between(10s, 5min);
  const auto disks = ground_.cloud.disks_of(cid);
  trace_.fault(time_.now(), "VM haunts", agent->value + " after " + shown(away));
  ground_.cloud.lose_vm(cid);
  time_.after(away, [this, cid, vm, disks, back] {
    // One that the director has made again meanwhile is nobody's ghost.
    if (time_.now() >= until_ || ground_.cloud.find_vm(cid)) return;
    trace_.line(time_.now(), "weather", "VM " + cid.value + " is back");
    ground_.cloud.bring_back(cid, vm, disks);
    undo_after(back, [this, cid] {
      const auto ghost = ground_.cloud.find_vm(cid);
      if (ghost && ghost->ghost) ground_.cloud.lose_vm(cid);
    });
  });
}

void Weather::vm_is_cut_off() {
  const auto agent = some_agent();
  if (!agent) return;
  const auto how = static_cast<Network::Cut>(1 + dice_.pick(3));
  const auto span = dice_.between(1s, 8min);
  trace_.fault(time_.now(), "VM is cut off", agent->value + " for " + shown(span));
  network_.cut(*agent, how);
  undo_after(span, [this, agent] { network_.cut(*agent, Network::Cut::none); });
}

// By itself, and its agent is back before long.
void Weather::vm_reboots() {
  const auto agent = some_agent();
  if (!agent) return;
  trace_.fault(time_.now(), "VM reboots", agent->value);
  ground_.cloud.reboot_vm(VmCid{"vm-" + agent->value});
}

void Weather::host_goes_down() {
  const auto hosts = Network::hosts();
  const auto host = hosts[dice_.pick(hosts.size())];
  const auto span = dice_.between(5s, 10min);
  trace_.fault(time_.now(), "host goes down", host + " for " + shown(span));
  network_.host_down(host, true);
  undo_after(span, [this, host] { network_.host_down(host, false); });
}

// Its VMs are gone for good, and another host stands in for it.
void Weather::host_is_lost() {
  const auto hosts = Network::hosts();
  const auto host = hosts[dice_.pick(hosts.size())];
  trace_.fault(time_.now(), "host is lost", host);
  for (const auto& [cid, vm] : ground_.cloud.vms())
    if (Network::host_of(vm) == host) ground_.cloud.lose_vm(cid);
}

void Weather::zone_goes_down() {
  const auto zone = "h" + std::to_string(1 + dice_.pick(3));
  const auto span = dice_.between(5s, 10min);
  trace_.fault(time_.now(), "zone goes down", zone + " for " + shown(span));
  for (const auto* which : {"a", "b"}) {
    network_.host_down(zone + which, true);
    undo_after(span, [this, host = zone + which] { network_.host_down(host, false); });
  }
}

void Weather::bus_stops() {
  const auto span = dice_.between(1s, 2min);
  trace_.fault(time_.now(), "bus stops", "for " + shown(span));
  bus_stopped_ = true;
  network_.bus_served = false;
  network_.interrupt_bus();
  undo_after(span, [this] {
    bus_stopped_ = false;
    network_.bus_served = director_.lives();
    network_.interrupt_bus();
  });
}

void Weather::bus_blinks() {
  trace_.fault(time_.now(), "bus blinks", "");
  network_.interrupt_bus();
}

void Weather::director_is_cut_off() {
  const auto span = dice_.between(1s, 3min);
  trace_.fault(time_.now(), "director is cut off", "for " + shown(span));
  network_.director_cut = true;
  undo_after(span, [this] { network_.director_cut = false; });
}

void Weather::monitor_is_cut_off() {
  const auto number = dice_.pick(monitors_.size());
  const auto span = dice_.between(1s, 3min);
  trace_.fault(time_.now(), "monitor is cut off", std::to_string(number + 1) + " for " + shown(span));
  network_.cut_monitor(number, true);
  undo_after(span, [this, number] { network_.cut_monitor(number, false); });
}

void Weather::monitor_loses_director() {
  const auto number = dice_.pick(monitors_.size());
  const auto span = dice_.between(1s, 3min);
  trace_.fault(time_.now(), "monitor loses director", std::to_string(number + 1) + " for " + shown(span));
  network_.rest_cut[number] = true;
  undo_after(span, [this, number] { network_.rest_cut[number] = false; });
}

void Weather::messages_get_lost() {
  const auto span = dice_.between(5s, 4min);
  network_.losses = {.lost = static_cast<double>(dice_.below(30)) / 100,
                     .doubled = static_cast<double>(dice_.below(30)) / 100,
                     .late = static_cast<double>(dice_.below(30)) / 100};
  trace_.fault(time_.now(), "messages get lost", "for " + shown(span));
  undo_after(span, [this] { network_.losses = {}; });
}

void Weather::cloud_fails() {
  const auto span = dice_.between(5s, 4min);
  cpi::FaultPlan plan{.min_latency = 5ms, .max_latency = dice_.between(500ms, 20s)};
  plan.hang = dice_.between(1s, 10min);
  for (const auto kind : {cpi::CallFault::error_before, cpi::CallFault::retry_before, cpi::CallFault::no_space,
                          cpi::CallFault::error_after, cpi::CallFault::unknown_before, cpi::CallFault::unknown_after})
    if (dice_.chance(0.5)) plan.chances[kind] = static_cast<double>(dice_.below(25)) / 100;
  trace_.fault(time_.now(), "cloud fails", "for " + shown(span));
  director_.set_cpi_faults(plan);
  undo_after(span, [this] { director_.set_cpi_faults({.min_latency = 5ms, .max_latency = 500ms}); });
}

void Weather::director_dies() {
  trace_.fault(time_.now(), "director dies", "");
  director_.kill();
}

// At some effect from now on, and mostly once more while the next life recovers.
void Weather::director_dies_soon() {
  if (!director_.lives()) return;
  const auto effect = static_cast<int>(1 + dice_.below(dice_.chance(0.5) ? 15 : 200));
  trace_.fault(time_.now(), "director dies soon", "at effect " + std::to_string(effect));
  director_.kill_at(effect, dice_.chance(0.5));
}

void Weather::monitor_dies() {
  const auto number = dice_.pick(monitors_.size());
  trace_.fault(time_.now(), "monitor dies", std::to_string(number + 1));
  monitors_[number]->kill();
  undo_after(dice_.between(100ms, 90s), [this, number] { monitors_[number]->start(); });
}

// In the middle of what it orders, or has just ordered.
void Weather::monitor_dies_soon() {
  const auto number = dice_.pick(monitors_.size());
  const auto request = static_cast<int>(1 + dice_.below(40));
  trace_.fault(time_.now(), "monitor dies soon", std::to_string(number + 1) + " at request " + std::to_string(request));
  monitors_[number]->kill_at(request, dice_.chance(0.5), [this, number] {
    undo_after(dice_.between(100ms, 90s), [this, number] { monitors_[number]->start(); });
  });
}

void Weather::clock_jumps() {
  const auto by = dice_.between(-3600s, 3600s);
  trace_.fault(time_.now(), "clock jumps", "by " + shown(by));
  time_.jump_wall(by);
}

}  // namespace slipway::sim
