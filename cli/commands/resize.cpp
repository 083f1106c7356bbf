#include "cli/commands/commands.hpp"
#include "cli/wait.hpp"

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
  long timeout = 0;
  bool json = false, wait = false, quiet = false;
  CommandLine line(manual());
  line.flags()("num-nodes,n", po::value(&nodes)->required(), "number of nodes it shall have")(
      "wait", po::bool_switch(&wait), "show the progress and return at the end")(
      "timeout", po::value(&timeout)->default_value(3600), "seconds that --wait waits at most")(
      "json", po::bool_switch(&json), "the API's answer")("non-interactive", po::bool_switch(&quiet),
                                                          "do not ask");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  if (!quiet && !confirm(terminal, "Are you sure you want to resize cluster " + name + " to " +
                                       std::to_string(nodes) + " nodes?")) {
    throw Exit(exit_declined, "Nothing was changed.");
  }
  auto cluster = api.call("PATCH", "/v1/clusters/" + name, dump({{"kubernetes_worker_instances", nodes}}));
  end_order(terminal, api, clock, std::move(cluster), name, "UPDATE", std::chrono::seconds(timeout), wait, json);
  return exit_ok;
}

}  // namespace slipway::cli
