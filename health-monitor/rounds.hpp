#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/parallel.hpp"
#include "health-monitor/bus/bus.hpp"
#include "health-monitor/detect/heartbeat_intake.hpp"
#include "health-monitor/repair/repair_desk.hpp"

namespace slipway::health {

struct RoundsSettings {
  MonitorSettings monitor;
  RepairOptions repair;
  std::chrono::seconds poll{60};   // between two looks at everything; what changes is told at once
  std::chrono::seconds lease{20};
};

// What the rounds work with. All of it outlives them.
struct RoundsWires {
  std::string name;  // of this process, for the lease
  const DirectorClient& director;
  std::function<std::shared_ptr<Bus>(const BusIdentity&, Bus::Ears)> connect;  // Fault::retryable
  Clock& clock;
  Random& random;
  Plugins& plugins;
  std::function<void(const Notice&)> tell;
  std::function<void()> wake_inventory;  // look_at_inventory() is due
  Log log;
};

// What the health monitor does again and again, without a thread of its own: whoever owns it calls each
// round, one at a time of its kind, and again after the pause that the round returns. Between them it
// hears the bus and carries out what the Monitor decides.
class Rounds final : public Hands {
 public:
  using Pause = std::chrono::milliseconds;

  Rounds(RoundsSettings settings, RoundsWires wires, std::unique_ptr<Executor> repairs);
  ~Rounds() override;

  Pause judge();
  Pause keep_bus();
  Pause look_at_inventory();
  Pause keep_lease();
  // The last ones: nobody calls a round any more.
  void drop_bus();
  void give_up_lease();

  Monitor& monitor() { return monitor_; }
  bool fleet_known() const { return fleet_known_; }

  // Hands
  void probe(const std::string& agent) override;
  void repair(const RepairOrder& order) override { desk_.take(order); }
  std::vector<RepairOutcome> outcomes() override { return desk_.outcomes(); }
  void tell(Notice notice) override;

 private:
  std::shared_ptr<Bus> current_bus();
  Bus::Ears ears();
  void with_json(std::string_view payload, const std::function<void(const Json&)>& use);
  void hear_change(const Json& json);
  void look_again(const std::string& deployment);  // empty: at all of them

  const RoundsSettings settings_;
  const RoundsWires wires_;
  Monitor monitor_;
  HeartbeatIntake intake_;
  std::atomic<bool> leading_{false}, fleet_known_{false};

  std::mutex bus_mutex_;
  std::shared_ptr<Bus> bus_;
  Instant identity_until_{}, bus_proved_{};

  std::mutex changes_mutex_;
  std::set<std::string> changed_;  // deployments to look at again
  bool look_at_all_ = true;
  Instant all_seen_{};

  Instant lease_until_{};
  RepairDesk desk_;  // the first to go: what it follows calls back
};

}  // namespace slipway::health
