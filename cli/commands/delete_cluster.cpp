#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/wait.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual DeleteCluster::manual() {
  return {"delete-cluster",
          {},
          "CLUSTER-NAME",
          "Delete a cluster with its disks; stops a creation that is under way",
          {"pks delete-cluster demo", "pks delete-cluster demo --wait --non-interactive"}};
}

int DeleteCluster::run(const Words& words) {
  long timeout = 0;
  bool json = false, wait = false, quiet = false;
  CommandLine line(manual());
  line.flags()("wait", po::bool_switch(&wait), "show the progress and return at the end")(
      "timeout", po::value(&timeout)->default_value(3600), "seconds that --wait waits at most")(
      "json", po::bool_switch(&json), "the outcome as JSON")("non-interactive", po::bool_switch(&quiet),
                                                              "do not ask");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  if (!quiet && !confirm(terminal, "Are you sure you want to delete cluster " + name + "?")) {
    throw Exit(exit_declined, "Nothing was deleted.");
  }
  api.call("DELETE", "/v1/clusters/" + name, "");
  if (wait) Waiter(terminal, api, clock, json).wait(name, "DELETE", std::chrono::seconds(timeout));
  if (json) {
    terminal.out << Json({{"name", name}, {"deleted", wait}}).dump(2) << "\n";
  } else if (wait) {
    terminal.out << "Cluster " << name << " is deleted.\n";
  } else {
    terminal.out << "Deletion of " << name << " in progress\nUse 'pks cluster " << name
                 << "' to monitor it: it is deleted when it is not found\n";
  }
  return exit_ok;
}

}  // namespace slipway::cli
