#include "director/executor/compiler.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <set>

#include "base/parallel.hpp"
#include "director/domain/dependency_key.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/executor/blob_urls.hpp"
#include "director/planner/addresses.hpp"
#include "director/planner/compiled_choice.hpp"
#include "director/planner/networks.hpp"

namespace slipway::director {

using Need = Assignment::PackageNeed;

namespace {

constexpr const char* group_name = "compilation";
constexpr int address_tries = 20;
constexpr const char* compile_step = "compile_package";

const PackageRecord* find_by_name(const std::vector<PackageRecord>& packages, const std::string& name) {
  const auto found =
      std::find_if(packages.begin(), packages.end(), [&](const auto& package) { return package.name == name; });
  return found == packages.end() ? nullptr : &*found;
}

// What is left to do, handed out to workers as soon as its dependencies are there.
class WorkList {
 public:
  WorkList(std::vector<Need> needs, std::map<Need, std::vector<Need>> dependencies)
      : waiting_(needs.begin(), needs.end()),
        open_(needs.begin(), needs.end()),
        dependencies_(std::move(dependencies)) {}

  // Blocks until something can be compiled for this stemcell; nullopt when nothing is left.
  std::optional<Need> take(const StemcellRef& stemcell) {
    std::unique_lock lock(mutex_);
    for (;;) {
      bool any_left = false;
      for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
        if (it->stemcell_os != stemcell.os || it->stemcell_version != stemcell.version) continue;
        any_left = true;
        const auto& needs = dependencies_.at(*it);
        const bool ready =
            std::none_of(needs.begin(), needs.end(), [&](const Need& n) { return open_.contains(n); });
        if (!ready) continue;
        const Need taken = *it;
        waiting_.erase(it);
        return taken;
      }
      if (!any_left || failed_) return std::nullopt;
      changed_.wait(lock);
    }
  }
  void done(const Need& need) {
    std::lock_guard lock(mutex_);
    open_.erase(need);
    changed_.notify_all();
  }
  void fail() {
    std::lock_guard lock(mutex_);
    failed_ = true;
    waiting_.clear();
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Need> waiting_;
  std::set<Need> open_;
  std::map<Need, std::vector<Need>> dependencies_;
  bool failed_ = false;
};

}  // namespace

Compiler::Owner Compiler::owner_of(std::int64_t package_id) const {
  for (const auto& used : releases_) {
    for (const auto& package : used.record->packages) {
      if (package.id == package_id) return {&used, &package};
    }
  }
  throw Error(Fault::internal, "package " + std::to_string(package_id) + " belongs to no release");
}

// All of them, near and far, in the order in which they are compiled.
std::vector<Need> Compiler::dependencies_of(const Need& need) const {
  std::vector<Need> found;
  const auto owner = owner_of(need.package_id);
  for (const auto& name : owner.package->dependencies) {
    const auto* package = find_by_name(owner.used->record->packages, name);
    if (!package)
      throw Error(Fault::invalid, "package " + owner.package->name + " depends on " + name +
                                      ", which release " + owner.used->record->name + " does not have");
    const Need next{package->id, need.stemcell_os, need.stemcell_version};
    for (auto& deeper : dependencies_of(next)) {
      if (std::find(found.begin(), found.end(), deeper) == found.end()) found.push_back(std::move(deeper));
    }
    if (std::find(found.begin(), found.end(), next) == found.end()) found.push_back(next);
  }
  return found;
}

std::string Compiler::dependency_key(const Owner& owner) const {
  return director::dependency_key(dependency_graph(owner.used->record->packages), owner.package->name);
}

std::optional<CompiledPackageRecord> Compiler::find_compiled(const Need& need, const Owner& owner) const {
  const auto known = services_.stores.releases.compiled_of(need.package_id);
  const auto* found = choose_compiled(known, *owner.package, need, dependency_key(owner), owner.used->exported_from);
  if (!found) return std::nullopt;
  return *found;
}

std::vector<std::string> Compiler::names_of_missing(const std::vector<Need>& needs) const {
  std::vector<std::string> names;
  for (const auto& need : needs) {
    const auto owner = owner_of(need.package_id);
    if (find_compiled(need, owner)) continue;
    names.push_back(owner.used->record->name + "/" + owner.package->name + " for " + need.stemcell_os + "/" +
                    need.stemcell_version);
  }
  return names;
}

std::map<Need, CompiledPackageRecord> Compiler::compile(const std::vector<Need>& needs) {
  std::vector<Need> missing;
  Problems problems;
  for (const auto& need : needs) {
    const auto owner = owner_of(need.package_id);
    if (auto found = find_compiled(need, owner)) {
      compiled_.emplace(need, std::move(*found));
    } else if (!owner.used->exported_from.empty() || owner.package->blob.empty()) {
      cannot_compile(need, owner, problems);
    } else {
      missing.push_back(need);
    }
  }
  problems.throw_if_any("packages that have no source here");
  remove_leftovers();
  if (!missing.empty()) compile_missing(missing);
  return compiled_;
}

void Compiler::cannot_compile(const Need& need, const Owner& owner, Problems& problems) {
  const auto& release = *owner.used->record;
  const auto place = "release '" + release.name + "/" + release.version + "'";
  const auto package = "package '" + owner.package->name + "/" + owner.package->version + "' ";
  if (owner.used->exported_from.empty()) {
    problems.add(place,
                 package + "has no source and was not compiled for stemcell '" + need.stemcell_os + "/" +
                     need.stemcell_version + "'; upload the release with source, or compiled for this stemcell",
                 code::package_without_source);
    return;
  }
  std::vector<std::string> stemcells;
  for (const auto& from : owner.used->exported_from) stemcells.push_back(from.os + "/" + from.version);
  problems.add(place,
               package + "was compiled on none of the stemcells of 'exported_from': " + quoted_list(stemcells),
               code::compiled_package_missing);
}

void Compiler::remove_leftovers() {
  for (const auto& vm : services_.stores.vms.of_deployment(deployment_)) {
    if (vm.instance.empty()) remove_worker(vm);
  }
  for (const auto& ip : services_.stores.ips.of_deployment(deployment_)) {
    if (ip.instance.empty()) services_.stores.ips.release(ip.address);
  }
  for (const auto& step : services_.stores.journal.of_task(task_.task().id)) {
    if (step.kind != compile_step) continue;
    const BlobId blob{step.intent.at("blob").get<std::string>()};
    if (!services_.stores.releases.blob_in_use(blob)) services_.blobs.remove(blob);
  }
}

void Compiler::compile_missing(const std::vector<Need>& missing) {
  if (!cloud_.compilation) {
    throw Error(Fault::invalid,
                "packages have to be compiled, but the cloud config has no 'compilation' section", 120001);
  }
  std::map<Need, std::vector<Need>> dependencies;
  for (const auto& need : missing) dependencies.emplace(need, dependencies_of(need));
  WorkList work(missing, dependencies);
  TaskContext::Stage stage(task_, "Compiling packages", static_cast<int>(missing.size()));

  std::vector<StemcellRef> workers;
  std::map<std::pair<std::string, std::string>, int> per_stemcell;
  for (const auto& need : missing) ++per_stemcell[{need.stemcell_os, need.stemcell_version}];
  const auto cpi = worker_cpi();
  for (const auto& stemcell : world_.stemcells) {
    const auto wanted = per_stemcell.find({stemcell.operating_system, stemcell.version});
    if (wanted == per_stemcell.end() || stemcell.cpi != cpi) continue;
    for (int i = 0; i < std::min(wanted->second, cloud_.compilation->workers); ++i) {
      workers.push_back({stemcell.name, stemcell.operating_system, stemcell.version, ""});
    }
    per_stemcell.erase(wanted);
  }
  if (!per_stemcell.empty()) {
    const auto& [os, version] = per_stemcell.begin()->first;
    throw Error(Fault::invalid,
                "packages have to be compiled for stemcell '" + os + "/" + version + "', which is not uploaded to " +
                    (cpi.empty() ? "the default CPI" : "CPI '" + cpi + "'") + " of the cloud config's 'compilation'",
                code::stemcell_not_found);
  }
  parallel_for(workers.size(), workers.size(), [&](std::size_t i) {
    std::optional<VmRecord> vm;
    try {
      while (const auto need = work.take(workers[i])) {
        task_.checkpoint();
        const auto owner = owner_of(need->package_id);
        stage.run(owner.package->name + "/" + owner.package->version, [&](TaskContext::Step& step) {
          if (!vm) {
            step.status("creating compilation VM");
            vm = create_worker(workers[i], static_cast<int>(i));
          }
          step.status("compiling");
          auto result = compile_one(*need, *vm);
          std::lock_guard lock(mutex_);
          compiled_.emplace(*need, std::move(result));
        });
        work.done(*need);
      }
    } catch (...) {
      work.fail();
      if (vm) remove_worker(*vm);
      throw;
    }
    if (vm) remove_worker(*vm);
  });
}

// Fills in blob and digest, and returns the agent's whole answer. Where the director names the blob, it is in
// the journal before the agent is asked, so that none is left of an attempt whose end nobody heard.
Json Compiler::ask_to_compile(const PackageRecord& package, CompiledPackageRecord& record, const Json& dependencies,
                              const VmRecord& vm) {
  const auto version = package.version + "." + std::to_string(record.build);
  const auto read = [&](const Json& answer) {
    const Json result = answer.value("result", Json::object());
    record.sha1 = result.value("sha1", "");
    if (record.blob.empty()) record.blob = BlobId{result.value("blobstore_id", "")};
    return answer;
  };
  const auto& settings = services_.settings;
  if (!takes_signed_urls(settings, vm.stemcell_api_version)) {
    return read(vms_.agent(vm.agent).run(
        "compile_package",
        Json::array({package.blob.value, package.sha1, package.name, version, dependencies})));
  }
  const auto key = std::to_string(package.id) + "/" + record.stemcell_os + "/" + record.stemcell_version;
  const auto step = services_.stores.journal.begin(task_.task().id, compile_step, key,
                                                   {{"blob", services_.random.uuid()}}, services_.clock.now());
  record.blob = BlobId{step.intent.at("blob").get<std::string>()};
  try {
    return read(vms_.agent(vm.agent).run("compile_package_with_signed_url",
                                         Json::array({{{"package_get_signed_url", url_to_get(settings, package.blob)},
                                                       {"upload_signed_url", url_to_put(settings, record.blob)},
                                                       {"blobstore_headers", Json::object()},
                                                       {"digest", package.sha1},
                                                       {"name", package.name},
                                                       {"version", version},
                                                       {"deps", dependencies}}})));
  } catch (const Error& error) {
    if (error.fault() != Fault::cancelled) services_.blobs.remove(record.blob);
    throw;
  }
}

CompiledPackageRecord Compiler::compile_one(const Need& need, const VmRecord& vm) {
  const auto owner = owner_of(need.package_id);
  const auto& package = *owner.package;
  Json dependencies = Json::object();
  for (const auto& dependency : dependencies_of(need)) {
    const auto of = owner_of(dependency.package_id);
    std::lock_guard lock(mutex_);
    const auto& done = compiled_.at(dependency);
    dependencies[of.package->name] = {{"name", of.package->name},
                                      {"version", of.package->version + "." + std::to_string(done.build)},
                                      {"sha1", done.sha1},
                                      {"blobstore_id", done.blob.value}};
    if (takes_signed_urls(services_.settings, vm.stemcell_api_version)) {
      dependencies[of.package->name] = with_url(services_.settings, dependencies[of.package->name]);
    }
  }
  CompiledPackageRecord record{.package_id = package.id,
                               .stemcell_os = need.stemcell_os,
                               .stemcell_version = need.stemcell_version,
                               .dependency_key = dependency_key(owner)};
  const Json answer = ask_to_compile(package, record, dependencies, vm);
  if (record.blob.empty() || record.sha1.empty() || !services_.blobs.exists(record.blob)) {
    throw Error(Fault::internal, "the agent says it compiled " + package.name +
                                     " but its result is not in the blobstore: " + dump(answer));
  }
  const auto stored = services_.stores.releases.insert_compiled(record);
  if (stored.blob != record.blob) services_.blobs.remove(record.blob);  // somebody else was first
  return stored;
}

// az ← vm type ← extensions, or a size the CPI calculates.
Json Compiler::worker_size(const std::string& cpi) const {
  const auto& compilation = *cloud_.compilation;
  std::vector<const Json*> layers;
  Json calculated;
  if (const auto* az = cloud_.find_az(compilation.az)) layers.push_back(&az->cloud_properties);
  if (const auto* type = cloud_.find_vm_type(compilation.vm_type)) layers.push_back(&type->cloud_properties);
  if (compilation.vm_resources) {
    calculated = vms_.cpi(cpi)->calculate_vm_cloud_properties(*compilation.vm_resources);
    layers.push_back(&calculated);
  }
  for (const auto& name : compilation.vm_extensions) {
    if (const auto* extension = cloud_.find_vm_extension(name))
      layers.push_back(&extension->cloud_properties);
  }
  layers.push_back(&compilation.cloud_properties);
  return merged_cloud_properties(layers);
}

// The address is reserved under the holder's name, so that an attempt that died is found again.
Json Compiler::lease_network(const AgentId& holder) {
  const auto& compilation = *cloud_.compilation;
  const auto* network = cloud_.find_network(compilation.network);
  if (!network)
    throw Error(Fault::invalid,
                "compilation: network '" + compilation.network + "' is not in the cloud config", 120001);
  auto& ips = services_.stores.ips;
  ips.release_of_agent(holder);
  NetworkUse use;
  use.name = network->name;
  use.default_dns = use.default_gateway = true;
  for (int left = address_tries;; --left) {
    std::optional<Ipv4> address;
    if (network->type == NetworkType::manual) {
      address = AddressBook(ips.all(), world_.director_addresses).take_lowest(*network, compilation.az);
      if (!address) {
        throw Error(
            Fault::exhausted,
            "network '" + network->name +
                "' has no free address for a compilation VM; add a subnet or delete what is not needed",
            130011);
      }
    }
    const Json networks = {{network->name, network_settings(*network, use, compilation.az, address)}};
    if (!address) return networks;  // the cloud gives it
    IpRecord record;
    record.address = address->to_string();
    record.deployment = deployment_;
    record.agent = holder;
    record.network = network->name;
    if (ips.reserve(record, services_.clock.now())) return networks;
    if (left <= 1) throw Error(Fault::retryable, "no address for a compilation VM could be held", 130011);
  }
}

std::string Compiler::worker_cpi() const {
  const auto* az = cloud_.find_az(cloud_.compilation->az);
  return az != nullptr ? az->cpi : world_.default_cpi;
}

VmRecord Compiler::create_worker(const StemcellRef& stemcell, int number) {
  const auto& compilation = *cloud_.compilation;
  const AgentId holder{"compilation-" + std::to_string(task_.task().id) + "-" + std::to_string(number)};
  VmOrder order;
  order.deployment = deployment_;
  order.group = group_name;
  order.instance_name = std::string(group_name) + "/" + std::to_string(number);
  order.index = number;
  order.az = compilation.az;
  order.cpi = worker_cpi();
  order.stemcell = stemcell;
  order.env = compilation.env;
  order.tags = {{"compiling", deployment_}};
  order.cloud_properties = worker_size(order.cpi);
  order.networks = lease_network(holder);
  try {
    return vms_.create(order);
  } catch (...) {
    // As long as its row is there, the VM may be: its address stays taken.
    const auto left = services_.stores.vms.of_deployment(deployment_);
    const bool remains = std::any_of(left.begin(), left.end(),
                                     [&](const VmRecord& vm) { return vm.networks == order.networks; });
    if (!remains) services_.stores.ips.release_of_agent(holder);
    throw;
  }
}

void Compiler::remove_worker(const VmRecord& vm) {
  vms_.remove(vm);
  for (const auto& [network, settings] : vm.networks.items()) {
    const auto address = settings.value("ip", "");
    if (!address.empty()) services_.stores.ips.release(address);
  }
}

}  // namespace slipway::director
