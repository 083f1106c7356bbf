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
