#include "pks-api/plans/networks.hpp"

#include <algorithm>
#include <array>

#include "base/ip_range.hpp"
#include "base/json_text.hpp"

namespace slipway::pks {

namespace {

constexpr int largest = 8, smallest_pods = 24, smallest_services = 28;

struct SpecialNetwork {
  const char* network;
  const char* meaning;
};
// 169.254/16 has the nodes' resolver and clouds' metadata.
constexpr std::array special_networks = {SpecialNetwork{"0.0.0.0/8", "no host's address"},
                                         SpecialNetwork{"127.0.0.0/8", "every host's own"},
                                         SpecialNetwork{"169.254.0.0/16", "link-local"},
                                         SpecialNetwork{"224.0.0.0/3", "multicast and reserved"}};

Cidr parsed(const std::string& network) { return *Cidr::parse(network); }

void check_network(const std::string& text, int smallest, const std::string& place, Problems& problems) {
  const auto shown = "is '" + text.substr(0, 40) + "'";
  const auto network = Cidr::parse(text);
  if (!network || network->prefix < largest || network->prefix > smallest) {
    problems.add(place, shown + ", which is no network such as 10.200.0.0/16, from /" + std::to_string(largest) +
                            " to /" + std::to_string(smallest));
    return;
  }
  if (network->to_string() != text)
    problems.add(place, shown + ", which has bits set behind the network's; allowed is " + network->to_string());
  for (const auto& special : special_networks) {
    if (network->range().overlaps(parsed(special.network).range()))
      problems.add(place, shown + ", which lies in " + special.network + " (" + special.meaning + ")");
  }
}

// The API's own service has the first address of a service network, the name service the tenth.
template <std::uint32_t number>
Json address_in(const Json& network) {
  return Ipv4{parsed(network.get<std::string>()).network.value + number}.to_string();
}

Json itself(const Json& setting) { return setting; }

constexpr NetworkBlank blanks[] = {{"network_profile.pod_network", "pod_network", itself},
                                   {"network_profile.service_network", "service_network", itself},
                                   {"network_profile.api_address", "service_network", address_in<1>},
                                   {"network_profile.dns_address", "service_network", address_in<10>},
                                   {"network_profile.nameservers", "nameservers", itself}};

}  // namespace

Json checked_networks(JsonReader& in, Problems& problems) {
  const auto known_problems = problems.items().size();
  Json kept = Json::object();
  for (const auto* key : fixed_network_settings) {
    const auto network = in.string_or(key, "");
    if (network.empty()) continue;
    const bool pods = std::string_view(key) == "pod_network";
    check_network(network, pods ? smallest_pods : smallest_services, in.place(key), problems);
    kept[key] = network;
  }
  const auto nameservers = in.strings_or_empty("nameservers");
  for (const auto& address : nameservers) {
    if (!Ipv4::parse(address))
      problems.add(in.place("nameservers"), "has '" + address.substr(0, 40) + "', which is no IPv4 address");
  }
  if (!nameservers.empty()) kept["nameservers"] = nameservers;
  in.refuse_unknown();
  if (problems.items().size() == known_problems && networks_overlap(kept))
    problems.add(in.place("service_network"), "is '" + text_or_empty(kept, "service_network") + "', which overlaps pod_network '" +
                                                  text_or_empty(kept, "pod_network") + "'");
  return kept;
}

bool networks_overlap(const Json& networks) {
  const auto pods = text_or_empty(networks, "pod_network"), services = text_or_empty(networks, "service_network");
  return !pods.empty() && !services.empty() && parsed(pods).range().overlaps(parsed(services).range());
}

int most_nodes_in(const std::string& pod_network) {
  const auto prefix = parsed(pod_network).prefix;
  return prefix > smallest_pods ? 0 : 1 << (smallest_pods - prefix);  // profiles once allowed smaller ones
}

std::span<const NetworkBlank> network_blanks() { return blanks; }

}  // namespace slipway::pks
