#include "director/planner/placement.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/planner/static_split.hpp"

namespace slipway::director {

namespace {

constexpr std::size_t nobody = static_cast<std::size_t>(-1);

// A disk the group no longer wants holds nobody in its AZ: the next plan would move them anyway.
bool wants_disk(const InstanceGroup& group, const CloudConfig& cloud) {
  if (!group.persistent_disks.empty()) return true;
  if (group.persistent_disk_type.empty()) return group.persistent_disk_mib > 0;
  const auto* type = cloud.find_disk_type(group.persistent_disk_type);
  return type != nullptr && type->size_mib > 0;
}

bool has_disk(const ActualInstance& instance) {
  return std::any_of(instance.disks.begin(), instance.disks.end(),
                     [](const DiskRecord& disk) { return disk.state == DiskState::active; });
}

// One AZ of the group while its seats are given away.
struct Zone {
  std::string name;
  std::size_t placed = 0;
  std::vector<std::size_t> unclaimed;  // candidates, the next one last
};

// The addresses one network's `static_ips` still has to give.
class StaticPool {
 public:
  StaticPool(const NetworkUse& use, const Network& network, const std::vector<std::string>& azs) : name_(use.name) {
    for (const auto ip : use.static_ips) {
      const auto* subnet = network.subnet_of(ip);
      std::vector<std::string> usable;
      for (const auto& az : azs) {
        if (network.type == NetworkType::vip || (subnet != nullptr && subnet->serves(az))) usable.push_back(az);
      }
      azs_of_.emplace(ip.value, std::move(usable));
    }
    // Addresses that fit few AZs go first, so that the others stay for where they are needed.
    auto order = use.static_ips;
    std::stable_sort(order.begin(), order.end(), [&](Ipv4 a, Ipv4 b) { return azs_of_[a.value].size() < azs_of_[b.value].size(); });
    for (auto ip = order.rbegin(); ip != order.rend(); ++ip) {
      for (const auto& az : azs_of_[ip->value]) by_az_[az].push_back(*ip);
    }
  }

  const std::string& network() const { return name_; }

  bool offers(Ipv4 ip, const std::string& az) const {
    const auto at = azs_of_.find(ip.value);
    return at != azs_of_.end() && claimed_.count(ip.value) == 0 &&
           std::find(at->second.begin(), at->second.end(), az) != at->second.end();
  }

  bool has_one_in(const std::string& az) {
    auto& stack = by_az_[az];
    while (!stack.empty() && claimed_.count(stack.back().value) != 0) stack.pop_back();
    return !stack.empty();
  }

  // What is still to be given, and after split(): in which AZ each of it is.
  StaticChoices left() const {
    StaticChoices out;
    for (const auto& [ip, azs] : azs_of_) {
      if (claimed_.count(ip) == 0) out.emplace(Ipv4{ip}, azs);
    }
    return out;
  }
  void split(const StaticSplit& az_of) {
    by_az_.clear();
    for (auto at = az_of.rbegin(); at != az_of.rend(); ++at) {
      azs_of_[at->first.value] = {at->second};
      by_az_[at->second].push_back(at->first);
    }
  }

  void claim(Ipv4 ip) { claimed_.insert(ip.value); }
  Ipv4 take_in(const std::string& az) {
    const auto ip = by_az_[az].back();
    claim(ip);
    return ip;
  }

 private:
  std::string name_;
  std::unordered_map<std::uint32_t, std::vector<std::string>> azs_of_;
  std::unordered_map<std::string, std::vector<Ipv4>> by_az_;
  std::unordered_set<std::uint32_t> claimed_;
};

class GroupPlacement {
 public:
  GroupPlacement(const InstanceGroup& group, const CloudConfig& cloud, std::vector<Candidate> candidates,
                 bool random_ties, Random& random, Problems& problems)
      : group_(group), wants_disk_(wants_disk(group, cloud)), candidates_(std::move(candidates)), random_ties_(random_ties), random_(random), problems_(problems) {
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return std::pair(a.instance->record.index, a.instance->record.id) <
             std::pair(b.instance->record.index, b.instance->record.id);
    });
    claimed_.assign(candidates_.size(), false);
    const auto azs = group.azs.empty() ? std::vector<std::string>{""} : group.azs;
    for (const auto& az : azs) zones_.push_back({az, 0, {}});
    for (const auto& use : group.networks) {
      const auto* network = cloud.find_network(use.name);
      if (network != nullptr && !use.static_ips.empty()) pools_.emplace_back(use, *network, azs);
    }
    for (std::size_t i = candidates_.size(); i-- > 0;) {
      if (auto* zone = zone_of(candidates_[i].az)) zone->unclaimed.push_back(i);
    }
  }

  Placement run() {
    if (!check_ignored()) return {};
    if (pools_.empty()) {
      seat_pinned([](const ActualInstance& instance) { return instance.record.ignore; });
      if (wants_disk_) seat_pinned(has_disk);
    } else {
      seat_owners_of_static_ips();
      split_static_ips();
      seat_by_free_static_ips();
    }
    while (seats_left() > 0) {
      auto* zone = emptiest_zone();
      if (zone == nullptr) {
        problems_.add("instance group '" + group_.name + "'",
                      "its static IPs cannot be spread over the availability zones " + quoted_list(group_.azs) +
                          " so that each instance gets one of each network",
                      code::static_ip_count);
        return {};
      }
      seat(pools_.empty() ? next_unclaimed(*zone) : nobody, *zone);
    }
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (claimed_[i]) continue;
      out_.obsolete.push_back(candidates_[i].instance);
      if (candidates_[i].instance->record.ignore) refuse("would be deleted", candidates_[i]);
    }
    return std::move(out_);
  }

 private:
  std::size_t seats_left() const { return static_cast<std::size_t>(group_.instances) - out_.seats.size(); }

  Zone* zone_of(const std::string& az) {
    const auto at = std::find_if(zones_.begin(), zones_.end(), [&](const Zone& zone) { return zone.name == az; });
    return at == zones_.end() ? nullptr : &*at;
  }

  void refuse(const std::string& what, const Candidate& candidate) {
    problems_.add("instance group '" + group_.name + "'",
                  "instance " + candidate.instance->record.group + "/" + candidate.instance->record.id.value +
                      " is ignored and " + what + "; unignore it first",
                  code::ignored_instances_changed);
  }

  bool check_ignored() {
    std::size_t ignored = 0;
    bool fine = true;
    for (const auto& candidate : candidates_) {
      if (!candidate.instance->record.ignore) continue;
      ++ignored;
      if (zone_of(candidate.az) != nullptr) continue;
      refuse("its availability zone '" + candidate.az + "' is no longer one of the group's", candidate);
      fine = false;
    }
    if (ignored > static_cast<std::size_t>(group_.instances)) {
      problems_.add("instance group '" + group_.name + "'",
                    "has " + std::to_string(ignored) + " ignored instances and shall have " +
                        std::to_string(group_.instances) + "; ignored instances are not deleted",
                    code::ignored_instances_changed);
      fine = false;
    }
    return fine;
  }

  std::size_t next_unclaimed(Zone& zone) {
    while (!zone.unclaimed.empty() && claimed_[zone.unclaimed.back()]) zone.unclaimed.pop_back();
    return zone.unclaimed.empty() ? nobody : zone.unclaimed.back();
  }

  void seat(std::size_t candidate, Zone& zone, std::map<std::string, Ipv4> ips = {}) {
    Seat seat;
    if (candidate != nobody) {
      seat.existing = candidates_[candidate].instance;
      claimed_[candidate] = true;
    }
    seat.az = zone.name;
    seat.static_ips = std::move(ips);
    for (auto& pool : pools_) {
      if (seat.static_ips.count(pool.network()) == 0) seat.static_ips.emplace(pool.network(), pool.take_in(zone.name));
    }
    ++zone.placed;
    out_.seats.push_back(std::move(seat));
  }

  template <class Which>
  void seat_pinned(Which which) {
    for (std::size_t i = 0; i < candidates_.size() && seats_left() > 0; ++i) {
      auto* zone = zone_of(candidates_[i].az);
      if (!claimed_[i] && zone != nullptr && which(*candidates_[i].instance)) seat(i, *zone);
    }
  }

  // The static addresses it holds already, where the manifest still lists them for its AZ.
  std::map<std::string, Ipv4> kept_ips(const Candidate& candidate) const {
    std::map<std::string, Ipv4> kept;
    for (const auto& record : candidate.instance->ips) {
      const auto ip = Ipv4::parse(record.address);
      for (const auto& pool : pools_) {
        if (ip && record.network == pool.network() && pool.offers(*ip, candidate.az)) kept.emplace(pool.network(), *ip);
      }
    }
    return kept;
  }

  void seat_owners_of_static_ips() {
    std::vector<std::pair<std::size_t, std::map<std::string, Ipv4>>> owners;
    for (std::size_t i = 0; i < candidates_.size() && owners.size() < seats_left(); ++i) {
      auto kept = kept_ips(candidates_[i]);
      if (zone_of(candidates_[i].az) == nullptr || kept.empty()) continue;
      for (auto& pool : pools_) {
        if (const auto at = kept.find(pool.network()); at != kept.end()) pool.claim(at->second);
      }
      owners.emplace_back(i, std::move(kept));
    }
    for (auto& [candidate, kept] : owners) {
      auto& zone = *zone_of(candidates_[candidate].az);
      const bool complete = std::all_of(pools_.begin(), pools_.end(), [&](StaticPool& pool) {
        return kept.count(pool.network()) != 0 || pool.has_one_in(zone.name);
      });
      if (complete) seat(candidate, zone, std::move(kept));
    }
  }

  // Addresses that several AZs could use are settled on one, so that seats can be spread evenly.
  void split_static_ips() {
    std::vector<StaticChoices> left;
    for (const auto& pool : pools_) left.push_back(pool.left());
    std::map<std::string, std::size_t> placed;
    for (const auto& zone : zones_) placed[zone.name] = zone.placed;
    const auto split = split_evenly(left, placed);
    for (std::size_t i = 0; split && i < pools_.size(); ++i) pools_[i].split(split->at(i));
  }

  void seat_by_free_static_ips() {
    for (std::size_t i = 0; i < candidates_.size() && seats_left() > 0; ++i) {
      auto* zone = zone_of(candidates_[i].az);
      if (!claimed_[i] && zone != nullptr && zone_has_ips(*zone)) seat(i, *zone);
    }
  }

  bool zone_has_ips(const Zone& zone) {
    return std::all_of(pools_.begin(), pools_.end(), [&](StaticPool& pool) { return pool.has_one_in(zone.name); });
  }

  // Fewest seats first; among equals one with an instance to keep, then chance or the name.
  Zone* emptiest_zone() {
    std::vector<Zone*> best;
    bool best_keeps = false;
    for (auto& zone : zones_) {
      if (!zone_has_ips(zone)) continue;
      const bool keeps = next_unclaimed(zone) != nobody;
      const bool better = best.empty() || zone.placed < best[0]->placed ||
                          (zone.placed == best[0]->placed && keeps && !best_keeps);
      const bool equal = !best.empty() && zone.placed == best[0]->placed && keeps == best_keeps;
      if (better) best.clear();
      if (better || equal) best.push_back(&zone);
      if (better) best_keeps = keeps;
    }
    if (best.empty()) return nullptr;
    if (random_ties_ && !best_keeps && best.size() > 1) return best[random_.below(best.size())];
    return *std::min_element(best.begin(), best.end(), [](const Zone* a, const Zone* b) { return a->name < b->name; });
  }

  const InstanceGroup& group_;
  bool wants_disk_;
  std::vector<Candidate> candidates_;
  bool random_ties_;
  Random& random_;
  Problems& problems_;
  std::vector<bool> claimed_;
  std::vector<Zone> zones_;
  std::vector<StaticPool> pools_;
  Placement out_;
};

}  // namespace

Placement place(const InstanceGroup& group, const CloudConfig& cloud, std::vector<Candidate> candidates,
                bool random_ties, Random& random, Problems& problems) {
  return GroupPlacement(group, cloud, std::move(candidates), random_ties, random, problems).run();
}

}  // namespace slipway::director
