#pragma once

#include <map>
#include <string>
#include <vector>

#include "director/planner/plan.hpp"

namespace slipway::director {

// One seat of a group and who takes it.
struct Seat {
  const ActualInstance* existing = nullptr;  // nullptr: a new instance
  std::string az;
  std::map<std::string, Ipv4> static_ips;    // by network
};

struct Placement {
  std::vector<Seat> seats;                   // as many as the group has instances
  std::vector<const ActualInstance*> obsolete;
};

// An instance that could take a seat, with the AZ it is in (a migrated one may have none of its own).
struct Candidate {
  const ActualInstance* instance = nullptr;
  std::string az;
};

// Who stays, who goes, who is new, and in which AZ. Existing instances never move between AZs.
// Source: contracts/director-api.md section 4, "Placement".
Placement place(const InstanceGroup& group, const CloudConfig& cloud, std::vector<Candidate> candidates,
                bool random_ties, Random& random, Problems& problems);

}  // namespace slipway::director
