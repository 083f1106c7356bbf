#include "director/executor/bodies.hpp"

#include <set>

#include "base/json_text.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/reader.hpp"
#include "director/executor/deploy.hpp"
#include "director/executor/export_release.hpp"
#include "director/executor/instance_action.hpp"
#include "director/executor/recorded_action.hpp"

namespace slipway::director {

namespace {

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

// To what runs: the last manifest that succeeded, with the configs and variables it ran with.
DeployRequest converging(const DeploymentRecord& deployment) {
  DeployRequest request{.deployment = deployment.name, .manifest = deployment.manifest, .keep_manifest = true};
  if (deployment.cloud_config_ids.empty()) return request;
  request.configs = {deployment.cloud_config_ids, deployment.runtime_config_ids};
  return request;
}

// What a diff answered and `bosh deploy` sends back: the configs the operator was shown.
ConfigChoice shown_configs(const Json& query) {
  ConfigChoice choice;
  const auto text = text_or_empty(query, "context");
  if (text.empty()) return choice;
  const Json context = parse_json(text, "context");
  Problems problems;
  HashReader in(context, "context", problems);
  for (auto [key, target] : {std::pair{"cloud_config_ids", &choice.cloud}, std::pair{"runtime_config_ids", &choice.runtime}}) {
    if (!in.has(key)) continue;
    for (const auto& id : in.array_or_empty(key)) {
      if (!id.is_number_integer()) in.complain(key, "holds " + shown(id) + ", expected are ids", code::wrong_type);
      else (*target ? **target : target->emplace()).push_back(id.get<std::int64_t>());
    }
    if (!*target) target->emplace();
  }
  problems.throw_if_any("options");
  // A first look at a director without a cloud config gives an empty list: the latest is meant.
  if (choice.cloud && choice.cloud->empty()) choice.cloud.reset();
  return choice;
}

// Which manifest an operator's command converges to, so that nobody is surprised by an old one.
void tell_revision(TaskContext& task, const DeploymentRecord& deployment) {
  const auto when = deployment.succeeded_at ? " of " + to_rfc3339(*deployment.succeeded_at) : "";
  const auto name = "manifest revision " + std::to_string(deployment.revision) + when;
  TaskContext::Stage stage(task, "Converging", 1);
  stage.run(name, [](TaskContext::Step&) {});
  if (deployment.attempted_manifest == deployment.manifest) return;
  task.warning("the last deploy of '" + deployment.name + "' did not succeed; this goes by " + name +
               ", not by the manifest attempted since. `--no-converge` goes by what the instance was last deployed as");
}

// A dry run writes nothing, not even that it was.
std::string deploy(Services& services, JobTemplateCache& templates, TaskContext& task, DeployRequest request) {
  const auto run = [&] { return Deploy(services, templates, task, std::move(request)).run(); };
  if (request.options.dry_run) return run();
  const auto& name = task.task().deployment;
  const auto before = services.stores.deployments.find(name);
  const bool first = !before || before->manifest.empty();
  return recorded(services, task, {first ? "create" : "update", "deployment", name, name},
                  [&](EventSubject&) { return run(); });
}

// `--no-converge`.
std::string act(Services& services, TaskContext& task, const std::string& deployment) {
  const auto& arguments = task.task().arguments;
  const auto options = options_of(arguments);
  return act_on_instance(services, task,
                         {.deployment = deployment,
                          .instance = InstanceId{text_or_empty(arguments, "instance")},
                          .action = text_or_empty(arguments, "action"),
                          .hard = truth(options, "hard"),
                          .skip_drain = truth(options, "skip_drain") || text_or_empty(options, "skip_drain") == "*",
                          .ignore_unresponsive_agent = truth(options, "ignore_unresponsive_agent")});
}

}  // namespace

std::string change_instances(Services& services, JobTemplateCache& templates, TaskContext& task) {
  const auto& arguments = task.task().arguments;
  const auto deployment = existing(services, text_or_empty(arguments, "deployment"));
  if (truth(options_of(arguments), "no_converge")) return act(services, task, deployment.name);
  if (deployment.manifest.empty()) {
    throw Error(
        Fault::conflict,
        "deployment '" + deployment.name + "' has not been deployed with success yet; deploy it first",
        190014);
  }
  auto request = converging(deployment);
  request.options = deploy_options(options_of(arguments));
  auto& options = request.options;
  options.only_group = text_or_empty(arguments, "group") == "*" ? "" : text_or_empty(arguments, "group");
  options.only_instance = text_or_empty(arguments, "instance");
  const auto state = text_or_empty(arguments, "state");
  if (state == "recreate") {
    options.recreate = true;
  } else if (state == "restart") {
    options.restart = true;
  } else {
    options.set_state = instance_state_from_string(state);
  }
  tell_revision(task, deployment);
  return deploy(services, templates, task, std::move(request));
}

DeployOptions deploy_options(const Json& query) {
  DeployOptions options;
  options.recreate = truth(query, "recreate");
  options.fix = truth(query, "fix");
  options.dry_run = truth(query, "dry_run");
  options.recreate_persistent_disks = truth(query, "recreate_persistent_disks");
  options.skip_drain = comma_list(text_or_empty(query, "skip_drain"));
  Problems problems;
  for (auto [key, target] :
       {std::pair{"canaries", &options.canaries}, std::pair{"max_in_flight", &options.max_in_flight}}) {
    const auto text = text_or_empty(query, key);
    if (text.empty()) continue;
    if (!Amount::parse(text))
      problems.add(key, "is '" + text + "'; a number or a percentage such as 2 or 30% is allowed", 40005);
    *target = text;
  }
  if (const auto before = text_or_empty(query, "recreate_vms_created_before"); !before.empty()) {
    options.recreate_vms_created_before = parse_rfc3339(before);
  }
  problems.throw_if_any("options");
  return options;
}

void register_deployment_tasks(TaskQueue& queue, Services& all, JobTemplateCache& templates) {
  const auto add = held_types(queue, all);
  add("create_deployment", [&](Services& services, TaskContext& task) {
    DeployRequest request{.manifest = text_or_empty(task.task().arguments, "manifest"),
                          .options = deploy_options(options_of(task.task().arguments)),
                          .configs = shown_configs(options_of(task.task().arguments))};
    return deploy(services, templates, task, std::move(request));
  });
  add("delete_deployment", [](Services& services, TaskContext& task) {
    const auto& arguments = task.task().arguments;
    const DeleteRequest request{.deployment = text_or_empty(arguments, "name"),
                                .force = truth(arguments, "force"),
                                .delete_disks = truth(arguments, "delete_disks")};
    return recorded(services, task, {"delete", "deployment", request.deployment, request.deployment},
                    [&](EventSubject&) { return delete_deployment(services, task, request); });
  });
  add("change_instances",
      [&](Services& services, TaskContext& task) { return change_instances(services, templates, task); });
  add("export_release", [](Services& services, TaskContext& task) {
    const auto& arguments = task.task().arguments;
    return export_release(services, task,
                          {.deployment = text_or_empty(arguments, "deployment"),
                           .release = text_or_empty(arguments, "release"),
                           .version = text_or_empty(arguments, "version"),
                           .stemcell_os = text_or_empty(arguments, "stemcell_os"),
                           .stemcell_version = text_or_empty(arguments, "stemcell_version"),
                           .sha256 = truth(arguments, "sha256"),
                           .jobs = arguments.value("jobs", std::vector<std::string>())});
  });
  add(
      "fetch_instances",
      [](Services& services, TaskContext& task) {
        const auto& arguments = task.task().arguments;
        list_instances(services, task, existing(services, text_or_empty(arguments, "deployment")).name,
                       truth(arguments, "only_with_vm"));
        return std::string();
      },
      true);
}

}  // namespace slipway::director
