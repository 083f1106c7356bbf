#include "cpi/vsphere/stemcells.hpp"

#include <algorithm>
#include <filesystem>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "cpi/vsphere/folders.hpp"
#include "cpi/vsphere/lease_progress.hpp"
#include "cpi/vsphere/names.hpp"
#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr std::int64_t image_mib = 1 << 20;
constexpr std::string_view cards_import_makes[] = {
    "VirtualVmxnet3", "VirtualVmxnet2", "VirtualVmxnet",           "VirtualE1000",
    "VirtualE1000e",  "VirtualPCNet32", "VirtualSriovEthernetCard"};

std::string replica_name(const Placement& placement) {
  return "replica-" +
         sha256_hex(placement.cluster->ref.value + "\n" + placement.datastore->ref.value).substr(0, 16);
}

// A template has no network: each VM gets its own cards.
bool adds_a_card(const XmlIn& element) {
  if (element.name() != "deviceChange") return false;
  const auto type = element.child("device").type();
  return std::find(std::begin(cards_import_makes), std::end(cards_import_makes), type) !=
         std::end(cards_import_makes);
}

// Host for clones across clusters: a template runs nowhere, but lies on one.
MoRef some_host(const Cluster& cluster) {
  if (const auto* best = cluster.best_host()) return best->ref;
  throw CpiError(ErrorType::vm_creation_failed,
                 "cluster '" + cluster.name + "' has no host that is connected and not in maintenance", true);
}

}  // namespace

std::string Stemcells::temporary_name() { return "unfinished-" + session_.random().hex(8); }

std::optional<MoRef> Stemcells::folder_of(const DatacenterConfig& datacenter, const StemcellCid& stemcell) {
  return find_by_path(session_, template_folder_path(datacenter) + "/" + stemcell.value);
}

std::vector<Stemcells::Template> Stemcells::templates_in(const MoRef& folder) {
  std::vector<Template> found;
  const std::vector<PropertySpec> specs{
      {"VirtualMachine", {"name", "config.template", "snapshot.currentSnapshot", "config.hardware.device"}}};
  for (const auto& vm : retrieve(session_, specs, {{folder, {{"inside", "Folder", "childEntity", {}}}}})) {
    if (vm.object.type != "VirtualMachine") continue;
    const auto snapshot = vm.ref("snapshot.currentSnapshot");
    const auto name = vm.text("name");
    const bool whole = name.starts_with("replica-") && vm.get("config.template").flag() && !snapshot.empty();
    found.push_back({vm.object, name, snapshot, whole, read_devices(vm.get("config.hardware.device"))});
  }
  return found;
}

StemcellCid Stemcells::create(const std::string& image) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(image, error)) {
    throw CpiError(ErrorType::cloud_error, Fault::invalid, "stemcell image '" + image + "' is not a file",
                   false);
  }
  constexpr std::size_t prefix = 7, length = 20;  // of "sha256:…"
  const StemcellCid cid{"stemcell-" + sha256_of_file(image).substr(prefix, length)};

  const TempDir unpacked("slipway-stemcell");
  std::optional<OvfImage> contents;
  const auto& datacenters = session_.config().datacenters;
  const auto inventory = read_inventory(session_, datacenters);
  if (!inventory.missing.empty()) {
    throw Error(Fault::invalid, "datacenter '" + inventory.missing.front() +
                                    "' is not there, or the account does not see it");
  }
  for (const auto& datacenter : inventory.datacenters) {
    const auto folder = ensure_folder(session_, *datacenter.config,
                                      template_folder_path(*datacenter.config) + "/" + cid.value);
    const auto there = templates_in(folder);
    if (std::any_of(there.begin(), there.end(), [](const auto& one) { return one.whole; })) continue;
    if (!contents) contents = unpack_image(image, unpacked.path());
    Inventory only;
    only.datacenters = {datacenter};
    const PlacementWish wish{.disk_mib = static_cast<std::int64_t>(contents->total_bytes) / image_mib};
    const auto placement = choose_placement(only, wish, session_.config().datastore_headroom_mib);
    make_template(folder, replica_name(placement),
                  [&](const std::string& name) { return import(*contents, placement, folder, name); });
  }
  return cid;
}

MoRef Stemcells::import(const OvfImage& image, const Placement& placement, const MoRef& folder,
                        const std::string& name) {
  const auto made = session_
                        .call("CreateImportSpec", session_.content().ovf_manager, Effect::looks,
                              [&](XmlOut& in) {
                                in.text("ovfDescriptor", image.descriptor)
                                    .ref("resourcePool", placement.cluster->pool)
                                    .ref("datastore", placement.datastore->ref);
                                in.child("cisp")
                                    .text("locale", "")
                                    .text("deploymentOption", "")
                                    .text("entityName", name)
                                    .text("diskProvisioning", "thin");
                              })
                        .child("returnval");
  if (const auto problem = made.child("error")) throw_method_fault("the stemcell's .ovf", problem);
  const auto spec = made.child("importSpec");
  if (!spec) throw Error(Fault::invalid, "vCenter makes nothing of the stemcell's .ovf");

  const auto host = some_host(*placement.cluster);
  const auto lease = session_
                         .call("ImportVApp", placement.cluster->pool, Effect::changes,
                               [&](XmlOut& in) {
                                 in.copy("spec", spec, adds_a_card);
                                 in.ref("folder", folder).ref("host", host);
                               })
                         .ref("returnval");
  const auto is_decided = [](const Properties& seen) {
    return seen.text("state") == "ready" || seen.text("state") == "error";
  };
  const auto ready = wait_until(session_, lease, {"state", "error", "info"}, is_decided,
                                std::chrono::seconds(session_.config().task_timeout_s));
  if (ready.text("state") == "error") throw_method_fault("importing the stemcell", ready.get("error"));
  const auto info = ready.get("info");
  try {
    upload_to(info, lease, made, image);
    session_.call("HttpNfcLeaseComplete", lease, Effect::changes, {});
  } catch (const Error& error) {
    try {
      // While the lease lasts the VM cannot be removed.
      session_.call("HttpNfcLeaseAbort", lease, Effect::changes, {});
    } catch (const Error& second) {
      session_.log().warn("stemcell.lease", {{"name", name}, {"error", second.what()}});
    }
    throw error;
  }
  return info.ref("entity");
}

void Stemcells::upload_to(const XmlIn& lease_info, const MoRef& lease, const XmlIn& file_items,
                          const OvfImage& image) {
  // Keeps the lease alive, and the session with it, however long a disk takes.
  const LeaseProgress progress(session_, lease);
  for (const auto& url : lease_info.children("deviceUrl")) {
    for (const auto& item : file_items.children("fileItem")) {
      if (item.text("deviceId") != url.text("importKey")) continue;
      const auto file = image.files.find(item.text("path"));
      if (file == image.files.end())
        throw Error(Fault::invalid,
                    "vCenter wants the file '" + item.text("path") + "', which the stemcell lacks");
      session_.upload(url.text("url"), file->second.string(), item.flag("create") ? "PUT" : "POST");
    }
  }
}

void Stemcells::make_template(const MoRef& folder, const std::string& final_name,
                              const std::function<MoRef(const std::string& name)>& make) {
  const auto name = temporary_name();
  try {
    freeze(make(name), final_name);
  } catch (...) {
    try {
      // By name: the answer that told of the VM may be what was lost.
      for (const auto& one : templates_in(folder)) {
        if (one.name == name) destroy(session_, one.vm);
      }
    } catch (const Error& error) {
      session_.log().warn("stemcell.leftover", {{"name", name}, {"error", error.what()}});
    }
    throw;
  }
}

// The steps after which a VM is a template that can be cloned from.
void Stemcells::freeze(const MoRef& vm, const std::string& final_name) {
  run_task(session_, "CreateSnapshot_Task", vm, [](XmlOut& in) {
    in.text("name", "initial")
        .text("description", "what VMs are cloned from")
        .flag("memory", false)
        .flag("quiesce", false);
  });
  session_.call("MarkAsTemplate", vm, Effect::changes, {});
  try {
    run_task(session_, "Rename_Task", vm, [&](XmlOut& in) { in.text("newName", final_name); });
  } catch (const VimFault& fault) {
    // Somebody else was as far a moment earlier: theirs will do.
    if (!fault.is("DuplicateName") && !fault.is("InvalidArgument")) throw;
    destroy(session_, vm);
  }
}

Replica Stemcells::replica_for(const StemcellCid& stemcell, const Placement& placement) {
  const auto& datacenter = *placement.datacenter->config;
  const auto folder = is_plain_name(stemcell.value) ? folder_of(datacenter, stemcell) : std::nullopt;
  const auto name = replica_name(placement);
  constexpr int tries = 3;
  for (int attempt = 1; folder && attempt <= tries; ++attempt) {
    const auto there = templates_in(*folder);
    const Template* source = nullptr;
    for (const auto& one : there) {
      if (!one.whole) continue;
      if (one.name == name) return {one.vm, one.snapshot, one.devices};
      source = &one;
    }
    if (source == nullptr) break;
    const auto host = some_host(*placement.cluster);
    make_template(*folder, name, [&](const std::string& unfinished) {
      return run_task(session_, "CloneVM_Task", source->vm,
                      [&](XmlOut& in) {
                        in.ref("folder", *folder).text("name", unfinished);
                        auto spec = in.child("spec");
                        spec.child("location")
                            .ref("datastore", placement.datastore->ref)
                            .text("diskMoveType", "moveAllDiskBackingsAndDisallowSharing")
                            .ref("pool", placement.cluster->pool)
                            .ref("host", host);
                        spec.flag("template", false).flag("powerOn", false);
                      })
          .ref();
    });
    session_.log().info("stemcell.copied", {{"stemcell", stemcell.value},
                                            {"cluster", placement.cluster->name},
                                            {"datastore", placement.datastore->name}});
  }
  throw CpiError(ErrorType::vm_creation_failed,
                 "stemcell '" + stemcell.value + "' is not in datacenter '" + datacenter.name + "'");
}

void Stemcells::require_unused(const DatacenterConfig& datacenter, const StemcellCid& stemcell) {
  const auto folder = find_by_path(session_, vm_folder_path(datacenter));
  if (!folder) return;
  const std::vector<PropertySpec> specs{{"VirtualMachine", {"name", "config.annotation"}}};
  for (const auto& vm : retrieve(session_, specs, {{*folder, {{"inside", "Folder", "childEntity", {}}}}})) {
    if (vm.text("config.annotation").find(stemcell.value) == std::string::npos) continue;
    throw CpiError(ErrorType::cloud_error,
                   "stemcell '" + stemcell.value + "' is in use by VM '" + vm.text("name") + "'");
  }
}

void Stemcells::remove(const StemcellCid& stemcell) {
  if (!is_plain_name(stemcell.value)) return;
  const auto& datacenters = session_.config().datacenters;
  for (const auto& datacenter : datacenters) {
    if (folder_of(datacenter, stemcell)) require_unused(datacenter, stemcell);
  }
  for (const auto& datacenter : datacenters) {
    const auto folder = folder_of(datacenter, stemcell);
    if (!folder) continue;
    for (const auto& one : templates_in(*folder)) destroy(session_, one.vm);
    destroy(session_, *folder);
  }
}

}  // namespace slipway::cpi::vsphere
