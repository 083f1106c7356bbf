#include "director/executor/bodies.hpp"

#include <set>

#include "director/executor/deploy.hpp"

namespace slipway::director {

namespace {

std::string text_of(const Json& arguments, const char* key) {
  const auto found = arguments.find(key);
  return found == arguments.end() || !found->is_string() ? "" : found->get<std::string>();
}

bool truth(const Json& query, const char* key) {
  const auto found = query.find(key);
  if (found == query.end()) return false;
  return *found == true || *found == "true" || *found == "1";
}

std::vector<std::string> comma_list(const std::string& text) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text + ",") {
    if (c != ',') {
      part += c;
    } else if (!part.empty()) {
      parts.push_back(std::move(part));
      part.clear();
    }
  }
  return parts;
}

Json options_of(const Json& arguments) {
  const auto found = arguments.find("options");
  return found == arguments.end() || !found->is_object() ? Json::object() : *found;
}

DeploymentRecord existing(Services& services, const std::string& name) {
  auto deployment = services.stores.deployments.find(name);
  if (!deployment) throw Error(Fault::not_found, "deployment '" + name + "' does not exist", 70000);
  return *deployment;
}

// start, stop, restart, recreate: a deploy of what runs now, narrowed to some instances.
std::string change_instances(Services& services, JobTemplateCache& templates, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  const auto deployment = existing(services, text_of(arguments, "deployment"));
  if (deployment.manifest.empty()) {
    throw Error(
        Fault::conflict,
        "deployment '" + deployment.name + "' has not been deployed with success yet; deploy it first",
        190014);
  }
  DeployRequest request{.deployment = deployment.name,
                        .manifest = deployment.manifest,
                        .options = deploy_options(options_of(arguments)),
                        .keep_manifest = true};
  auto& options = request.options;
  options.only_group = text_of(arguments, "group") == "*" ? "" : text_of(arguments, "group");
  options.only_instance = text_of(arguments, "instance");
  const auto state = text_of(arguments, "state");
  if (state == "recreate") {
    options.recreate = true;
  } else if (state == "restart") {
    options.restart = true;
  } else {
    options.set_state = instance_state_from_string(state);
  }
  return Deploy(services, templates, task, std::move(request)).run();
}

}  // namespace

DeployOptions deploy_options(const Json& query) {
  DeployOptions options;
  options.recreate = truth(query, "recreate");
  options.fix = truth(query, "fix");
  options.dry_run = truth(query, "dry_run");
  options.recreate_persistent_disks = truth(query, "recreate_persistent_disks");
  options.skip_drain = comma_list(text_of(query, "skip_drain"));
  Problems problems;
  for (auto [key, target] :
       {std::pair{"canaries", &options.canaries}, std::pair{"max_in_flight", &options.max_in_flight}}) {
    const auto text = text_of(query, key);
    if (text.empty()) continue;
    if (!Amount::parse(text))
      problems.add(key, "is '" + text + "'; a number or a percentage such as 2 or 30% is allowed", 40005);
    *target = text;
  }
  if (const auto before = text_of(query, "recreate_vms_created_before"); !before.empty()) {
    options.recreate_vms_created_before = parse_rfc3339(before);
  }
  problems.throw_if_any("options");
  return options;
}

void register_deployment_tasks(TaskQueue& queue, Services& services, JobTemplateCache& templates) {
  queue.register_type("create_deployment", [&](TaskContext& task) {
    DeployRequest request{.manifest = text_of(task.task().arguments, "manifest"),
                          .options = deploy_options(options_of(task.task().arguments))};
    return Deploy(services, templates, task, std::move(request)).run();
  });
  queue.register_type("delete_deployment", [&](TaskContext& task) {
    const auto& arguments = task.task().arguments;
    return delete_deployment(services, task,
                             {.deployment = text_of(arguments, "name"),
                              .force = truth(arguments, "force"),
                              .delete_disks = truth(arguments, "delete_disks")});
  });
  queue.register_type("change_instances",
                      [&](TaskContext& task) { return change_instances(services, templates, task); });
  queue.register_type(
      "fetch_instances",
      [&](TaskContext& task) {
        const auto& arguments = task.task().arguments;
        list_instances(services, task, existing(services, text_of(arguments, "deployment")).name,
                       truth(arguments, "only_with_vm"));
        return std::string();
      },
      true);
}

}  // namespace slipway::director
