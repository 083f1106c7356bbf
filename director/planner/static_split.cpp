#include "director/planner/static_split.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace slipway::director {

namespace {

using Counts = std::map<std::string, std::size_t>;

// One network's addresses on their AZs, moved from AZ to AZ along chains: an address goes from the
// first to the second, one of the second's to the third, and so on.
class Split {
 public:
  Split(const StaticChoices& choices, Counts loads) : choices_(choices), loads_(std::move(loads)) {}

  // Puts every address where fewest are, then evens out until no chain helps. False: one fits nowhere.
  bool run() {
    for (const auto& [ip, azs] : choices_) {
      if (azs.empty()) return false;
      const auto emptiest = std::min_element(azs.begin(), azs.end(), [&](const std::string& a, const std::string& b) {
        return std::pair(loads_[a], a) < std::pair(loads_[b], b);
      });
      put(ip, *emptiest);
    }
    const auto is_emptier = [&](const std::string& from, const std::string& to) { return loads_[to] + 2 <= loads_[from]; };
    while (move_one(is_emptier)) {
    }
    return true;
  }

  // Moves addresses until the AZs have exactly these loads. False: they cannot.
  bool reach(const Counts& wanted) {
    const auto load_wanted = [&](const std::string& az) {
      const auto at = wanted.find(az);
      return at == wanted.end() ? std::size_t{0} : at->second;
    };
    const auto helps = [&](const std::string& from, const std::string& to) {
      return loads_[from] > load_wanted(from) && loads_[to] < load_wanted(to);
    };
    while (move_one(helps)) {
    }
    return std::all_of(loads_.begin(), loads_.end(),
                       [&](const auto& load) { return load.second == load_wanted(load.first); });
  }

  const StaticSplit& result() const { return az_of_; }
  const Counts& loads() const { return loads_; }

 private:
  void put(Ipv4 ip, const std::string& az) {
    az_of_[ip] = az;
    ++loads_[az];
  }

  bool move_one(const std::function<bool(const std::string& from, const std::string& to)>& wanted) {
    for (const auto& [start, load] : Counts(loads_)) {
      std::set<std::string> seen{start};
      if (load > 0 && move_along(start, start, wanted, seen)) return true;
    }
    return false;
  }

  // Depth first over AZs; each is visited once, so a chain is never longer than there are AZs.
  bool move_along(const std::string& start, const std::string& at,
                  const std::function<bool(const std::string&, const std::string&)>& wanted, std::set<std::string>& seen) {
    for (const auto& [ip, az] : StaticSplit(az_of_)) {
      if (az != at) continue;
      for (const auto& next : choices_.at(ip)) {
        if (!seen.insert(next).second) continue;
        if (!wanted(start, next) && !move_along(start, next, wanted, seen)) continue;
        --loads_[at];
        put(ip, next);
        return true;
      }
    }
    return false;
  }

  const StaticChoices& choices_;
  Counts loads_;
  StaticSplit az_of_;
};

}  // namespace

std::optional<std::vector<StaticSplit>> split_evenly(const std::vector<StaticChoices>& networks,
                                                     const std::map<std::string, std::size_t>& placed) {
  std::vector<Split> splits;
  for (const auto& choices : networks) {
    splits.emplace_back(choices, placed);
    if (!splits.back().run()) return std::nullopt;
  }
  // The most even split of one network is tried as the split of all.
  for (const auto& model : splits) {
    auto matched = splits;
    const auto wanted = model.loads();
    if (!std::all_of(matched.begin(), matched.end(), [&](Split& split) { return split.reach(wanted); })) continue;
    std::vector<StaticSplit> out;
    for (const auto& split : matched) out.push_back(split.result());
    return out;
  }
  return std::nullopt;
}

}  // namespace slipway::director
