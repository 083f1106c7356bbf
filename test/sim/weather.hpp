#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "test/sim/monitor_process.hpp"

namespace slipway::sim {

// What strikes the world, when and for how long: drawn from the seed.
class Weather {
 public:
  Weather(VirtualTime& time, Trace& trace, test::DirectorWorld& ground, Network& network, DirectorProcess& director,
          std::vector<std::unique_ptr<MonitorProcess>>& monitors, std::uint64_t seed);

  static std::vector<std::string> names();

  void blow_until(Instant until);  // and everything that was broken is whole again then

 private:
  struct Fault {
    const char* name;
    void (Weather::*strike)();
  };
  static const std::vector<Fault>& faults();
  void strike_one();
  void heal();
  // Ends by itself, or with the storm.
  void undo_after(Duration span, std::function<void()> undo);
  std::optional<AgentId> some_agent();

  void vm_stops();
  void vm_breaks();
  void vm_is_lost();
  void vm_haunts();
  void vm_is_cut_off();
  void vm_reboots();
  void host_goes_down();
  void host_is_lost();
  void zone_goes_down();
  void bus_stops();
  void bus_blinks();
  void director_is_cut_off();
  void monitor_is_cut_off();
  void monitor_loses_director();
  void messages_get_lost();
  void cloud_fails();
  void director_dies();
  void director_dies_soon();
  void monitor_dies();
  void monitor_dies_soon();
  void clock_jumps();

  VirtualTime& time_;
  Trace& trace_;
  test::DirectorWorld& ground_;
  Network& network_;
  DirectorProcess& director_;
  std::vector<std::unique_ptr<MonitorProcess>>& monitors_;
  Dice dice_;
  Instant until_{};
  bool bus_stopped_ = false;
};

}  // namespace slipway::sim
