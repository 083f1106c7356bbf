#include "cli/changes_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/wait.hpp"

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
  long timeout = 0;
  bool json = false, wait = false, quiet = false, rollback = false;
  CommandLine line(manual());
  line.flags()("rollback", po::bool_switch(&rollback), "after an upgrade that failed: back to how it was")(
      "wait", po::bool_switch(&wait), "show the progress and return at the end")(
      "timeout", po::value(&timeout)->default_value(14400), "seconds that --wait waits at most")(
      "json", po::bool_switch(&json), "the API's answer")("non-interactive", po::bool_switch(&quiet),
                                                          "do not ask");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  const auto target = "/v1/clusters/" + name + "/upgrade";
  if (!rollback) {
    terminal.err << "Cluster " << name << ":\n"
                 << changes_text(api.call("POST", target + "?dry_run=true", ""));
  }
  const std::string verb = rollback ? "roll back" : "upgrade";
  if (!quiet && !confirm(terminal, "Are you sure you want to " + verb + " cluster " + name + "?")) {
    throw Exit(exit_declined, "Nothing was changed.");
  }
  auto cluster = api.call("POST", target + (rollback ? "?rollback=true" : ""), "");
  end_order(terminal, api, clock, std::move(cluster), name, "UPGRADE", std::chrono::seconds(timeout), wait, json);
  return exit_ok;
}

}  // namespace slipway::cli
