#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace slipway::director {

// Numbers that stand for names in DNS queries, by name. Source: cloudfoundry/bosh, DnsEncoder.
struct DnsNumbering {
  using ByName = std::map<std::string, std::int64_t>;
  ByName azs, networks, instances;  // instances by id
  ByName groups;                    // by instance_group_key() and link_group_key()
};

// What a group's number is kept under. The instances of a group, and those of all groups of a deployment that
// provide a link of one name and type. No group's name has a "/".
inline std::string instance_group_key(const std::string& deployment, const std::string& group) {
  return deployment + "/" + group;
}
inline std::string link_group_key(const std::string& deployment, const std::string& link, const std::string& type) {
  return deployment + "/link/" + link + "-" + type;
}

// Names that have no number yet get the next ones, in the order in which they are asked for: the same plan proposes the
// same numbers, whether or not they are recorded afterwards.
class NumberGiver {
 public:
  // Keeps a reference.
  explicit NumberGiver(const DnsNumbering::ByName& known) : known_(known) {
    for (const auto& [name, number] : known) last_ = std::max(last_, number);
  }
  std::int64_t of(const std::string& name) {
    const auto [at, fresh] = used_.try_emplace(name);
    if (!fresh) return at->second;
    const auto known = known_.find(name);
    return at->second = known == known_.end() ? ++last_ : known->second;
  }
  const DnsNumbering::ByName& used() const { return used_; }

 private:
  const DnsNumbering::ByName& known_;
  DnsNumbering::ByName used_;
  std::int64_t last_ = 0;
};

// The numbers of one plan. Keeps a reference.
struct NumberGivers {
  explicit NumberGivers(const DnsNumbering& known)
      : azs(known.azs), networks(known.networks), instances(known.instances), groups(known.groups) {}
  DnsNumbering used() const { return {azs.used(), networks.used(), instances.used(), groups.used()}; }
  NumberGiver azs, networks, instances, groups;
};

}  // namespace slipway::director
