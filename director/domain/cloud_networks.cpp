#include "director/domain/cloud_networks.hpp"

#include <algorithm>

#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"

namespace slipway::director {

namespace {

std::vector<std::string> known(const std::set<std::string>& names) { return {names.begin(), names.end()}; }

// "reserved" and "static": a list of addresses and ranges, or one of them.
std::vector<IpRange> read_ranges(HashReader& in, const std::string& key, const std::optional<Cidr>& within,
                                 int code_outside) {
  std::vector<IpRange> ranges;
  const auto* value = in.find(key);
  if (value == nullptr) return ranges;
  const Json list = value->is_array() ? *value : Json::array({*value});
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = item_place(in.place(key), i);
    const auto text = as_text(list[i]).value_or("");
    const auto range = IpRange::parse(text);
    if (!range) {
      in.problems().add(place, "is " + shown(list[i]) +
                                   ", expected is an IPv4 address, a range 'a-b' or a network 'a/n'",
                        code_outside);
    } else if (within && !within->range().contains(*range)) {
      in.problems().add(place, "is '" + text + "', which is not inside the subnet's range " + within->to_string(),
                        code_outside);
    } else {
      ranges.push_back(*range);
    }
  }
  return ranges;
}

std::vector<std::string> read_dns(HashReader& in) {
  const auto servers = in.texts_or_empty("dns");
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (Ipv4::parse(servers[i])) continue;
    in.problems().add(item_place(in.place("dns"), i), "is '" + servers[i] + "', expected is an IPv4 address",
                      code::invalid_dns);
  }
  return servers;
}

std::vector<std::string> read_azs(HashReader& in, const std::set<std::string>& az_names) {
  if (in.has("az") && in.has("azs")) {
    in.complain("azs", "stands beside 'az'; only one of the two is allowed", code::network_invalid_property);
  }
  auto azs = in.texts_or_empty("azs");
  if (in.has("azs") && azs.empty()) {
    in.complain("azs", "must name at least one availability zone", code::network_invalid_property);
  }
  if (in.has("az")) azs = {in.text("az")};
  for (const auto& az : azs) {
    if (az_names.count(az) != 0) continue;
    in.complain("azs", "names the unknown availability zone '" + az + "'; known are " + quoted_list(known(az_names)),
                code::subnet_unknown_az);
  }
  return azs;
}

void read_gateway(HashReader& in, Subnet& subnet) {
  const auto text = in.text("gateway");
  if (text.empty() || !subnet.range) return;
  const auto ip = Ipv4::parse(text);
  const auto range = subnet.range->range();
  if (!ip) {
    in.complain("gateway", "is '" + text + "', expected is one IPv4 address", code::invalid_gateway);
  } else if (!range.contains(*ip)) {
    in.complain("gateway", "is " + text + ", which is not inside the subnet's range " + subnet.range->to_string(),
                code::invalid_gateway);
  } else if (*ip == range.first || *ip == range.last) {
    in.complain("gateway", "is " + text + ", which is the network's own or its broadcast address",
                code::invalid_gateway);
  } else {
    subnet.gateway = ip;
  }
}

Subnet read_manual_subnet(const Json& value, const std::string& place, const std::set<std::string>& az_names,
                          Problems& problems) {
  HashReader in(value, place, problems);
  Subnet subnet;
  const auto range = in.text("range");
  subnet.range = Cidr::parse(range);
  if (!range.empty() && (!subnet.range || subnet.range->prefix == 32 || subnet.range->prefix == 0)) {
    in.complain("range", "is '" + range + "', expected is an IPv4 network of at least two addresses as 'a.b.c.d/n'",
                code::invalid_range);
    subnet.range.reset();
  }
  read_gateway(in, subnet);
  subnet.dns = read_dns(in);
  subnet.azs = read_azs(in, az_names);
  subnet.cloud_properties = in.hash_or_empty("cloud_properties");
  subnet.reserved = IpSet(read_ranges(in, "reserved", subnet.range, code::reserved_out_of_range));
  subnet.static_ips = IpSet(read_ranges(in, "static", subnet.range, code::static_out_of_range));
  for (const auto& fixed : subnet.static_ips.ranges()) {
    for (const auto& kept : subnet.reserved.ranges()) {
      if (!fixed.overlaps(kept)) continue;
      in.complain("static", fixed.to_string() + " overlaps the reserved " + kept.to_string(),
                  code::static_out_of_range);
    }
  }
  if (in.has("prefix") && in.text_or("prefix", "32") != "32") {
    in.complain("prefix", "other than 32 is not supported: each instance gets one address",
                code::network_invalid_property);
  }
  return subnet;
}

Subnet read_dynamic_subnet(const Json& value, const std::string& place, const std::set<std::string>& az_names,
                           Problems& problems) {
  HashReader in(value, place, problems);
  Subnet subnet;
  subnet.dns = read_dns(in);
  subnet.azs = read_azs(in, az_names);
  subnet.cloud_properties = in.hash_or_empty("cloud_properties");
  return subnet;
}

Subnet read_vip_subnet(const Json& value, const std::string& place, const std::set<std::string>& az_names,
                       Problems& problems) {
  HashReader in(value, place, problems);
  Subnet subnet;
  subnet.azs = read_azs(in, az_names);
  subnet.cloud_properties = in.hash_or_empty("cloud_properties");
  subnet.static_ips = IpSet(read_ranges(in, "static", std::nullopt, code::static_out_of_range));
  return subnet;
}

void check_overlaps(const Network& network, HashReader& in) {
  std::vector<const Subnet*> sorted;
  for (const auto& subnet : network.subnets) {
    if (subnet.range) sorted.push_back(&subnet);
  }
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->range->network < b->range->network; });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (!sorted[i - 1]->range->range().overlaps(sorted[i]->range->range())) continue;
    in.complain("subnets", "of network '" + network.name + "' overlap: " + sorted[i - 1]->range->to_string() +
                               " and " + sorted[i]->range->to_string(),
                code::overlapping_subnets);
  }
}

void check_az_rule(const Network& network, HashReader& in) {
  const auto with = std::count_if(network.subnets.begin(), network.subnets.end(),
                                  [](const Subnet& subnet) { return !subnet.azs.empty(); });
  if (with == 0 || with == static_cast<std::ptrdiff_t>(network.subnets.size())) return;
  in.complain("subnets", "of network '" + network.name + "': either all of them name availability zones, or none does",
              code::subnet_az_rule);
}

}  // namespace

Network parse_network(const Json& value, const std::string& place, const std::set<std::string>& az_names,
                      Problems& problems) {
  HashReader in(value, place, problems);
  Network network;
  network.name = in.text("name");
  const auto type = in.text_or("type", "manual");
  if (type == "manual") network.type = NetworkType::manual;
  else if (type == "dynamic") network.type = NetworkType::dynamic;
  else if (type == "vip") network.type = NetworkType::vip;
  else {
    in.complain("type", "is '" + type + "'; allowed are 'manual', 'dynamic' and 'vip'", code::invalid_network_type);
    return network;
  }
  if (in.boolean_or("managed", false)) {
    in.complain("managed", "networks are not supported: create the network in the cloud and name it here",
                code::network_invalid_property);
  }

  const auto reader = network.type == NetworkType::manual    ? read_manual_subnet
                      : network.type == NetworkType::dynamic ? read_dynamic_subnet
                                                             : read_vip_subnet;
  if (network.type == NetworkType::manual || in.has("subnets")) {
    const auto& subnets = network.type == NetworkType::manual ? in.array("subnets") : in.array_or_empty("subnets");
    for (std::size_t i = 0; i < subnets.size(); ++i) {
      network.subnets.push_back(reader(subnets[i], item_place(in.place("subnets"), i), az_names, problems));
    }
    if (in.has("subnets") && subnets.is_array() && subnets.empty()) {
      in.complain("subnets", "must hold at least one subnet", code::network_invalid_property);
    }
    for (const auto* key : {"dns", "cloud_properties"}) {
      if (network.type == NetworkType::dynamic && in.has(key)) {
        in.complain(key, "stands beside 'subnets'; say it in each subnet", code::network_invalid_property);
      }
    }
  } else {
    network.subnets.push_back(reader(value, place, az_names, problems));
  }
  check_az_rule(network, in);
  check_overlaps(network, in);
  return network;
}

}  // namespace slipway::director
