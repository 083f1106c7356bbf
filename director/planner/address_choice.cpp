#include "director/planner/address_choice.hpp"

#include "director/domain/error_codes.hpp"

namespace slipway::director {

namespace {

std::string place_of(const PlannedInstance& planned) { return "instance group '" + planned.group + "'"; }

}  // namespace

AddressChoice::AddressChoice(const World& world, const std::string& deployment,
                             const std::unordered_set<std::string>& staying, Problems& problems)
    : deployment_(deployment),
      staying_(staying),
      problems_(problems),
      book_(world.reserved_ips, world.director_addresses) {}

std::optional<Ipv4> AddressChoice::fixed(Ipv4 ip, const PlannedInstance& planned) {
  const auto complain = [&](const std::string& holder) {
    problems_.add(place_of(planned), "the static IP " + ip.to_string() + " is held by " + holder, code::ip_in_use);
  };
  const auto* holder = book_.holder(ip);
  if (holder == nullptr) {
    if (book_.taken(ip)) complain("the director itself");
  } else if (holder->deployment != deployment_) {
    complain("deployment '" + holder->deployment + "'");
  } else if (holder->instance != planned.id && (holder->instance.empty() || staying_.count(holder->instance.value) != 0)) {
    complain(holder->instance.empty() ? "a compilation VM of this deployment"
                                      : "instance " + holder->instance.value + " of this deployment, which stays");
  }
  book_.take(ip);
  return ip;
}

std::optional<Ipv4> AddressChoice::choose(const NetworkUse& use, const Network& network, const Seat& seat,
                                          const PlannedInstance& planned) {
  if (network.type == NetworkType::dynamic) return std::nullopt;
  if (const auto at = seat.static_ips.find(use.name); at != seat.static_ips.end()) {
    return fixed(at->second, planned);
  }
  if (const auto has = held(use, network, seat, planned)) return has;
  const auto ip = book_.take_lowest(network, seat.az);
  if (!ip && exhausted_.insert(use.name + " " + seat.az).second) {
    const auto az = seat.az.empty() ? "" : " in availability zone '" + seat.az + "'";
    problems_.add(place_of(planned),
                  "network '" + use.name + "' has no free address left" + az +
                      (planned.swap ? "; with create-swap-delete each VM that is replaced needs a second one meanwhile"
                                    : "; enlarge a range, release reserved addresses or ask for fewer instances"),
                  code::no_free_address);
  }
  return ip;
}

// Of the addresses it has already the one its VM has, or, where another VM is made beside that,
// one it does not have: an interrupted attempt left it.
std::optional<Ipv4> AddressChoice::held(const NetworkUse& use, const Network& network, const Seat& seat,
                                        const PlannedInstance& planned) {
  if (seat.existing == nullptr) return std::nullopt;
  std::string of_vm;
  if (seat.existing->vm && seat.existing->vm->networks.contains(use.name)) {
    of_vm = seat.existing->vm->networks[use.name].value("ip", "");
  }
  std::optional<Ipv4> found;
  for (const auto& record : seat.existing->ips) {
    const auto ip = Ipv4::parse(record.address);
    if (!ip || record.network != use.name || !AddressBook::may_keep(network, seat.az, *ip)) continue;
    const bool is_vms = record.address == of_vm;
    if (planned.swap ? !is_vms : is_vms) return ip;
    if (!planned.swap && !found) found = ip;
  }
  return found;
}

}  // namespace slipway::director
