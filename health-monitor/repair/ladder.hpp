#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

// What is tried, in which order, and when again. Pure.
namespace slipway::health {

// Processes are restarted by systemd and the agent too, inside the VM and without us: these two are
// for a VM that does not answer.
enum class Rung { reboot, replace };
std::string to_string(Rung rung);

enum class Trouble {
  silent,   // its agent is not heard
  missing,  // the director knows of no VM and expects one
  full,     // a disk that goes with its VM has no room left
  failing,  // its jobs have long not been running, though its agent answers and restarts them
};
std::string to_string(Trouble trouble);

struct LadderSettings {
  std::vector<Rung> rungs = {Rung::reboot, Rung::replace};  // not empty; the last one is repeated
  Duration backoff_first = std::chrono::seconds{30};        // after the last rung failed; doubled each time
  Duration backoff_most = std::chrono::minutes{30};
  Duration forget_after = std::chrono::minutes{10};  // of health: the next trouble begins at the first rung
};

// The story of one instance's troubles.
class Lineage {
 public:
  // A VM that is not there cannot be rebooted, and a disk is as full after a reboot.
  Rung next_rung(const LadderSettings& settings, Trouble trouble) const;
  Instant not_before() const { return not_before_; }
  int attempts() const { return attempts_; }

  void begun(Rung rung) { last_ = rung; }
  // Whoever made it, the attempt is over and the instance is not yet back.
  void ended(const LadderSettings& settings, Instant now);
  // It was not tried at all: somebody else worked on the deployment, the director was away.
  void postponed(Instant until) { not_before_ = until; }
  void healthy(Instant now) { healthy_since_ = now; }
  void troubled(const LadderSettings& settings, Instant now);

 private:
  int attempts_ = 0;
  std::optional<Rung> last_;
  Instant not_before_{};
  std::optional<Instant> healthy_since_;
};

}  // namespace slipway::health
