#include "pks-api/clusters/sinks.hpp"

#include <algorithm>
#include <regex>
#include <set>
#include <vector>

#include "base/tls.hpp"

namespace slipway::pks {

namespace {

constexpr const char* sinks_blank = "sinks";
constexpr const char* syslog_tls = "syslog-tls";
constexpr std::int64_t syslog_tls_port = 6514;  // RFC 5425
constexpr std::size_t max_certificate_bytes = 64u << 10;

const std::regex& host_name() {
  static const std::regex allowed("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*");
  return allowed;
}

bool is_host(const std::string& text) { return text.size() <= 253 && std::regex_match(text, host_name()); }

void check_certificate(const std::string& pem, const std::string& place, Problems& problems) {
  if (pem.size() > max_certificate_bytes) {
    problems.add(place, "has more than " + std::to_string(max_certificate_bytes) + " bytes");
    return;
  }
  try {
    tls::inspect(pem);
  } catch (const Error&) {
    problems.add(place, "is no PEM certificate");
  }
}

Json read_sink(const Json& given, const std::string& place, Problems& problems) {
  static const std::regex label("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
  JsonReader in(given, place, problems);
  Json sink = {{"name", in.string("name")},
               {"type", in.string_or("type", syslog_tls)},
               {"host", in.string("host")},
               {"port", in.integer_or("port", syslog_tls_port, 1, 65535)}};
  const auto word = [&](const char* key) { return sink.at(key).get<std::string>(); };
  const auto shown = [](const std::string& value) { return "is '" + value.substr(0, 80) + "', "; };
  if (word("name").size() > 63 || !std::regex_match(word("name"), label)) {
    problems.add(in.place("name"), shown(word("name")) +
                                       "allowed are 1 to 63 lower case letters, digits and dashes, no dash at the ends");
  }
  if (word("type") != syslog_tls) problems.add(in.place("type"), shown(word("type")) + "allowed is " + syslog_tls);
  if (!is_host(word("host")))
    problems.add(in.place("host"), shown(word("host")) + "expected is a host name or an IPv4 address");
  if (const auto pem = in.string_or("ca_cert", ""); !pem.empty()) {
    check_certificate(pem, in.place("ca_cert"), problems);
    sink["ca_cert"] = pem;
  }
  if (const auto peer = in.string_or("permitted_peer", ""); !peer.empty()) {
    if (!is_host(peer.starts_with("*.") ? peer.substr(2) : peer))
      problems.add(in.place("permitted_peer"), shown(peer) + "expected is a host name, or one behind '*.'");
    sink["permitted_peer"] = peer;
  }
  in.refuse_unknown();
  return sink;
}

// As the job log_sinks of the release syslog has it.
Json destination(const Json& sink) {
  Json properties = {{"name", sink.at("name")}, {"address", sink.at("host")}, {"port", sink.at("port")}};
  for (const auto* key : {"ca_cert", "permitted_peer"}) {
    if (sink.contains(key)) properties[key] = sink.at(key);
  }
  return properties;
}

bool job_takes_sinks(const Json& job) { return dump(job).find(std::string("((") + sinks_blank + "))") != std::string::npos; }

// Of one group. Notes the releases of the jobs that stay and of those that do not.
void place_in_group(Json& group, const Json& destinations, std::set<std::string>& used, std::set<std::string>& left_out) {
  Json jobs = Json::array(), names = Json::array();
  std::vector<std::size_t> takers;  // of `jobs`
  for (const auto& job : group.value("jobs", Json::array())) {
    const bool takes = job_takes_sinks(job);
    if (!takes) names.push_back(job.value("name", ""));
    const bool stays = !takes || !destinations.empty();
    (stays ? used : left_out).insert(job.value("release", ""));
    if (!stays) continue;
    if (takes) takers.push_back(jobs.size());
    jobs.push_back(job);
  }
  for (const auto at : takers) jobs[at] = fill_all_blanks(jobs[at], {{sinks_blank, destinations}, {"sinks.jobs", names}});
  group["jobs"] = std::move(jobs);
}

}  // namespace

bool takes_sinks(const Plan& plan) { return plan.has_blank(sinks_blank); }

const Json& sinks_of(const ClusterRecord& cluster) {
  static const auto none = Json::array();
  const auto sinks = cluster.parameters.find("sinks");
  return sinks == cluster.parameters.end() ? none : *sinks;
}

Json read_sinks(const Json& given, const std::string& place, const Plan& plan, Problems& problems) {
  Json sinks = Json::array();
  if (!given.is_array() || given.size() > max_sinks) {
    problems.add(place, "must be a list of at most " + std::to_string(max_sinks) + " sinks");
    return sinks;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto here = place + "[" + std::to_string(i) + "]";
    sinks.push_back(read_sink(given[i], here, problems));
    const auto name = sinks.back().at("name").get<std::string>();
    if (!names.insert(name).second) problems.add(here + ".name", "'" + name.substr(0, 80) + "' is there twice");
  }
  if (!given.empty()) plan.require_blank(sinks_blank, place, problems);
  return sinks;
}

Json update_with_sink(const ClusterRecord& cluster, const Json& request) {
  Problems problems;
  refuse_blanks(request, "", problems);
  auto sink = read_sink(request, "", problems);
  problems.throw_if_any("sink");
  auto sinks = sinks_of(cluster);
  for (const auto& other : sinks) {
    if (other.at("name") == sink.at("name")) {
      throw Error(Fault::conflict, "Cluster " + cluster.name + " has a sink " + sink.at("name").get<std::string>() +
                                       " already; delete that first, or give another name");
    }
  }
  if (sinks.size() >= max_sinks) {
    throw Error(Fault::conflict, "Cluster " + cluster.name + " has " + std::to_string(max_sinks) +
                                     " sinks, which is the most; delete one first");
  }
  sinks.push_back(std::move(sink));
  return {{"sinks", sinks}};
}

Json update_without_sink(const ClusterRecord& cluster, const std::string& name) {
  Json sinks = Json::array();
  for (const auto& sink : sinks_of(cluster)) {
    if (sink.at("name") != name) sinks.push_back(sink);
  }
  if (sinks.size() == sinks_of(cluster).size())
    throw Error(Fault::not_found, "Sink " + name.substr(0, 80) + " of cluster " + cluster.name + " not found");
  return {{"sinks", sinks}};
}

void place_sinks(Json& manifest, const Json& sinks) {
  Json destinations = Json::array();
  for (const auto& sink : sinks) destinations.push_back(destination(sink));
  std::set<std::string> used, left_out;
  for (auto& group : manifest["instance_groups"]) place_in_group(group, destinations, used, left_out);
  if (left_out.empty() || !manifest.contains("releases")) return;
  Json releases = Json::array();
  for (const auto& release : manifest["releases"]) {
    const auto name = release.value("name", "");
    if (used.contains(name) || !left_out.contains(name)) releases.push_back(release);
  }
  manifest["releases"] = std::move(releases);
}

}  // namespace slipway::pks
