#include "director/executor/fetch_logs.hpp"

#include <algorithm>

#include "base/archive.hpp"
#include "base/file.hpp"
#include "base/json_text.hpp"
#include "base/parallel.hpp"
#include "director/domain/error_codes.hpp"
#include "director/executor/blob_urls.hpp"
#include "director/executor/vm_steps.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

namespace {

constexpr int instance_not_found = 70001;

struct Source {
  InstanceRecord instance;
  AgentId agent;
  FetchedLogs logs;
  std::optional<Error> failure;

  std::string name() const { return instance.group + "/" + instance.id.value; }
};

std::vector<Source> sources_of(Stores& stores, const std::string& deployment,
                               const std::vector<InstanceId>& instances) {
  std::vector<Source> sources;
  for (const auto& id : instances) {
    auto instance = stores.instances.find(id);
    if (!instance || instance->deployment != deployment) continue;
    const auto vm = stores.vms.active_of(id);
    if (vm) sources.push_back({.instance = std::move(*instance), .agent = vm->agent});
  }
  if (!sources.empty()) return sources;
  throw Error(Fault::not_found,
              "No appropriate instance with a VM was found in deployment '" + deployment + "'",
              instance_not_found);
}

void keep_for_a_while(Services& services, const BlobId& blob, const std::string& deployment) {
  services.stores.temporary_blobs.add(blob, deployment,
                                      services.clock.now() + services.settings.logs_lifetime);
}

// "2026-01-02-03-04-05"
std::string time_in_name(Timestamp time) {
  auto text = to_rfc3339(time);
  std::replace_if(text.begin(), text.end(), [](char c) { return c == 'T' || c == ':'; }, '-');
  text.resize(text.find('Z'));
  return text;
}

// Without a limit a lost message is sent again; with one there is no time for that.
Json ask_for_logs(Services& services, TaskContext& task, const AgentId& agent, const std::string& method,
                  const Json& arguments, std::chrono::milliseconds limit) {
  auto conversation = VmSteps(services, task).agent(agent);
  if (limit.count() == 0) return conversation.run(method, arguments);
  auto answer = services.agents.request(agent, method, arguments, limit);
  const auto running = agent::running_task_id(answer);
  return running ? conversation.await(*running, limit) : answer;
}

// The agent chooses the blob.
FetchedLogs logs_named(Services& services, TaskContext& task, const AgentId& agent, const LogsRequest& request,
                       std::chrono::milliseconds limit) {
  const Json answer =
      ask_for_logs(services, task, agent, "fetch_logs", Json::array({request.types, request.filters}), limit);
  return {BlobId{text_or_empty(answer, "blobstore_id")}, text_or_empty(answer, "sha1")};
}

// The director does, and notes that it goes before the agent can have stored anything.
FetchedLogs logs_put(Services& services, TaskContext& task, const InstanceRecord& instance, const AgentId& agent,
                     const LogsRequest& request, std::chrono::milliseconds limit) {
  const BlobId blob{services.random.uuid()};
  keep_for_a_while(services, blob, instance.deployment);
  const Json arguments = {{"signed_url", url_to_put(services.settings, blob)},
                          {"log_type", request.types},
                          {"filters", request.filters},
                          {"blobstore_headers", Json::object()}};
  const Json answer =
      ask_for_logs(services, task, agent, "fetch_logs_with_signed_url", Json::array({arguments}), limit);
  return {blob, text_or_empty(answer, "sha1")};
}

// Packed already, so nothing is gained by trying again.
constexpr int store_only = 0;

BlobId pack(Services& services, const std::vector<Source>& sources) {
  const TempDir folder("logs", services.settings.work_folder);
  const auto archive = folder.path() / "logs.tgz";
  const auto now = time_in_name(services.clock.now());
  ArchiveWriter writer(archive, store_only);
  for (const auto& source : sources) {
    if (source.failure) continue;
    const auto name = source.instance.group + "." + source.instance.id.value + "." + now + ".tgz";
    writer.add_file(name, services.blobs.path(source.logs.blob), 0644);
  }
  writer.finish();
  return services.blobs.put_file(archive).id;
}

}  // namespace

void remove_temporary_blob(Services& services, const BlobId& blob) {
  services.blobs.remove(blob);
  services.stores.temporary_blobs.remove(blob);
}

FetchedLogs fetch_logs_within(Services& services, TaskContext& task, const InstanceRecord& instance,
                              const AgentId& agent, const LogsRequest& request, std::chrono::milliseconds limit) {
  const auto vm = services.stores.vms.find(agent);
  const bool signs = vm && takes_signed_urls(services.settings, vm->stemcell_api_version);
  auto logs = signs ? logs_put(services, task, instance, agent, request, limit)
                    : logs_named(services, task, agent, request, limit);
  // The blob goes in the end: an agent must not get rid of another one by naming it.
  if (logs.blob.empty() || !services.blobs.exists(logs.blob) || services.stores.releases.blob_in_use(logs.blob)) {
    throw Error(Fault::internal, "the agent of " + instance.group + "/" + instance.id.value +
                                     " says it packed its logs, but " +
                                     (signs ? "did not store them" : "names no blob of them"),
                code::no_blob_of_agent);
  }
  if (!signs) keep_for_a_while(services, logs.blob, instance.deployment);
  return logs;
}

FetchedLogs fetch_instance_logs(Services& services, TaskContext& task, const InstanceRecord& instance,
                                const AgentId& agent, const LogsRequest& request) {
  FetchedLogs logs;
  TaskContext::Stage stage(task, "Fetching logs for " + instance.name(), 1);
  stage.run("Finding and packing log files", [&](TaskContext::Step&) {
    logs = fetch_logs_within(services, task, instance, agent, request, std::chrono::milliseconds{0});
  });
  return logs;
}

std::string fetch_logs(Services& services, TaskContext& task, const std::string& deployment,
                       const std::vector<InstanceId>& instances, const LogsRequest& request) {
  remove_expired_blobs(services);
  auto sources = sources_of(services.stores, deployment, instances);
  if (sources.size() == 1) {
    const auto& only = sources.front();
    return fetch_instance_logs(services, task, only.instance, only.agent, request).blob.value;
  }
  parallel_for(sources.size(), services.settings.max_parallel, [&](std::size_t i) {
    auto& source = sources[i];
    task.checkpoint();
    try {
      source.logs = fetch_instance_logs(services, task, source.instance, source.agent, request);
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      source.failure = error;
    }
  });
  for (const auto& source : sources) {
    if (source.failure) task.warning("no logs of " + source.name() + ": " + source.failure->what());
  }
  const auto failed = [](const Source& source) { return source.failure.has_value(); };
  if (std::all_of(sources.begin(), sources.end(), failed)) throw *sources.front().failure;
  BlobId packed;
  TaskContext::Stage stage(task, "Fetching group of logs", 1);
  stage.run("Packing log files together", [&](TaskContext::Step&) {
    packed = pack(services, sources);
    keep_for_a_while(services, packed, deployment);
  });
  for (const auto& source : sources) {
    if (!source.failure) remove_temporary_blob(services, source.logs.blob);
  }
  return packed.value;
}

std::size_t remove_expired_blobs(Services& services) {
  const auto expired = services.stores.temporary_blobs.expired(services.clock.now());
  for (const auto& blob : expired) remove_temporary_blob(services, blob);
  return expired.size();
}

}  // namespace slipway::director
