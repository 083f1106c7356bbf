// Beyond the contract, beside a simulated vCenter: test/vcsim/with-vcsim starts one.
#include <set>

#include "base/digest.hpp"
#include "base/parallel.hpp"
#include "base/process.hpp"
#include "cpi/vsphere/devices.hpp"
#include "cpi/vsphere/folders.hpp"
#include "cpi/vsphere/inventory.hpp"
#include "cpi/vsphere/vcsim_world.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::vsphere;

namespace {

struct Bench {
  VcsimWorld& world = VcsimWorld::get();
  VsphereConfig config = world.config();
  std::shared_ptr<TestTransport> transport = std::make_shared<TestTransport>(config.ca_pem, true);
  VsphereCpi cpi{config, Log::discard(), 0, transport};
  StemcellCid stemcell = cpi.create_stemcell(world.image().string(), Json::object(), Json::object());

  CreateVm request(const std::string& agent, const std::string& portgroup = "VM Network") {
    CreateVm request;
    request.agent = {agent};
    request.stemcell = stemcell;
    request.networks = world.networks(portgroup);
    request.env = {{"bosh", {{"group", "d-web"}, {"mbus", {{"cert", {{"private_key", "key of the bus"}}}}}}}};
    return request;
  }
};

Json only_cluster(const std::string& name, const Json& inner = nullptr) {
  return {{"datacenters", {{{"name", "DC0"}, {"clusters", {{{name, inner}}}}}}}};
}

std::string option(const Properties& vm, const std::string& key) {
  for (const auto& one : vm.get("config.extraConfig").children("OptionValue")) {
    if (one.text("key") == key) return one.text("value");
  }
  return {};
}

std::vector<std::string> rule_members(VcsimWorld& world, const std::string& cluster,
                                      const std::string& rule) {
  return world.look([&](Session& session) {
    std::vector<std::string> members;
    const auto ref = find_by_path(session, "DC0/host/" + cluster);
    const auto seen = retrieve_one(session, *ref, {"configurationEx"});
    for (const auto& one : seen->get("configurationEx").children("rule")) {
      if (one.text("name") != rule) continue;
      for (const auto& vm : one.refs("vm")) members.push_back(vm.value);
    }
    return members;
  });
}

std::string text_of_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const CpiError& error) {
    return to_wire(error.type()) + ": " + error.what();
  }
  return "";
}

}  // namespace

TEST_SUITE("vSphere on vcsim, beyond the contract") {
  TEST_CASE("a VM gets its settings by CD-ROM and by guestinfo, with the cards' addresses") {
    Bench bench;
    auto request = bench.request("settings", "DC0_DVPG0");
    request.networks["second"] = bench.world.networks()["default"];
    request.cloud_properties = {{"cpu", 2}, {"ram", 384}, {"vmx_options", {{"a.key", 7}}}};
    const auto created = bench.cpi.create_vm(request);
    const auto vm = bench.world.properties_of(
        created.vm,
        {"config.extraConfig", "config.hardware", "config.hardware.device", "config.files.vmPathName"});
    CHECK(vm.get("config.hardware").text("numCPU") == "2");
    CHECK(vm.get("config.hardware").text("memoryMB") == "384");
    CHECK(option(vm, "a.key") == "7");
    CHECK(option(vm, "disk.enableUUID") == "TRUE");
    CHECK(option(vm, "guestinfo.userdata.encoding") == "base64");
    const auto settings = parse_json(base64_decode(option(vm, "guestinfo.userdata")), "settings");
    CHECK(settings["agent_id"] == "settings");
    CHECK(settings["vm"]["name"] == "vm-settings");
    CHECK(settings["mbus"] == "nats://10.77.0.1:4222");
    CHECK(settings["env"]["bosh"]["mbus"]["cert"]["private_key"] == "key of the bus");
    CHECK(settings["networks"] == created.networks);
    CHECK(settings["networks"]["default"]["mac"] != settings["networks"]["second"]["mac"]);
    CHECK(settings["disks"]["ephemeral"]["id"].get<std::string>().size() == 36);

    const auto devices = read_devices(vm.get("config.hardware.device"));
    const auto drive =
        std::find_if(devices.begin(), devices.end(), [](const auto& one) { return one.is_cdrom(); });
    REQUIRE(drive != devices.end());
    const auto path = parse_datastore_path(drive->file);
    REQUIRE(path);
    const auto image = bench.world.look(
        [&](Session& session) { return session.get_file({"DC0", path->datastore, path->path}, 1u << 24); });
    REQUIRE(image);
    CHECK(image->find(dump(settings)) != std::string::npos);
    CHECK(image->substr(0x8001, 5) == "CD001");
    bench.cpi.delete_vm(created.vm);
    CHECK_FALSE(bench.world.look(
        [&](Session& session) { return session.get_file({"DC0", path->datastore, path->path}, 1u << 24); }));
  }

  TEST_CASE("a stemcell is a template with a snapshot, without a card, once for each cluster and datastore") {
    Bench bench;
    const auto folder = "DC0/vm/slipway/stemcells/" + bench.stemcell.value;
    const auto before = bench.world.vms_in(folder).size();
    CHECK(before >= 1);
    std::vector<VmCid> vms;
    for (const char* cluster : {"DC0_C0", "DC0_C1"}) {
      for (const char* datastore : {"LocalDS_0", "LocalDS_1"}) {
        auto request = bench.request(std::string("replica-") + cluster + datastore);
        request.cloud_properties = only_cluster(cluster);
        request.cloud_properties["datastores"] = {datastore};
        vms.push_back(bench.cpi.create_vm(request).vm);
        vms.push_back(bench.cpi
                          .create_vm([&] {
                            request.agent.value += "-2";
                            return request;
                          }())
                          .vm);
      }
    }
    CHECK(bench.world.vms_in(folder).size() == 4);
    bench.world.look([&](Session& session) {
      for (const auto& name : bench.world.vms_in(folder)) {
        const auto seen =
            retrieve_one(session, *find_by_path(session, folder + "/" + name),
                         {"config.template", "snapshot.currentSnapshot", "config.hardware.device"});
        CHECK(name.starts_with("replica-"));
        CHECK(seen->get("config.template").flag());
        CHECK(seen->ref("snapshot.currentSnapshot").type == "VirtualMachineSnapshot");
        CHECK(macs_of(read_devices(seen->get("config.hardware.device"))).empty());
      }
    });
    CHECK(text_of_error([&] { bench.cpi.delete_stemcell(bench.stemcell); }).find("in use by VM") !=
          std::string::npos);
    for (const auto& vm : vms) bench.cpi.delete_vm(vm);
    bench.cpi.delete_stemcell(bench.stemcell);
    CHECK(bench.world.vms_in(folder).empty());
  }

  TEST_CASE("a disk moves to a datastore that the VM sees, with its note, and keeps its id") {
    Bench bench;
    auto first = bench.request("mover-1"), second = bench.request("mover-2");
    first.cloud_properties = only_cluster("DC0_C0");
    second.cloud_properties = only_cluster("DC0_C1");
    const auto one = bench.cpi.create_vm(first).vm, two = bench.cpi.create_vm(second).vm;
    const auto disk = bench.cpi.create_disk(64, {{"datastores", {"DC0_C0_private"}}}, one);
    bench.cpi.set_disk_metadata(disk, {{"deployment", "d"}});
    bench.cpi.attach_disk(one, disk);
    bench.cpi.detach_disk(one, disk);
    bench.cpi.attach_disk(two, disk);
    CHECK(bench.cpi.get_disks(two) == std::vector{disk});
    const auto files = bench.world.disk_files();
    CHECK(std::count(files.begin(), files.end(), disk.value + ".vmdk") == 1);
    CHECK(std::count(files.begin(), files.end(), disk.value + ".json") == 1);
    CHECK(text_of_error([&] { bench.cpi.attach_disk(one, disk); }).find("attached to VM 'vm-mover-2'") !=
          std::string::npos);
    bench.cpi.delete_vm(two);
    // Told where it shall lie, it goes there.
    CHECK_FALSE(bench.cpi.update_disk(disk, 96, {{"datastores", {"LocalDS_1"}}}));
    bench.cpi.delete_disk(disk);
    bench.cpi.delete_vm(one);
    CHECK(bench.world.disk_files().empty());
  }

  TEST_CASE("a VM is placed where the disks it will get can be reached") {
    Bench bench;
    const auto disk = bench.cpi.create_disk(64, {{"datastores", {"DC0_C1_private"}}}, std::nullopt);
    auto request = bench.request("near");
    request.disks = {disk};
    const auto vm = bench.cpi.create_vm(request).vm;
    const auto before = bench.world.disk_files();
    bench.cpi.attach_disk(vm, disk);
    const auto names = bench.transport->take_names();
    CHECK(std::count(names.begin(), names.end(), "MoveVirtualDisk_Task") == 0);
    bench.cpi.delete_vm(vm);
    bench.cpi.delete_disk(disk);
  }

  TEST_CASE("VMs of one rule are in it together, also when they come at once, and the last takes it along") {
    Bench bench;
    const Json place =
        only_cluster("DC0_C0", {{"drs_rules", {{{"name", "apart"}, {"type", "separate_vms"}}}}});
    std::vector<CreateVm> requests;
    for (int i = 0; i < 3; ++i) {
      requests.push_back(bench.request("apart-" + std::to_string(i)));
      requests.back().cloud_properties = place;
    }
    std::vector<VmCid> vms(requests.size());
    parallel_for(vms.size(), vms.size(),
                 [&](std::size_t i) { vms[i] = bench.cpi.create_vm(requests[i]).vm; });
    CHECK(rule_members(bench.world, "DC0_C0", "apart").size() == 3);
    bench.cpi.delete_vm(vms[0]);
    CHECK(rule_members(bench.world, "DC0_C0", "apart").size() == 2);
    bench.cpi.delete_vm(vms[1]);
    bench.cpi.delete_vm(vms[2]);
    CHECK(rule_members(bench.world, "DC0_C0", "apart").empty());
  }

  TEST_CASE("metadata becomes custom attributes, and what is right already is not written again") {
    Bench bench;
    const auto vm = bench.cpi.create_vm(bench.request("fields")).vm;
    bench.cpi.set_vm_metadata(vm, {{"deployment", "d <&>"}, {"index", 3}});
    bench.transport->take_names();
    bench.cpi.set_vm_metadata(vm, {{"deployment", "d <&>"}, {"index", 4}});
    const auto names = bench.transport->take_names();
    CHECK(std::count(names.begin(), names.end(), "AddCustomFieldDef") == 0);
    CHECK(std::count(names.begin(), names.end(), "SetField") == 1);
    const auto seen = bench.world.properties_of(vm, {"customValue"});
    std::set<std::string> values;
    for (const auto& one : seen.get("customValue").children("CustomFieldValue"))
      values.insert(one.text("value"));
    CHECK(values == std::set<std::string>{"d <&>", "4"});
    bench.cpi.delete_vm(vm);
  }

  TEST_CASE("a wish that cannot be met says why for each place, and whether waiting helps") {
    Bench bench;
    const auto complaint = [&](const Json& properties) {
      auto request = bench.request("wish");
      request.cloud_properties = properties;
      return text_of_error([&] { bench.cpi.create_vm(request); });
    };
    CHECK(complaint({{"datacenters", {{{"name", "DC9"}}}}}).find("configured are DC0") != std::string::npos);
    CHECK(complaint(only_cluster("DC0_C9")).find("cluster 'DC0_C9' is not in 'DC0'") != std::string::npos);
    CHECK(complaint(only_cluster("DC0_C1", {{"resource_pool", "none"}})).find("no such resource pool") !=
          std::string::npos);
    CHECK(complaint({{"datastores", {"DC0_C9_private"}}})
              .find("sees no datastore that cloud_properties.datastores names") != std::string::npos);
    CHECK(complaint({{"ram", 1 << 30}}).find("of memory free") != std::string::npos);
    CHECK(complaint({{"vmx_options", {{"guestinfo.userdata", "mine"}}}}).find("is the CPI's own") !=
          std::string::npos);
    auto request = bench.request("wish", "no such network");
    CHECK(text_of_error([&] { bench.cpi.create_vm(request); }).find("has no network 'no such network'") !=
          std::string::npos);
    CHECK(bench.world.properties_of({"vm-wish"}, {"name"}).object.empty());
  }

  TEST_CASE(
      "create_vm takes fewer round trips than the reference CPI's sequence, looks left out on both sides") {
    Bench bench;
    const auto first = bench.cpi.create_vm(bench.request("count-1")).vm;  // the template is there from now on
    bench.transport->take_names();
    const auto vm = bench.cpi.create_vm(bench.request("count-2")).vm;
    const auto names = bench.transport->take_names();
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
    MESSAGE(names.size() << " round trips: " << list);
    const auto looks = std::count(names.begin(), names.end(), "FindByInventoryPath") +
                       std::count(names.begin(), names.end(), "RetrievePropertiesEx");
    // Four to begin, clone, two reconfigurations, upgrade and power-on with at least one poll each, two
    // uploads, two for custom attributes. Source: contracts/agent-cpi.md section 7.
    constexpr int reference = 4 + 5 * 2 + 2 + 2;
    CHECK(static_cast<int>(names.size()) - looks < reference);
    CHECK(looks <= 6);
    bench.cpi.delete_vm(first);
    bench.cpi.delete_vm(vm);
  }
}
