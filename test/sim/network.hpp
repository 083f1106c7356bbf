#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "director/agents/agent_client.hpp"
#include "health-monitor/bus/bus.hpp"
#include "test/scenario/director/director_world.hpp"
#include "test/sim/dice.hpp"
#include "test/sim/virtual_time.hpp"

namespace slipway::sim {

using cpi::AgentId;
using cpi::VmCid;

constexpr std::size_t most_monitors = 2;

// What lies between director, monitors and agents: hosts, which may be down, and the message bus, on which messages
// are late, lost or doubled, or whole directions cut. An agent beats as long as its VM runs.
class Network {
 public:
  Network(VirtualTime& time, test::DirectorWorld& ground, Duration beat_every, std::uint64_t seed);

  // The weather.
  struct Losses {
    double lost = 0, doubled = 0, late = 0;
  };
  Losses losses;
  bool bus_served = true;   // its server runs: with the director, and not killed on its own
  bool director_cut = false;
  std::array<bool, most_monitors> monitor_cut{}, rest_cut{};
  void cut_monitor(std::size_t monitor, bool cut);  // off the bus; its connection is made anew afterwards
  enum class Cut { none, hears_nothing, says_nothing, both };
  void cut(const AgentId& agent, Cut how);
  void host_down(const std::string& host, bool down);
  void boots(const AgentId& agent);  // it answers when it has
  void interrupt_bus();              // all connections are made anew
  void heal();

  static std::string host_of(const cpi::SimulatedVm& vm);
  static std::vector<std::string> hosts();
  bool is_down(const std::string& host) const { return down_.contains(host); }
  // Whether its VM runs and its agent with it, heard or not.
  bool runs(const AgentId& agent) const;
  // Nothing has kept director and monitors from hearing it for so long; a part of the past that is not known is one.
  bool undisturbed_for(const AgentId& agent, Duration span) const;
  void disturb(const AgentId& agent);

  // Of the director's life, over the bus. Waits.
  Json request(Clock& clock, const AgentId& agent, const std::string& method, const Json& arguments,
               std::chrono::milliseconds timeout, const std::string& request_id = {});
  bool wait_for_life(Clock& clock, const AgentId& agent, std::chrono::milliseconds timeout);
  void announce(const Json& what);

  // Of a monitor's life.
  void listen(std::size_t monitor, std::shared_ptr<health::Bus::Ears> ears) { ears_[monitor] = std::move(ears); }
  void probe(std::size_t monitor, const std::string& agent);
  bool round_trip(std::size_t monitor, Clock& clock, std::chrono::milliseconds limit);

 private:
  struct Node {
    std::string host;
    Instant up_from{}, disturbed{};
    Cut cut = Cut::none;
    std::uint64_t number = 0;  // of this VM: beats of one that is gone end
  };
  void appear(const cpi::SimulatedVm& vm, Duration boot);
  void beat(const AgentId& agent, std::uint64_t number);
  void send_heartbeat(const AgentId& agent);
  bool says(const AgentId& agent) const;
  bool hears(const AgentId& agent) const;
  std::optional<Duration> carry();  // empty: lost

  VirtualTime& time_;
  test::DirectorWorld& ground_;
  const Duration beat_every_;
  Dice dice_;
  std::map<AgentId, Node> nodes_;
  std::set<std::string> down_;
  std::array<std::shared_ptr<health::Bus::Ears>, most_monitors> ears_;
  std::map<AgentId, Instant> beat_at_director_;
  std::uint64_t numbers_ = 0;
};

}  // namespace slipway::sim
