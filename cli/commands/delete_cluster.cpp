#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"
#include "cli/wait.hpp"

namespace slipway::cli {

Manual DeleteCluster::manual() {
  return {"delete-cluster",
          {},
          "CLUSTER-NAME",
          "Delete a cluster with its disks; stops a creation that is under way",
          {"pks delete-cluster demo", "pks delete-cluster demo --wait --non-interactive"}};
}

int DeleteCluster::run(const Words& words) {
  OrderFlags flags{.answer = "the outcome as JSON"};
  CommandLine line(manual());
  flags.add_to(line);
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  flags.require_consent(terminal, "Are you sure you want to delete cluster " + name + "?", "Nothing was deleted.");
  api.call("DELETE", "/v1/clusters/" + name, "");
  if (flags.wait) Waiter(terminal, api, clock, flags.json).wait(name, "DELETE", flags.limit());
  if (flags.json) {
    terminal.out << Json({{"name", name}, {"deleted", flags.wait}}).dump(2) << "\n";
  } else if (flags.wait) {
    terminal.out << "Cluster " << name << " is deleted.\n";
  } else {
    terminal.out << "Deletion of " << name << " in progress\nUse 'pks cluster " << name
                 << "' to monitor it: it is deleted when it is not found\n";
  }
  return exit_ok;
}

}  // namespace slipway::cli
