#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace slipway::health {

struct DiskSettings {
  int warn_percent = 90;                          // used, of space or of inodes; 101: never told
  int full_percent = 97;                          // a new VM is to bring a new disk; 101: never
  Duration full_for = std::chrono::seconds{60};  // what fills a disk for a moment is no trouble
};

// How full the agents' disks are, by their heartbeats. Knows no I/O: time is an argument. Not thread-safe.
class DiskWatch {
 public:
  explicit DiskWatch(DiskSettings settings) : settings_(settings) {}

  struct Change {
    enum class To { ample, scarce, full };
    std::string disk;  // system, ephemeral or persistent
    To to = To::ample;
    int percent = 0;
    bool kept = false;  // a new VM has the same one again
  };
  // What is news in an agent's vitals.
  std::vector<Change> heard(const std::string& agent, const Json& vitals, Instant now);

  // The disk that has long been so full that its VM should be replaced, which only helps where it is that VM's own and
  // goes with it. An agent says which are; what a container has is its host's.
  std::optional<std::string> replaceable(const std::string& agent, Instant now) const;

  // Forgets all others.
  void keep(const std::set<std::string>& agents);

 private:
  struct Disk {
    Change::To level = Change::To::ample;
    bool own = false;
    Instant full_since{};
  };
  Change::To level_of(int percent, Change::To before) const;

  DiskSettings settings_;
  std::map<std::string, std::map<std::string, Disk>> agents_;  // those with a disk that is not ample
};

}  // namespace slipway::health
