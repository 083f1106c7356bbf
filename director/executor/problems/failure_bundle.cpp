#include "director/executor/problems/failure_bundle.hpp"

#include "base/archive.hpp"
#include "base/file.hpp"
#include "director/executor/fetch_logs.hpp"
#include "director/executor/recorded_action.hpp"
#include "director/executor/vm_steps.hpp"

namespace slipway::director {

namespace {

constexpr int store_only = 0;  // the parts are compressed already

}  // namespace

void FailureBundle::gather(const ActualInstance& instance, const std::string& reason, TaskContext::Step& step) {
  if (!services_.settings.failed_vms.bundles || !instance.vm || !instance.vm->cid) return;
  const auto vm = "VM " + instance.vm->cid->value;
  std::string error;
  try {
    const auto blob = gather_once(instance, reason);
    if (!blob.empty()) step.status("logs of " + vm + " are kept: /resources/" + blob);
    return;
  } catch (const Error& failure) {
    if (failure.fault() == Fault::cancelled) throw;
    error = failure.what();
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  task_.warning("no logs of " + vm + " are kept: " + error);
  tell(instance, "", "no logs of " + vm + " are kept", error);
}

// The journal knows the blob before it is there, and a row says when it goes: whoever comes back after a death in
// between stores the same one.
std::string FailureBundle::gather_once(const ActualInstance& instance, const std::string& reason) {
  const auto& vm = *instance.vm;
  auto& stores = services_.stores;
  const auto step = stores.journal.begin(task_.task().id, "failure_bundle", vm.agent.value,
                                         {{"blob", services_.random.uuid()}}, services_.clock.now());
  const BlobId blob{step.intent.at("blob").get<std::string>()};
  if (step.outcome) return step.outcome->value("blob", "");
  const auto finish = [&](const std::string& stored) {
    stores.journal.finish(step.id, {{"blob", stored}}, services_.clock.now());
  };
  if (!services_.blobs.exists(blob)) {
    const auto parts = parts_of(instance);
    if (parts.files.empty()) {
      finish("");
      std::string why;
      for (const auto& [what, error] : parts.missing.items())
        why += (why.empty() ? "" : "; ") + what + ": " + error.get<std::string>();
      throw Error(Fault::not_found, why);
    }
    store(blob, instance, reason, parts);
  }
  remove_surplus(vm.deployment);
  tell(instance, blob.value, "logs of VM " + vm.cid->value + " are kept: /resources/" + blob.value, "");
  finish(blob.value);
  return blob.value;
}

FailureBundle::Parts FailureBundle::parts_of(const ActualInstance& instance) {
  Parts parts;
  const auto attempt = [&](const std::string& name, const std::string& what, const auto& work) {
    try {
      auto content = work();
      if (content.size() > static_cast<std::size_t>(services_.settings.failed_vms.bundle_bytes))
        throw Error(Fault::exhausted, std::to_string(content.size()) + " bytes are too much");
      parts.files.emplace_back(name, std::move(content));
      return true;
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
      parts.missing[what] = error.what();
      return false;
    }
  };
  if (attempt("agent.tgz", "what its agent packs", [&] { return agent_logs(instance); })) return parts;
  attempt("host.tgz", "what the cloud reads", [&] {
    const auto& vm = *instance.vm;
    return VmSteps(services_, task_).cpi(vm.cpi)->get_vm_logs(*vm.cid, services_.settings.failed_vms.bundle_bytes);
  });
  return parts;
}

// One whose jobs or system hang may not tell its state and still answer this.
std::string FailureBundle::agent_logs(const ActualInstance& instance) {
  const auto& settings = services_.settings.failed_vms;
  const auto& agent = instance.vm->agent;
  services_.agents.request(agent, "ping", Json::array(), settings.ping_wait);
  const auto logs =
      fetch_logs_within(services_, task_, instance.record, agent, {.types = "agent,job,system"}, settings.logs_wait);
  const auto file = services_.blobs.path(logs.blob);
  std::string content;
  if (std::filesystem::file_size(file) <= static_cast<std::uintmax_t>(settings.bundle_bytes))
    content = read_file(file.string(), static_cast<std::size_t>(settings.bundle_bytes));
  remove_temporary_blob(services_, logs.blob);
  if (content.empty()) throw Error(Fault::exhausted, "it packed nothing, or too much");
  return content;
}

void FailureBundle::store(const BlobId& blob, const ActualInstance& instance, const std::string& reason,
                          const Parts& parts) {
  const auto& vm = *instance.vm;
  const auto now = services_.clock.now();
  const Json about = {{"deployment", vm.deployment},
                      {"instance", instance_path(instance.record)},
                      {"index", instance.record.index},
                      {"az", instance.record.az},
                      {"vm_cid", vm.cid->value},
                      {"agent_id", vm.agent.value},
                      {"vm_created_at", to_rfc3339(vm.created_at)},
                      {"stemcell", vm.stemcell.name + "/" + vm.stemcell.version},
                      {"reason", reason},
                      {"task", task_.task().id},
                      {"gathered_at", to_rfc3339(now)},
                      {"missing", parts.missing}};
  const TempDir folder("bundle", services_.settings.work_folder);
  const auto archive = folder.path() / "bundle.tgz";
  ArchiveWriter writer(archive, store_only);
  writer.add("about.json", dump(about) + "\n");
  for (const auto& [name, content] : parts.files) writer.add(name, content);
  writer.finish();
  services_.stores.temporary_blobs.add_bundle(blob, vm.deployment, instance_path(instance.record), now,
                                              now + services_.settings.failed_vms.bundle_lifetime);
  services_.blobs.put_file(archive, blob);
}

void FailureBundle::remove_surplus(const std::string& deployment) {
  const auto bundles = services_.stores.temporary_blobs.bundles_of(deployment);
  for (std::size_t i = services_.settings.failed_vms.bundles_per_deployment; i < bundles.size(); ++i)
    remove_temporary_blob(services_, bundles[i]);
}

void FailureBundle::tell(const ActualInstance& instance, const std::string& blob, const std::string& text,
                         const std::string& error) {
  record_event(services_, task_,
               {"bundle", "repair", blob, instance.vm->deployment, instance_path(instance.record),
                {{"reason", text}, {"vm_cid", instance.vm->cid->value}}},
               error);
}

}  // namespace slipway::director
