#include <fstream>

#include <unistd.h>

#include "pks-api/api/routes.hpp"

namespace slipway::pks {

namespace {

using http::Request;
using http::Response;

std::string gauge(const std::string& name, const std::string& help, std::size_t value) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n" + name + " " +
         std::to_string(value) + "\n";
}

// By uuid: whose clusters there are and what they are called is not for everybody who may read figures.
std::string cluster_figures(const std::vector<ClusterRecord>& clusters, std::int64_t now) {
  const auto name = [](const ClusterRecord& cluster) {
    return "cluster=\"" + label_text(cluster.uuid) + "\",plan=\"" + label_text(cluster.plan) + "\"";
  };
  std::string text =
      "# HELP slipway_pks_cluster_nodes Nodes that the cluster shall have.\n"
      "# TYPE slipway_pks_cluster_nodes gauge\n";
  for (const auto& c : clusters)
    text += "slipway_pks_cluster_nodes{" + name(c) + "} " + std::to_string(c.nodes) + "\n";
  text +=
      "# HELP slipway_pks_cluster_last_action The state of the last action, 1.\n"
      "# TYPE slipway_pks_cluster_last_action gauge\n";
  for (const auto& c : clusters) {
    text += "slipway_pks_cluster_last_action{" + name(c) + ",action=\"" + label_text(c.last_action) +
            "\",state=\"" + label_text(c.state) + "\"} 1\n";
  }
  text +=
      "# HELP slipway_pks_cluster_last_action_age_seconds Since the last action began.\n"
      "# TYPE slipway_pks_cluster_last_action_age_seconds gauge\n";
  for (const auto& c : clusters) {
    text += "slipway_pks_cluster_last_action_age_seconds{" + name(c) + "} " +
            std::to_string(std::max<std::int64_t>(0, now - to_epoch_seconds(c.started_at))) + "\n";
  }
  return text;
}

}  // namespace

http::Response metrics(Services& services) {
  std::size_t working = 0, broken = 0;
  const auto clusters = services.store.all();
  for (const auto& cluster : clusters) {
    if (cluster.state == in_progress) ++working;
    if (cluster.state == failed) ++broken;
  }
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return Response::text(
      200,
      services.counts.prometheus() + cluster_figures(clusters, to_epoch_seconds(services.clock.now())) +
          gauge("slipway_pks_clusters", "Clusters.", clusters.size()) +
          gauge("slipway_pks_clusters_in_progress", "Clusters whose last action is in progress.", working) +
          gauge("slipway_pks_clusters_failed", "Clusters whose last action failed.", broken) +
          gauge("slipway_pks_operations", "Operations that run or wait in this process.",
                services.operations.running()) +
          gauge("process_resident_memory_bytes", "Resident memory.",
                resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
      "text/plain; version=0.0.4");
}

}  // namespace slipway::pks
