#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual Certificates::manual() {
  return {"certificates",
          {},
          "CLUSTER-NAME",
          "List the certificates of a cluster that expire soon",
          {"pks certificates demo", "pks certificates demo --days 36500", "pks certificates demo --json"}};
}

int Certificates::run(const Words& words) {
  bool json = false;
  long days = 0;
  CommandLine line(manual());
  line.flags()("days,d", po::value(&days)->default_value(180), "only those that expire within so many days")(
      "json", po::bool_switch(&json), "the API's answer, of those");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  auto list = Json::array();
  for (const auto& one : Api(file).get("/v1/clusters/" + name + "/certificates")) {
    if (one.value("days_left", 0L) <= days) list.push_back(one);
  }
  if (json) {
    terminal.out << list.dump(2) << "\n";
  } else if (list.empty()) {
    terminal.out << "No certificate of cluster " << name << " expires within " << days << " days.\n";
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list)
      rows.push_back({field(one, "name"), field(one, "type"), field(one, "days_left"), field(one, "valid_until")});
    terminal.out << "\n" << table({"Name", "Type", "Days Left", "Valid until"}, rows) << "\n";
  }
  return exit_ok;
}

Manual RotateCertificates::manual() {
  return {"rotate-certificates",
          {"rotate-certs"},
          "CLUSTER-NAME",
          "Make the certificates of a cluster anew, all but its CAs; no node is recreated",
          {"pks rotate-certificates demo --wait", "pks rotate-certificates demo --non-interactive"}};
}

int RotateCertificates::run(const Words& words) {
  OrderFlags flags;
  CommandLine line(manual());
  flags.add_to(line);
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  flags.require_consent(terminal, "The programs of cluster " + name +
                                      " are started anew, on one node after the other. Are you sure you want to "
                                      "rotate its certificates?");
  auto cluster = api.call("POST", "/v1/clusters/" + name + "/certificates/rotate", "");
  end_order(terminal, api, clock, std::move(cluster), name, "UPDATE", flags);
  return exit_ok;
}

}  // namespace slipway::cli
