#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual ListClusters::manual() {
  return {"clusters", {"list-clusters"}, "", "List the clusters you may see", {"pks clusters", "pks clusters --json"}};
}

int ListClusters::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto clusters = Api(file).get("/v1/clusters");
  if (json) {
    terminal.out << clusters.dump(2) << "\n";
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& cluster : clusters) {
    rows.push_back({field(cluster, "pks_version"), field(cluster, "name"), field(cluster, "k8s_version"),
                    field(cluster, "plan_name"), field(cluster, "uuid"), field(cluster, "last_action_state"),
                    field(cluster, "last_action")});
  }
  terminal.out << "\n"
               << table({"PKS Version", "Name", "k8s Version", "Plan Name", "UUID", "Status", "Action"}, rows) << "\n";
  return exit_ok;
}

}  // namespace slipway::cli
