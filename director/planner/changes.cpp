#include "director/planner/changes.hpp"

#include <algorithm>
#include <set>

#include "director/domain/names.hpp"
#include "director/planner/scope.hpp"

namespace slipway::director {

namespace {

std::vector<const DiskRecord*> active_disks(const ActualInstance* actual) {
  std::vector<const DiskRecord*> disks;
  if (actual == nullptr) return disks;
  for (const auto& disk : actual->disks) {
    if (disk.state == DiskState::active) disks.push_back(&disk);
  }
  return disks;
}

Json without_dns(Json networks) {
  for (auto& settings : networks) {
    if (settings.is_object()) settings.erase("dns_record_name");
  }
  return networks;
}

// "ip, netmask of 'default'": which keys differ, never their values: they may be secret.
std::string differing_keys(const Json& before, const Json& after) {
  std::set<std::string> keys;
  const auto gather = [&](const Json& a, const Json& b) {
    if (!a.is_object()) return;
    for (const auto& [key, value] : a.items()) {
      if (!b.is_object() || !b.contains(key) || b[key] != value) keys.insert(key);
    }
  };
  gather(before, after);
  gather(after, before);
  return quoted_list({keys.begin(), keys.end()});
}

std::string network_difference(const Json& before, const Json& after) {
  std::string text;
  const auto tell = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  for (const auto& [name, settings] : after.items()) {
    if (!before.contains(name)) tell("network '" + name + "' is added");
    else if (before[name].value("ip", "") != settings.value("ip", "")) {
      tell("network '" + name + "': address " + before[name].value("ip", "") + " → " + settings.value("ip", ""));
    } else if (before[name] != settings) {
      tell("network '" + name + "': " + differing_keys(before[name], settings) + " changed");
    }
  }
  for (const auto& [name, settings] : before.items()) {
    if (!after.contains(name)) tell("network '" + name + "' is removed");
  }
  return text;
}

// A version without its build number stands for all its builds: nothing was compiled yet.
bool same_package(const Json& before, const Json& after) {
  const auto old_version = before.value("version", ""), new_version = after.value("version", "");
  if (after.contains("sha1")) return old_version == new_version && before.value("sha1", "") == after.value("sha1", "");
  return old_version == new_version || old_version.starts_with(new_version + ".");
}

std::string package_difference(const Json& before, const Json& after) {
  std::vector<std::string> changed;
  for (const auto& [name, entry] : after.items()) {
    if (!before.contains(name) || !same_package(before[name], entry)) changed.push_back(name);
  }
  for (const auto& [name, entry] : before.items()) {
    if (!after.contains(name)) changed.push_back(name);
  }
  return changed.empty() ? "" : "packages " + quoted_list(changed) + " changed";
}

std::string short_hash(const std::string& hash) { return hash.empty() ? "none" : hash.substr(0, 8); }

std::string hash_difference(const Json& before, const Json& after) {
  std::vector<std::string> jobs;
  for (const auto& [job, hash] : after.items()) {
    if (!before.is_object() || !before.contains(job) || before[job] != hash) jobs.push_back(job);
  }
  return jobs.empty() ? "" : " (" + quoted_list(jobs) + ")";
}

std::vector<std::string> job_names(const Json& spec) {
  std::vector<std::string> names;
  const auto job = spec.find("job");
  if (job == spec.end() || !job->is_object()) return names;
  const auto templates = job->find("templates");
  if (templates == job->end() || !templates->is_array()) return names;
  for (const auto& entry : *templates) names.push_back(entry.value("name", ""));
  return names;
}

// What is said of a disk that is not as `wanted` says, or is to be made anew; empty: it stays.
std::string disk_difference(const PlannedDisk& wanted, const DiskRecord* disk, bool anew) {
  const auto what = "persistent disk" + (wanted.name.empty() ? "" : " '" + wanted.name + "'");
  const auto size = std::to_string(wanted.size_mib) + " MiB";
  if (disk == nullptr) return what + " none → " + size;
  // Only its jobs know what is on a named disk.
  const std::string loss = wanted.name.empty() ? "" : "; the new one is empty";
  if (disk->size_mib != wanted.size_mib) return what + " " + std::to_string(disk->size_mib) + " MiB → " + size + loss;
  if (disk->cloud_properties != wanted.cloud_properties) {
    return "cloud properties " + differing_keys(disk->cloud_properties, wanted.cloud_properties) + " of the " + what +
           " changed" + loss;
  }
  return anew ? "a new " + what + " is asked for" + loss : "";
}

void add(InstanceChange& out, const char* reason, std::string text) { out.reasons.push_back({reason, std::move(text)}); }

}  // namespace

bool is_idle_errand(const Desired& desired, const std::string& group, const ActualInstance* actual) {
  const auto* found = desired.manifest.find_group(group);
  return found != nullptr && found->lifecycle == Lifecycle::errand && (actual == nullptr || !actual->vm) &&
         desired.options.errand_group != group;
}

// An in-flight or failed change left its VM as the record of the VM says, not as the last
// successful spec does; so everything a VM is made of is compared with that record.
void ChangeDetector::compare_machine(const PlannedInstance& planned, const ActualInstance& actual,
                                     InstanceChange& out) const {
  const auto& vm = *actual.vm;
  const auto& stemcell = vm.stemcell;
  if (stemcell.name != planned.stemcell.name || stemcell.version != planned.stemcell.version) {
    const bool renamed = stemcell.name != planned.stemcell.name;
    add(out, "stemcell", "stemcell " + (renamed ? stemcell.name + "/" : "") + stemcell.version + " → " +
                             (renamed ? planned.stemcell.name + "/" : "") + planned.stemcell.version);
  }
  if (vm.cpi != planned.cpi) add(out, "cpi", "CPI '" + vm.cpi + "' → '" + planned.cpi + "'");
  if (vm.cloud_properties != planned.vm_cloud_properties) {
    add(out, "cloud_properties",
        "cloud properties " + differing_keys(vm.cloud_properties, planned.vm_cloud_properties) + " changed");
  }
  if (vm.env != planned.env) add(out, "env", "env " + differing_keys(vm.env, planned.env) + " changed");
}

bool ChangeDetector::needs_other_vm(const PlannedInstance& planned, const ActualInstance& actual) const {
  InstanceChange out;
  compare_machine(planned, actual, out);
  bool new_vm = !out.reasons.empty();
  compare_requests(planned, actual, out, new_vm);
  return new_vm;
}

void ChangeDetector::compare_requests(const PlannedInstance& planned, const ActualInstance& actual,
                                      InstanceChange& out, bool& new_vm) const {
  const auto& options = desired_.options;
  const bool old_enough = !options.recreate_vms_created_before ||
                          actual.vm->created_at < *options.recreate_vms_created_before;
  if (options.recreate && old_enough && !actual.vm_is_new) {
    new_vm = true;
    add(out, "recreate", "recreation is asked for");
  }
  if (options.fix && !actual.responsive) {
    new_vm = true;
    add(out, "unresponsive", "its agent does not answer");
  }
  if (options.restart && planned.state == InstanceState::started && !actual.carried_out) add(out, "restart", "a restart is asked for");
}

void ChangeDetector::compare_jobs(const PlannedInstance& planned, const ActualInstance& actual,
                                  const RenderedSummary* rendered, const Json* packages, InstanceChange& out) const {
  const auto& spec = actual.record.spec;
  if (packages != nullptr) {
    const auto difference = package_difference(spec.value("packages", Json::object()), *packages);
    if (!difference.empty()) add(out, "packages", difference);
  }
  std::vector<std::string> wanted;
  for (const auto& job : planned.jobs) wanted.push_back(job.name);
  const auto current = job_names(spec);
  if (current != wanted) add(out, "jobs", "jobs " + quoted_list(current) + " → " + quoted_list(wanted));
  if (rendered != nullptr) {
    const auto before = spec.value("configuration_hash", "");
    if (before != rendered->configuration_hash) {
      add(out, "configuration",
          "rendered configuration " + short_hash(before) + " → " + short_hash(rendered->configuration_hash) +
              hash_difference(spec.value("template_hashes", Json::object()), rendered->template_hashes));
    }
  }
}

void ChangeDetector::compare_state(const PlannedInstance& planned, const ActualInstance& actual,
                                   InstanceChange& out) const {
  if (!actual.record.update_completed) add(out, "dirty", "its last update did not finish");
  if (actual.record.state != planned.state) {
    add(out, "state", "state " + to_string(actual.record.state) + " → " + to_string(planned.state));
    return;
  }
  if (actual.job_state.empty() || planned.state == InstanceState::detached) return;
  const bool runs = actual.job_state == "running";
  if (runs == (planned.state == InstanceState::started)) return;
  add(out, "state", "is to be " + to_string(planned.state) + ", its agent says '" + actual.job_state + "'");
}

void ChangeDetector::compare_disks(const PlannedInstance& planned, const ActualInstance* actual,
                                   InstanceChange& out) const {
  const bool anew = desired_.options.recreate_persistent_disks && actual != nullptr && !actual->carried_out;
  const bool left_over = actual != nullptr && std::any_of(actual->disks.begin(), actual->disks.end(), [](const auto& one) {
                           return one.state == DiskState::inactive;
                         });
  if (left_over) add(out, "persistent_disk", "an earlier change of its persistent disk did not finish");
  for (const auto& wanted : planned.disks) {
    const auto* disk = actual == nullptr ? nullptr : actual->active_disk(wanted.name);
    auto difference = disk_difference(wanted, disk, anew);
    if (difference.empty()) continue;
    add(out, "persistent_disk", std::move(difference));
    out.disks.push_back({wanted.name, wanted, disk == nullptr ? std::nullopt : std::optional(disk->cid)});
  }
  for (const auto* disk : active_disks(actual)) {
    if (planned.find_disk(disk->name) != nullptr) continue;
    add(out, "persistent_disk", "persistent disk " + (disk->name.empty() ? "" : "'" + disk->name + "' ") +
                                    std::to_string(disk->size_mib) + " MiB → none");
    out.disks.push_back({disk->name, std::nullopt, disk->cid});
  }
  out.needs_disk_change = left_over || !out.disks.empty();
}

void ChangeDetector::compare_metadata(const PlannedInstance& planned, const ActualInstance& actual,
                                      InstanceChange& out) const {
  const auto& record = actual.record;
  if (record.dns_names != planned.dns_names) add(out, "dns", "DNS names changed");
  if (record.bootstrap != planned.bootstrap) {
    add(out, "bootstrap", planned.bootstrap ? "becomes the bootstrap instance" : "is no longer the bootstrap instance");
  }
  if (record.group != planned.group) add(out, "migrated", "moves from group '" + record.group + "'");
  if (record.index != planned.index) {
    add(out, "index", "index " + std::to_string(record.index) + " → " + std::to_string(planned.index));
  }
  if (record.az != planned.az) add(out, "az", "availability zone '" + record.az + "' → '" + planned.az + "'");
  if (record.spec.contains("tags") && record.spec["tags"] != planned.tags) {
    add(out, "tags", "tags " + differing_keys(record.spec["tags"], planned.tags) + " changed");
  }
}

InstanceChange ChangeDetector::detect(const PlannedInstance& planned, const ActualInstance* actual,
                                      const RenderedSummary* rendered, const Json* packages) const {
  InstanceChange out;
  out.id = planned.id;
  out.group = planned.group;
  out.name = planned.name();
  out.target = planned.state;
  if (is_idle_errand(desired_, planned.group, actual)) return out;
  if (actual == nullptr) {
    const bool narrowed = !desired_.options.only_group.empty() || !desired_.options.only_instance.empty();
    if (narrowed) return out;
    out.action = planned.state == InstanceState::detached ? Action::metadata : Action::create;
    add(out, "new", "is new");
    if (out.action != Action::create) return out;
    for (const auto& disk : planned.disks) out.disks.push_back({disk.name, disk, std::nullopt});
    out.needs_disk_change = !out.disks.empty();
    return out;
  }
  if (actual->record.ignore || !in_scope(desired_.options, actual->record)) return out;

  if (!actual->vm) {
    if (planned.state != InstanceState::detached) {
      out.action = Action::create;
      add(out, "missing_vm", "has no VM");
      compare_disks(planned, actual, out);
      return out;
    }
    compare_state(planned, *actual, out);
    compare_metadata(planned, *actual, out);
    if (!out.reasons.empty()) out.action = Action::metadata;
    return out;
  }
  if (planned.state == InstanceState::detached) {
    out.action = Action::update;
    add(out, "state", "state " + to_string(actual->record.state) + " → detached, its VM goes");
    return out;
  }
  compare_machine(planned, *actual, out);
  const auto networks = network_difference(without_dns(actual->vm->networks), without_dns(planned.networks));
  if (!networks.empty()) add(out, "networks", networks);
  bool new_vm = !out.reasons.empty();
  compare_requests(planned, *actual, out, new_vm);
  compare_jobs(planned, *actual, rendered, packages, out);
  compare_disks(planned, actual, out);
  compare_state(planned, *actual, out);
  const bool touches_vm = !out.reasons.empty();
  compare_metadata(planned, *actual, out);
  out.action = new_vm                   ? Action::recreate
               : touches_vm             ? Action::update
               : !out.reasons.empty()   ? Action::metadata
                                        : Action::none;
  return out;
}

InstanceChange ChangeDetector::removal(const ActualInstance& actual) const {
  InstanceChange out;
  const auto& record = actual.record;
  out.id = record.id;
  out.group = record.group;
  out.name = record.name();
  out.target = InstanceState::detached;
  const bool narrowed = !desired_.options.only_group.empty() || !desired_.options.only_instance.empty();
  if (narrowed || record.ignore) return out;
  out.action = Action::remove;
  const auto* group = desired_.manifest.find_group(record.group);
  add(out, "obsolete",
      group == nullptr ? "its group is gone from the manifest"
                       : "the group has " + std::to_string(group->instances) + " instances now");
  return out;
}

std::vector<Json> foreseen_cpi_calls(const World& world, const PlannedInstance* planned, const ActualInstance* actual,
                                     const InstanceChange& change) {
  std::vector<Json> calls;
  const auto call = [&](const char* method, Json arguments) {
    calls.push_back({{"method", method}, {"arguments", std::move(arguments)}});
  };
  const auto disks = active_disks(actual);
  const Json vm = actual != nullptr && actual->vm && actual->vm->cid ? Json(actual->vm->cid->value) : Json();
  const bool removes = change.action == Action::remove || change.action == Action::recreate ||
                       (change.action == Action::update && change.target == InstanceState::detached);
  const bool creates = change.action == Action::create || change.action == Action::recreate;
  const bool swaps = planned != nullptr && planned->swap && change.action == Action::recreate;
  // A new VM gets what is kept, and the disk whose data are to be copied.
  const auto stays = [&](const DiskRecord& disk) {
    return std::none_of(change.disks.begin(), change.disks.end(), [&](const DiskChange& one) {
      return one.given_up == disk.cid && !(one.made && one.name.empty());
    });
  };
  const auto give_up_vm = [&] {
    for (const auto* disk : disks) {
      if (!swaps) call("detach_disk", {vm, disk->cid.value});
    }
    call("delete_vm", Json::array({vm}));
  };
  if (removes && !vm.is_null() && !swaps) give_up_vm();
  if (planned == nullptr) return calls;
  if (creates) {
    const auto stemcell = std::find_if(world.stemcells.begin(), world.stemcells.end(), [&](const StemcellRecord& record) {
      return record.name == planned->stemcell.name && record.version == planned->stemcell.version &&
             record.cpi == planned->cpi;
    });
    const Json cid = stemcell == world.stemcells.end() ? Json() : Json(stemcell->cid.value);
    Json near = Json::array();
    for (const auto* disk : disks) near.push_back(disk->cid.value);
    call("create_vm", {Json(), cid, planned->vm_cloud_properties, planned->networks, near, Json()});
    call("set_vm_metadata", {Json(), planned->tags});
    for (const auto* disk : disks) {
      if (swaps) call("detach_disk", {vm, disk->cid.value});
    }
    for (const auto* disk : disks) {
      if (stays(*disk)) call("attach_disk", {Json(), disk->cid.value});
    }
  }
  const Json target = creates ? Json() : vm;
  for (const auto& disk : change.disks) {
    if (disk.made) {
      call("create_disk", {disk.made->size_mib, disk.made->cloud_properties, target});
      call("attach_disk", {target, Json()});
    }
    if (disk.given_up) call("detach_disk", {target, disk.given_up->value});
  }
  if (swaps) give_up_vm();
  return calls;
}

}  // namespace slipway::director
