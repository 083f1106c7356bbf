#include <doctest/doctest.h>

#include "cpi/vsphere/devices.hpp"
#include "cpi/vsphere/settings.hpp"
#include "test/clouds/node/machine.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace vsphere_node_test {

constexpr const char* agent_id = "node-on-esxi";
constexpr const char* mac = "00:50:56:aa:77:02";
constexpr const char* node_address = "10.77.5.8";
// As vCenter tells them.
constexpr const char* root_uuid = "6000C291-aaaa-bbbb-cccc-000000000001";
constexpr const char* ephemeral_uuid = "6000C292-aaaa-bbbb-cccc-000000000002";
constexpr const char* persistent_uuid = "6000C293-aaaa-bbbb-cccc-000000000003";
constexpr const char* persistent_disk = "disk-5f0c9a1e";

// What the CPI writes into the VM's folder.
std::string settings_disc(const agent::contract::BusServer& bus) {
  cpi::CreateVm request;
  request.agent = {agent_id};
  request.networks = {{"default",
                       {{"type", "manual"},
                        {"ip", node_address},
                        {"netmask", "255.255.0.0"},
                        {"gateway", lab_address},
                        {"dns", {lab_address}},
                        {"default", {"dns", "gateway"}},
                        {"cloud_properties", {{"name", "VM Network"}}}}}};
  request.env = {{"bosh", {{"mbus", bus.bootstrap_env(agent_id)}}}};
  cpi::vsphere::VsphereConfig config;
  config.agent_mbus = bus.url();
  const auto networks = cpi::vsphere::networks_with_macs(request, cpi::vsphere::read_wish(request, config), {mac});
  const auto hint = cpi::vsphere::disk_hint(cpi::vsphere::plain_uuid(ephemeral_uuid));
  return cpi::vsphere::env_iso(
      dump(cpi::vsphere::agent_settings(request, {std::string("vm-") + agent_id}, networks, hint, config)));
}

// A VM of ESXi, as nearly as QEMU has it: VMware's SCSI controller and card, disks whose serial numbers are their UUIDs
// as disk.enableUUID makes them, and the settings in the CD-ROM drive.
struct Vm {
  agent::contract::BusServer bus{agent_id, true, lab_address};
  Machine machine{{.card = "vmxnet3",
                   .mac = mac,
                   .disk_format = "vmdk",
                   .hardware = {"-device", "pvscsi,id=scsi", "-device", disk("root", root_uuid, 0) + ",bootindex=1"}}};
  agent::contract::Director director{bus, agent_id};

  Vm() {
    machine.add_drive("ephemeral", 2048);
    machine.add_drive("persistent", 1024);
  }
  static std::string disk(const std::string& drive, const std::string& uuid, int unit) {
    return "scsi-hd,bus=scsi.0,scsi-id=" + std::to_string(unit) + ",drive=" + drive +
           ",serial=" + cpi::vsphere::plain_uuid(uuid);
  }
  void boot(std::vector<std::string> words) {
    words.insert(words.end(), {"-drive",
                               "if=none,id=env,format=raw,media=cdrom,readonly=on,file=" +
                                   machine.write("env.iso", settings_disc(bus)),
                               "-device", "ide-cd,drive=env,bus=ide.1"});
    machine.boot(words);
  }
  std::string serial_below(Shell& shell, const std::string& folder) {
    return shell.run(
        "udevadm info --query=property --property=ID_SCSI_SERIAL --value $(findmnt --noheadings --output SOURCE " +
        folder + ")");
  }
};

TEST_CASE("a node boots from the disk of vSphere's stemcell and serves its agent's whole life") {
  Vm vm;
  vm.boot({"-device", Vm::disk("ephemeral", ephemeral_uuid, 1)});
  auto& director = vm.director;
  vm.machine.wait_until_ready(director);
  const auto state = director.ask("get_state", {"full"}).value;
  CHECK(state["agent_id"] == agent_id);
  CHECK(state["vm"]["name"] == std::string("vm-") + agent_id);
  CHECK(state["vitals"]["disk"].contains("ephemeral"));

  // A disk comes while it runs, and is found by the hint that attach_disk gives.
  vm.machine.tell("device_add", {{"driver", "scsi-hd"},
                                 {"bus", "scsi.0"},
                                 {"scsi-id", 2},
                                 {"drive", "persistent"},
                                 {"id", "late"},
                                 {"serial", cpi::vsphere::plain_uuid(persistent_uuid)}});
  director.finish("add_persistent_disk",
                  {persistent_disk, cpi::vsphere::disk_hint(cpi::vsphere::plain_uuid(persistent_uuid))});
  director.finish("mount_disk", {persistent_disk}, 60s);
  CHECK(director.finish("list_disk").value == Json::array({persistent_disk}));

  Shell shell(director, node_address);
  CHECK(vm.serial_below(shell, "/var/vcap/data") == cpi::vsphere::plain_uuid(ephemeral_uuid));
  CHECK(vm.serial_below(shell, "/var/vcap/store") == cpi::vsphere::plain_uuid(persistent_uuid));
  CHECK(shell.run("basename $(readlink -f /sys/class/net/eth0/device/driver)") == "vmxnet3");
  CHECK(std::stol(shell.run("stat --file-system --format=%b /")) * 4096 > (7l << 30));
  CHECK(shell.run("systemctl is-system-running") == "running");
  CHECK(shell.run("systemctl show --property=NRestarts --value bosh-agent") == "0");
  // No job finds the cloud's settings mounted.
  CHECK(shell.run("findmnt --noheadings --types iso9660 | wc -l") == "0");

  // Off and on again, with its disks in another order, it finds all of them.
  shell.run("touch /var/vcap/store/kept; sync");
  vm.boot({"-device", Vm::disk("persistent", persistent_uuid, 1), "-device", Vm::disk("ephemeral", ephemeral_uuid, 2)});
  vm.machine.wait_until_ready(director);
  Shell again(director, node_address);
  CHECK(vm.serial_below(again, "/var/vcap/data") == cpi::vsphere::plain_uuid(ephemeral_uuid));
  CHECK(again.run("ls /var/vcap/store/kept") == "/var/vcap/store/kept");
}

}  // namespace vsphere_node_test
