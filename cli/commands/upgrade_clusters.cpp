#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"
#include "cli/task_watch.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

Json listed(const std::string& text) {
  Json names = Json::array();
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    names.push_back(checked_cluster_name(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return names;
}

}  // namespace

Manual UpgradeClusters::manual() {
  return {"upgrade-clusters",
          {},
          "",
          "Upgrade many clusters: canaries one by one, then the others",
          {"pks upgrade-clusters --clusters a,b,c --max-in-flight 2",
           "pks upgrade-clusters --clusters a,b,c --canaries d --wait --non-interactive"}};
}

int UpgradeClusters::run(const Words& words) {
  std::string clusters, canaries;
  int in_flight = 0;
  OrderFlags flags{.waits = "tell of each cluster and return at the end", .timeout = 86400};
  CommandLine line(manual());
  line.flags()("clusters,c", po::value(&clusters)->required(), "names, joined by commas")(
      "canaries", po::value(&canaries),
      "names of those that go first; when one fails, nothing more is begun")(
      "max-in-flight", po::value(&in_flight)->default_value(1),
      "clusters upgraded at once after the canaries");
  flags.add_to(line);
  line.parse(words);
  const Json request = {
      {"clusters", listed(clusters)}, {"canaries", listed(canaries)}, {"max_in_flight", in_flight}};
  if (request.at("clusters").empty() && request.at("canaries").empty())
    throw UsageError("no cluster is named");
  CredentialsFile file(terminal);
  Api api(file);
  flags.require_consent(terminal, "Are you sure you want to upgrade clusters " + clusters +
                                      (canaries.empty() ? "" : ", and before them " + canaries) + "?");
  auto task = api.call("PATCH", "/v1/clusters", dump(request));
  const auto id = field(task, "uuid");
  if (!flags.json) {
    terminal.out << "Your taskID for the upgrade task is: " << id << "\nUse 'pks task " << id
                 << "' to monitor it, 'pks cancel-task " << id << "' to keep what is queued from beginning\n";
  }
  if (flags.wait) task = TaskWatch(terminal, api, clock, flags.json).wait(id, {}, flags.limit());
  if (flags.json) terminal.out << task.dump(2) << "\n";
  if (flags.wait) require_all_upgraded(task);
  return exit_ok;
}

}  // namespace slipway::cli
