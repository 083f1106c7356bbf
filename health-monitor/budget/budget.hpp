#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "health-monitor/inventory/fleet.hpp"
#include "health-monitor/repair/ladder.hpp"

// Who is repaired now, and why everybody else is not. Pure: the same situation, the same decisions.
namespace slipway::health {

struct BudgetSettings {
  // BOSH's meltdown rule: this many down *and* this share of a deployment means that the cause is
  // elsewhere, and more VMs would not help.
  int meltdown_minimum = 5;
  int meltdown_percent = 20;
  int in_flight = 10;  // instances under repair at once, everywhere
  int in_flight_per_az = 5;
  int in_flight_per_deployment = 3;
};

enum class Hold {
  none,
  standby,   // another monitor acts
  amnesty,   // too early to judge
  paused,    // `bosh update-resurrection off`
  disabled,  // by a config of the type "resurrection"
  ignored,   // `bosh ignore`
  locked,    // a task works on the deployment
  meltdown,
  settling,  // others of the deployment may be down too: decided together in a moment
  busy,      // a repair of the same deployment runs
  backoff,   // tried not long ago
  budget,    // as many as allowed are under repair
};
std::string to_string(Hold hold);

struct Patient {
  const Instance* instance = nullptr;
  Trouble trouble = Trouble::silent;
  Instant since{};
  Rung rung = Rung::replace;
  int attempts = 0;
  Instant not_before{};
  bool under_repair = false;
};

struct Situation {
  Instant now{};
  bool leading = true;
  bool amnesty = false;
  bool paused = false;
  const Fleet* fleet = nullptr;
  std::map<std::string, int> down;                // by deployment, those included that only may be down
  std::set<std::string> locked, busy, suspected;  // deployments; the last have some who only may be down
  Duration settle_for{};                          // how long those are waited for at most
};

struct Decision {
  const Patient* patient = nullptr;
  Hold hold = Hold::none;  // none: repair it with the patient's rung
  std::string reason;
};

// One decision a patient that is not under repair, the longest troubled first.
std::vector<Decision> decide(const BudgetSettings& settings, const Situation& situation,
                             const std::vector<Patient>& patients);

}  // namespace slipway::health
