#include <algorithm>
#include <array>
#include <set>

#include "pks-api/plans/networks.hpp"
#include "pks-api/profiles/profiles.hpp"

namespace slipway::pks {

namespace {

constexpr std::size_t max_parameters = 64u << 10, max_entries = 100, max_argument = 4096;

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
  kept = checked_networks(parameters, problems);
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
