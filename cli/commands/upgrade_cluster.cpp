#include "cli/changes_view.hpp"
#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual UpgradeCluster::manual() {
  return {"upgrade-cluster",
          {},
          "CLUSTER-NAME",
          "Bring a cluster to its plan as it is offered now, with the newest releases and stemcells",
          {"pks upgrade-cluster demo --wait", "pks upgrade-cluster demo --rollback --non-interactive"}};
}

int UpgradeCluster::run(const Words& words) {
  bool rollback = false;
  OrderFlags flags{.timeout = 14400};
  CommandLine line(manual());
  line.flags()("rollback", po::bool_switch(&rollback), "after an upgrade that failed: back to how it was");
  flags.add_to(line);
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  const auto target = "/v1/clusters/" + name + "/upgrade";
  if (!rollback) {
    const auto preview = api.call("POST", target + "?dry_run=true", "");
    terminal.err << "Cluster " << name << ":\n" << changes_text(preview);
  }
  const std::string verb = rollback ? "roll back" : "upgrade";
  flags.require_consent(terminal, "Are you sure you want to " + verb + " cluster " + name + "?");
  auto cluster = api.call("POST", target + (rollback ? "?rollback=true" : ""), "");
  end_order(terminal, api, clock, std::move(cluster), name, "UPGRADE", flags);
  return exit_ok;
}

}  // namespace slipway::cli
