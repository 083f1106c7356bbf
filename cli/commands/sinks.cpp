#include "base/file.hpp"
#include "cli/changes_view.hpp"
#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

// syslog-tls://HOST[:PORT]. What a host and a port may be is the API's to say.
Json parsed_sink_url(const std::string& url) {
  constexpr std::string_view scheme = "syslog-tls://";
  const auto refuse = [&]() -> UsageError {
    return UsageError("'" + printable(url) + "' is no place for logs; expected is syslog-tls://HOST or syslog-tls://HOST:PORT");
  };
  if (!url.starts_with(scheme)) throw refuse();
  auto host = url.substr(scheme.size());
  Json sink = {{"type", "syslog-tls"}};
  if (const auto colon = host.rfind(':'); colon != std::string::npos) {
    const auto port = host.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) throw refuse();
    sink["port"] = std::stoi(port);
    host.resize(colon);
  }
  if (host.empty() || host.find_first_of("/:@?#") != std::string::npos) throw refuse();
  sink["host"] = host;
  return sink;
}

// Shows what `method` of `target` would do, asks, and has it done.
void order(Terminal& terminal, Clock& clock, const std::string& method, const std::string& target, const std::string& body,
           const std::string& cluster, const OrderFlags& flags) {
  CredentialsFile file(terminal);
  Api api(file);
  const auto preview = api.call(method, target + "?dry_run=true", body);
  terminal.err << "Cluster " << cluster << ":\n" << changes_text(preview);
  flags.require_consent(terminal, "Are you sure you want to update cluster " + cluster + "?");
  end_order(terminal, api, clock, api.call(method, target, body), cluster, "UPDATE", flags);
}

}  // namespace

Manual ListSinks::manual() {
  return {"sinks", {}, "CLUSTER-NAME", "List where the logs of a cluster go", {"pks sinks demo", "pks sinks demo --json"}};
}

int ListSinks::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  const auto sinks = Api(file).get("/v1/clusters/" + name + "/sinks");
  if (json) {
    terminal.out << sinks.dump(2) << "\n";
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& sink : sinks) {
    const auto peer = field(sink, "permitted_peer");
    rows.push_back({field(sink, "name"), sink_url(sink), field(sink, "ca_cert").empty() ? "the nodes'" : "own",
                    peer.empty() ? field(sink, "host") : peer});
  }
  terminal.out << "\n" << table({"Name", "URL", "CA", "Permitted Peer"}, rows) << "\n";
  return exit_ok;
}

Manual CreateSink::manual() {
  return {"create-sink",
          {},
          "CLUSTER-NAME URL",
          "Send the logs of a cluster, and of its pods, to a syslog server over TLS",
          {"pks create-sink demo --name audit syslog-tls://logs.example.org",
           "pks create-sink demo --name audit syslog-tls://10.0.0.9:6514 --ca-cert ca.crt --permitted-peer logs.example.org "
           "--wait"}};
}

int CreateSink::run(const Words& words) {
  std::string name, ca_file, peer;
  OrderFlags flags;
  CommandLine line(manual());
  line.flags()("name", po::value(&name)->required(), "name of the sink: lower case letters, digits and dashes")(
      "ca-cert", po::value(&ca_file), "PEM file of the authority of the server's certificate; else the nodes know it")(
      "permitted-peer", po::value(&peer), "name that the certificate has to have, or *.DOMAIN; else the URL's host");
  flags.add_to(line);
  line.parse(words);
  const auto cluster = checked_cluster_name(line.argument(0));
  auto sink = parsed_sink_url(line.argument(1));
  sink["name"] = name;
  if (!ca_file.empty()) sink["ca_cert"] = read_file(ca_file);
  if (!peer.empty()) sink["permitted_peer"] = peer;
  order(terminal, clock, "POST", "/v1/clusters/" + cluster + "/sinks", dump(sink), cluster, flags);
  return exit_ok;
}

Manual DeleteSink::manual() {
  return {"delete-sink",
          {},
          "CLUSTER-NAME SINK-NAME",
          "Send the logs of a cluster to one of its sinks no more; what waits for it is lost",
          {"pks delete-sink demo audit", "pks delete-sink demo audit --wait --non-interactive"}};
}

int DeleteSink::run(const Words& words) {
  OrderFlags flags;
  CommandLine line(manual());
  flags.add_to(line);
  line.parse(words);
  const auto cluster = checked_cluster_name(line.argument(0));
  order(terminal, clock, "DELETE", "/v1/clusters/" + cluster + "/sinks/" + http::url_encode(line.argument(1)), "", cluster,
        flags);
  return exit_ok;
}

}  // namespace slipway::cli
