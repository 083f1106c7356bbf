#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual ShowCluster::manual() {
  return {"cluster",
          {},
          "CLUSTER-NAME",
          "Show one cluster",
          {"pks cluster demo", "pks cluster demo --details", "pks cluster demo --json"}};
}

int ShowCluster::run(const Words& words) {
  bool json = false, details = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer")("details", po::bool_switch(&details),
                                                                   "more about it");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  const auto cluster = Api(file).get((details ? "/v1/clusterdetails/" : "/v1/clusters/") + name);
  if (json) {
    terminal.out << cluster.dump(2) << "\n";
  } else {
    terminal.out << "\n" << (details ? cluster_details_block(cluster) : cluster_block(cluster)) << "\n";
  }
  return exit_ok;
}

}  // namespace slipway::cli
