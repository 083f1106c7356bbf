#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual Resize::manual() {
  return {"resize",
          {},
          "CLUSTER-NAME",
          "Change the number of nodes of a cluster",
          {"pks resize demo --num-nodes 5", "pks resize demo -n 3 --wait --non-interactive"}};
}

int Resize::run(const Words& words) {
  int nodes = 0;
  OrderFlags flags;
  CommandLine line(manual());
  line.flags()("num-nodes,n", po::value(&nodes)->required(), "number of nodes it shall have");
  flags.add_to(line);
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  flags.require_consent(terminal, "Are you sure you want to resize cluster " + name + " to " + std::to_string(nodes) + " nodes?");
  auto cluster = api.call("PATCH", "/v1/clusters/" + name, dump({{"kubernetes_worker_instances", nodes}}));
  end_order(terminal, api, clock, std::move(cluster), name, "UPDATE", flags);
  return exit_ok;
}

}  // namespace slipway::cli
