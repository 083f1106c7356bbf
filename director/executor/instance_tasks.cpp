#include "director/executor/instance_tasks.hpp"

#include "director/executor/errands.hpp"
#include "director/executor/fetch_logs.hpp"
#include "director/executor/ssh.hpp"

namespace slipway::director {

namespace {

std::string text_of(const Json& arguments, const char* key) { return arguments.at(key).get<std::string>(); }

std::vector<InstanceId> ids_of(const Json& arguments) {
  std::vector<InstanceId> ids;
  for (const auto& id : arguments.at("instances")) ids.push_back(InstanceId{id.get<std::string>()});
  return ids;
}

}  // namespace

void register_instance_tasks(TaskQueue& queue, Services& all, JobTemplateCache& templates) {
  const auto add = held_types(queue, all);
  add("run_errand", [&](Services& services, TaskContext& task) {
    const auto& arguments = task.task().arguments;
    return run_errand(services, templates, task, text_of(arguments, "deployment"),
                      read_errand_request(text_of(arguments, "errand"), arguments.at("request")));
  });
  add("fetch_logs", [](Services& services, TaskContext& task) {
    const auto& arguments = task.task().arguments;
    return fetch_logs(services, task, text_of(arguments, "deployment"), ids_of(arguments),
                      read_logs_request(arguments.at("request")));
  });
  add(
      "ssh",
      [](Services& services, TaskContext& task) {
        const auto& arguments = task.task().arguments;
        const auto deployment = text_of(arguments, "deployment");
        ssh(services, task, deployment, read_ssh_request(deployment, arguments.at("request")));
        return std::string();
      },
      true);
}

}  // namespace slipway::director
