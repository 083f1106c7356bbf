#include "director/metrics.hpp"

#include <fstream>

namespace slipway::director {

namespace {

std::string metric(const std::string& name, const std::string& help, std::size_t value) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n" + name + " " +
         std::to_string(value) + "\n";
}

std::size_t count(Tasks& tasks, TaskState state) {
  TaskFilter filter;
  filter.states = {state};
  filter.limit = 100000;
  filter.include_internal = true;
  return tasks.list(filter).size();
}

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  status >> total >> resident;
  return resident * 4096;
}

std::string metrics_text(Tasks& tasks, Stores& stores) {
  return metric("slipway_director_tasks_processing", "Tasks that run now.",
                count(tasks, TaskState::processing)) +
         metric("slipway_director_tasks_queued", "Tasks that wait.", count(tasks, TaskState::queued)) +
         metric("slipway_director_deployments", "Deployments.", stores.deployments.all().size()) +
         metric("slipway_director_vms", "VMs, compilation VMs included.", stores.vms.all().size()) +
         metric("slipway_director_orphaned_disks", "Disks kept for a while after their instance went.",
                stores.disks.orphaned().size()) +
         metric("process_resident_memory_bytes", "Resident memory.", resident_bytes());
}

}  // namespace

http::Handler with_metrics(http::Handler handler, Tasks& tasks, Stores& stores) {
  return [handler = std::move(handler), &tasks, &stores](http::Request& request) {
    if (request.method == "GET" && request.path == "/healthz") return http::Response::text(200, "ok\n");
    if (request.method == "GET" && request.path == "/metrics") {
      return http::Response::text(200, metrics_text(tasks, stores), "text/plain; version=0.0.4");
    }
    return handler(request);
  };
}

}  // namespace slipway::director
