#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>

#include "pks-api/profiles/profiles.hpp"

namespace slipway::pks {

namespace {

constexpr std::size_t max_parameters = 64u << 10, max_entries = 100, max_argument = 4096;

// The address as a number, if it is one.
std::optional<std::uint32_t> address_in(const std::string& text) {
  std::uint32_t address = 0;
  int parts = 0;
  for (std::size_t begin = 0; begin <= text.size(); ++parts) {
    const auto end = std::min(text.find('.', begin), text.size());
    int value = -1;
    const auto parsed = std::from_chars(text.data() + begin, text.data() + end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + end || value < 0 || value > 255)
      return std::nullopt;
    address = address << 8 | static_cast<std::uint32_t>(value);
    begin = end + 1;
  }
  return parts == 4 ? std::optional(address) : std::nullopt;
}

struct Network {
  std::uint32_t address = 0, mask = 0;
  bool overlaps(const Network& other) const {
    return ((address ^ other.address) & mask & other.mask) == 0;
  }
};

std::optional<Network> network_in(const std::string& text) {
  const auto slash = text.find('/');
  const auto address = slash == std::string::npos ? std::nullopt : address_in(text.substr(0, slash));
  if (!address) return std::nullopt;
  int bits = -1;
  const auto parsed = std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || bits < 8 || bits > 28)
    return std::nullopt;
  return Network{*address, ~std::uint32_t{0} << (32 - bits)};
}

// Addresses that mean something of their own on every host; 169.254/16 has the nodes' resolver and clouds' metadata.
constexpr std::array special_networks = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/8"};

void check_network(const Network& network, const std::string& place, Problems& problems) {
  if ((network.address & ~network.mask) != 0)
    problems.add(place, "has bits set behind the network's, expected is one such as 10.200.0.0/16");
  for (const auto* special : special_networks) {
    if (network.overlaps(*network_in(special)))
      problems.add(place, std::string("lies in ") + special + ", which no cluster can use");
  }
  constexpr std::uint32_t first_multicast = 0xE0000000;
  if (network.address > first_multicast && !network.overlaps(*network_in(special_networks.back())))
    problems.add(place, "lies beyond 224.0.0.0, where no host has its address");
}

bool is_word(const std::string& text, std::size_t most, std::string_view more) {
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) || more.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

Json checked_network(JsonReader& in, Problems& problems) {
  Json kept = Json::object(), given;
  const auto text = in.string("parameters");
  if (text.size() > max_parameters)
    problems.add("parameters", "has more than " + std::to_string(max_parameters) + " bytes");
  try {
    given = parse_json(text.size() > max_parameters ? "{}" : text, "parameters");
  } catch (const Error&) {
    problems.add("parameters", "is no JSON in a text");
    return kept;
  }
  JsonReader parameters(given, "parameters", problems);
  std::vector<Network> networks;
  for (const auto* key : fixed_network_settings) {
    const auto network = parameters.string_or(key, "");
    if (network.empty()) continue;
    if (const auto parsed = network_in(network)) {
      check_network(*parsed, parameters.place(key), problems);
      networks.push_back(*parsed);
    } else {
      problems.add(parameters.place(key), "is no network such as 10.200.0.0/16");
    }
    kept[key] = network;
  }
  if (networks.size() == 2 && networks[0].overlaps(networks[1]))
    problems.add(parameters.place("service_network"), "overlaps pod_network");
  const auto nameservers = parameters.strings_or_empty("nameservers");
  for (const auto& address : nameservers) {
    if (!address_in(address))
      problems.add("parameters.nameservers", "has '" + address.substr(0, 40) + "', which is no IPv4 address");
  }
  if (!nameservers.empty()) kept["nameservers"] = nameservers;
  parameters.refuse_unknown();
  if (kept.empty())
    problems.add("parameters", "sets nothing; allowed: pod_network, service_network, nameservers");
  return kept;
}

Json checked_compute(JsonReader& in, Problems& problems) {
  Json kept = Json::object();
  JsonReader parameters(in.object("parameters"), "parameters", problems);
  if (!parameters.array_or_empty("azs").empty()) {
    problems.add("parameters.azs", "zones are the cloud config's; name them in master_azs and worker_azs");
  }
  for (const auto* key : {"master_azs", "worker_azs"}) {
    const auto zones = parameters.strings_or_empty(key);
    for (const auto& zone : zones) {
      if (!is_word(zone, 64, "-_."))
        problems.add(parameters.place(key), "has '" + zone.substr(0, 80) + "', which is no zone's name");
    }
    if (std::set<std::string>(zones.begin(), zones.end()).size() != zones.size())
      problems.add(parameters.place(key), "names a zone twice");
    if (!zones.empty()) kept[key] = zones;
  }
  parameters.refuse_unknown();
  if (kept.empty()) problems.add("parameters", "sets nothing; allowed: master_azs, worker_azs");
  return kept;
}

// Arguments by which a tenant would get at the operator's side of a cluster, or take its identities apart.
// The release sets them.
bool is_reserved(const std::string& argument) {
  static constexpr std::array words = {"kubeconfig", "cert",         "key",      "ca-file",  "token",
                                       "auth",       "bind-address", "port",     "hostname", "etcd",
                                       "root-dir",   "container",    "provider", "data-dir", "config",
                                       "user",       "cloud"};
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return argument.find(word) != std::string::npos; });
}

// Of these it is known what they do and which text they take.
bool is_validated(const std::string& component, const std::string& argument) {
  static const std::set<std::pair<std::string, std::string>> known = {
      {"kube-apiserver", "service-node-port-range"},
      {"kube-apiserver", "default-not-ready-toleration-seconds"},
      {"kube-apiserver", "default-unreachable-toleration-seconds"},
      {"kube-apiserver", "event-ttl"},
      {"kube-apiserver", "max-requests-inflight"},
      {"kube-apiserver", "max-mutating-requests-inflight"},
      {"kube-controller-manager", "terminated-pod-gc-threshold"},
      {"kube-controller-manager", "node-monitor-grace-period"},
      {"kubelet", "max-pods"},
      {"kubelet", "pods-per-core"},
      {"kubelet", "image-gc-high-threshold"},
      {"kubelet", "image-gc-low-threshold"}};
  return known.contains({component, argument});
}

void check_arguments(const Json& arguments, const std::string& component, bool experimental,
                     const std::string& place, Problems& problems) {
  for (const auto& [name, value] : arguments.items()) {
    const auto here = place + "." + name.substr(0, 80);
    if (!is_word(name, 80, "-")) {
      problems.add(here, "is no argument's name");
    } else if (is_reserved(name)) {
      problems.add(here, "is set by the cluster's release and nobody else");
    } else if (!experimental && !is_validated(component, name)) {
      problems.add(here, "is not validated for " + component + "; put it under experimental_customizations");
    }
    if (!value.is_string() || value.get_ref<const std::string&>().size() > max_argument ||
        value.get_ref<const std::string&>().find_first_of(std::string("\0\n\r", 3)) != std::string::npos) {
      problems.add(here, "has to be one line of text of at most " + std::to_string(max_argument) + " bytes");
    }
  }
}

Json checked_customizations(JsonReader& in, const char* key, bool experimental, Problems& problems) {
  Json kept = Json::array();
  const auto& list = in.array_or_empty(key);
  if (list.size() > max_entries)
    problems.add(key, "has more than " + std::to_string(max_entries) + " entries");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < std::min(list.size(), max_entries); ++i) {
    const auto place = std::string(key) + "[" + std::to_string(i) + "]";
    JsonReader entry(list[i], place, problems);
    const auto component = entry.string("component");
    if (std::find(std::begin(kubernetes_components), std::end(kubernetes_components), component) ==
        std::end(kubernetes_components)) {
      std::string all;
      for (const auto* one : kubernetes_components) all += (all.empty() ? "" : ", ") + std::string(one);
      problems.add(place + ".component", "is '" + component.substr(0, 80) + "', allowed: " + all);
    }
    if (!seen.insert(component).second)
      problems.add(place + ".component", "'" + component + "' is there twice");
    const auto& arguments = entry.object_or_empty("arguments");
    check_arguments(arguments, component, experimental, place + ".arguments", problems);
    if (!entry.object_or_empty("file-arguments").empty()) {
      problems.add(place + ".file-arguments", "files are not taken; leave it empty");
    }
    entry.refuse_unknown();
    kept.push_back({{"component", component}, {"arguments", arguments}, {"file-arguments", Json::object()}});
  }
  return kept;
}

}  // namespace

Json checked_profile(const std::string& kind, JsonReader& in, Problems& problems) {
  if (kind == network_profile) return checked_network(in, problems);
  if (kind == compute_profile) return checked_compute(in, problems);
  Json kept = {{"customizations", checked_customizations(in, "customizations", false, problems)},
               {"experimental_customizations",
                checked_customizations(in, "experimental_customizations", true, problems)}};
  if (kept["customizations"].empty() && kept["experimental_customizations"].empty()) {
    problems.add("customizations", "sets nothing, and experimental_customizations neither");
  }
  return kept;
}

}  // namespace slipway::pks
