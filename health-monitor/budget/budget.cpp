#include "health-monitor/budget/budget.hpp"

#include <algorithm>
#include <tuple>

namespace slipway::health {

namespace {

constexpr int whole = 100;

std::string seconds_text(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count() + 1) + " s";
}

int expected_vms(const Deployment& deployment) {
  return static_cast<int>(std::count_if(deployment.instances.begin(), deployment.instances.end(),
                                        [](const Instance& instance) { return instance.expects_vm; }));
}

// What is in use of the budgets: grows while decisions are made.
struct InFlight {
  int all = 0;
  std::map<std::string, int> by_az, by_deployment;

  void take(const Instance& instance) {
    ++all;
    ++by_az[instance.az];
    ++by_deployment[instance.deployment];
  }

  std::string why_full(const BudgetSettings& settings, const Instance& instance) const {
    const auto full = [](int used, int limit, const std::string& where) {
      return used >= limit ? std::to_string(used) + " of at most " + std::to_string(limit) + " repairs run" + where
                           : std::string();
    };
    const auto used = [](const std::map<std::string, int>& counts, const std::string& key) {
      const auto found = counts.find(key);
      return found == counts.end() ? 0 : found->second;
    };
    if (auto why = full(all, settings.in_flight, ""); !why.empty()) return why;
    if (auto why = full(used(by_az, instance.az), settings.in_flight_per_az, " in AZ '" + instance.az + "'");
        !why.empty())
      return why;
    return full(used(by_deployment, instance.deployment), settings.in_flight_per_deployment, " in its deployment");
  }
};

class Decider {
 public:
  Decider(const BudgetSettings& settings, const Situation& situation, const std::vector<Patient>& patients)
      : settings_(settings), situation_(situation) {
    for (const auto& patient : patients) {
      if (patient.under_repair) in_flight_.take(*patient.instance);
    }
  }

  Decision about(const Patient& patient) {
    const auto [hold, reason] = hold_of(patient);
    if (hold != Hold::none) return {&patient, hold, reason};
    in_flight_.take(*patient.instance);
    return {&patient, Hold::none, why_act(patient)};
  }

 private:
  using Held = std::pair<Hold, std::string>;

  Held hold_of(const Patient& patient) const {
    const auto& instance = *patient.instance;
    if (!situation_.leading) return {Hold::standby, "another monitor acts"};
    if (situation_.amnesty) return {Hold::amnesty, "nothing is judged so soon after a start or a silence of the bus"};
    if (situation_.paused) return {Hold::paused, "repairs are switched off, in the director or in this monitor"};
    if (!director::resurrection_enabled(situation_.fleet->rules, instance.deployment, instance.group))
      return {Hold::disabled, "a resurrection config switches it off"};
    if (instance.ignore) return {Hold::ignored, "the instance is ignored (bosh unignore)"};
    if (situation_.locked.contains(instance.deployment)) return {Hold::locked, "a task works on the deployment"};
    if (auto melting = meltdown_of(instance.deployment); !melting.empty()) return {Hold::meltdown, melting};
    if (situation_.busy.contains(instance.deployment))
      return {Hold::busy, "a repair of the deployment runs; the next begins after it"};
    if (situation_.suspected.contains(instance.deployment) && situation_.now - patient.since < situation_.settle_for)
      return {Hold::settling, "others of its deployment may be down as well"};
    if (situation_.now < patient.not_before) {
      // Not when exactly: the reason of an event shall not change with every look.
      return {Hold::backoff, "attempt " + std::to_string(patient.attempts) + " did not help; the next one waits"};
    }
    if (auto full = in_flight_.why_full(settings_, instance); !full.empty()) return {Hold::budget, full};
    return {Hold::none, ""};
  }

  std::string meltdown_of(const std::string& deployment) const {
    const auto found = situation_.down.find(deployment);
    const auto known = situation_.fleet->deployments.find(deployment);
    if (found == situation_.down.end() || known == situation_.fleet->deployments.end()) return "";
    const int total = expected_vms(known->second);
    const int down = found->second;
    if (down < settings_.meltdown_minimum || down * whole < total * settings_.meltdown_percent) return "";
    return "meltdown: at least " + std::to_string(settings_.meltdown_minimum) + " and at least " +
           std::to_string(settings_.meltdown_percent) + " % of " + std::to_string(total) + " instances are down";
  }

  static const char* what_ails(Trouble trouble) {
    switch (trouble) {
      case Trouble::silent:
        return "its agent is not heard";
      case Trouble::missing:
        return "no VM where one is expected";
      case Trouble::full:
        return "a disk of its VM is full";
      case Trouble::failing:
        return "its jobs do not run";
    }
    return "";
  }

  std::string why_act(const Patient& patient) const {
    const auto gone = seconds_text(situation_.now - patient.since);
    auto text = std::string(what_ails(patient.trouble)) + " (known for " + gone + ")";
    if (patient.attempts > 0) text += ", " + std::to_string(patient.attempts) + " attempts before";
    return text;
  }

  const BudgetSettings& settings_;
  const Situation& situation_;
  InFlight in_flight_;
};

}  // namespace

std::string to_string(Hold hold) {
  switch (hold) {
    case Hold::none:
      return "none";
    case Hold::standby:
      return "standby";
    case Hold::amnesty:
      return "amnesty";
    case Hold::paused:
      return "paused";
    case Hold::disabled:
      return "disabled";
    case Hold::ignored:
      return "ignored";
    case Hold::locked:
      return "locked";
    case Hold::meltdown:
      return "meltdown";
    case Hold::settling:
      return "settling";
    case Hold::busy:
      return "busy";
    case Hold::backoff:
      return "backoff";
    case Hold::budget:
      return "budget";
  }
  return "none";
}

std::vector<Decision> decide(const BudgetSettings& settings, const Situation& situation,
                             const std::vector<Patient>& patients) {
  std::vector<const Patient*> order;
  for (const auto& patient : patients) {
    if (!patient.under_repair) order.push_back(&patient);
  }
  std::sort(order.begin(), order.end(), [](const Patient* a, const Patient* b) {
    return std::tie(a->since, a->instance->deployment, a->instance->id) <
           std::tie(b->since, b->instance->deployment, b->instance->id);
  });
  Decider decider(settings, situation, patients);
  std::vector<Decision> decisions;
  for (const auto* patient : order) decisions.push_back(decider.about(*patient));
  return decisions;
}

}  // namespace slipway::health
