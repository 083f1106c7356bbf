#include <doctest/doctest.h>

#include "base/digest.hpp"
#include "cpi/aws/agent_settings.hpp"
#include "cpi/aws/device_names.hpp"
#include "test/clouds/instance_metadata.hpp"
#include "test/clouds/node/machine.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace aws_node_test {

constexpr const char* agent_id = "node-on-ec2";
constexpr const char* mac = "52:54:00:aa:77:01";
constexpr const char* node_address = "10.77.5.9";
constexpr const char* metadata_address = "169.254.169.254";
constexpr const char* ephemeral_volume = "vol-0aaaaaaaaaaaaaaa2";
constexpr const char* persistent_volume = "vol-0bbbbbbbbbbbbbbb3";

std::string serial(std::string volume) {
  std::erase(volume, '-');
  return volume;
}

// The lab as a subnet: addresses, a router, the largest packet and a DNS server by DHCP, and the metadata service at
// the address that is a machine's own.
class Subnet {
 public:
  explicit Subnet(const std::string& user_data)
      : metadata_(
            (run_checked({.argv = {"ip", "address", "add", std::string(metadata_address) + "/32", "dev", "lab0"}}),
             metadata_address),
            80, user_data) {
    ChildProcess::Options dhcp;
    dhcp.argv = {"dnsmasq",
                 "--conf-file=/dev/null",
                 "--keep-in-foreground",
                 "--port=0",
                 "--interface=lab0",
                 "--bind-interfaces",
                 "--dhcp-range=10.77.5.9,10.77.5.9,255.255.0.0",
                 std::string("--dhcp-host=") + mac + "," + node_address,
                 std::string("--dhcp-option=option:router,") + lab_address,
                 "--dhcp-option=option:mtu,1460",
                 std::string("--dhcp-option=option:dns-server,") + lab_address,
                 "--dhcp-leasefile=/dev/null",
                 "--pid-file="};
    dhcp.pipe_stdio = false;
    dhcp_ = std::make_unique<ChildProcess>(dhcp);
  }
  const InstanceMetadata& metadata() const { return metadata_; }

 private:
  InstanceMetadata metadata_;
  std::unique_ptr<ChildProcess> dhcp_;
};

std::string settings_for(const agent::contract::BusServer& bus) {
  cpi::CreateVm request;
  request.agent = {agent_id};
  request.networks = {{"default",
                       {{"type", "manual"},
                        {"ip", node_address},
                        {"netmask", "255.255.0.0"},
                        {"gateway", lab_address},
                        {"default", {"dns", "gateway"}},
                        {"cloud_properties", {{"subnet", "subnet-0123456789abcdef0"}}}}}};
  request.env = {{"bosh", {{"mbus", bus.bootstrap_env(agent_id)}}}};
  cpi::aws::AwsConfig config;
  config.agent_mbus = bus.url();
  config.agent_ntp = {lab_address};
  // As RunInstances gets it; EC2 hands it on decoded.
  return base64_decode(cpi::aws::user_data(cpi::aws::agent_settings(request, {}, config, "/dev/xvda", {})));
}

// An instance of the Nitro system, as nearly as QEMU has it: NVMe disks whose serial numbers are volumes' ids. Its
// card is another one.
struct Instance {
  agent::contract::BusServer bus{agent_id, true, lab_address};
  Subnet subnet{settings_for(bus)};
  Machine machine{
      {.card = "virtio-net-pci",
       .mac = mac,
       .disk_format = "raw",
       .hardware = {"-device", "nvme,drive=root,serial=" + serial("vol-0ccccccccccccccc1") + ",bootindex=1"}}};
  agent::contract::Director director{bus, agent_id};

  Instance() {
    machine.add_drive("ephemeral", 2048);
    machine.add_drive("persistent", 1024);
  }
  static std::string device(const std::string& drive, const std::string& volume) {
    return "nvme,drive=" + drive + ",serial=" + serial(volume);
  }
  std::string serial_below(Shell& shell, const std::string& folder) {
    return shell.run("cat /sys/class/block/$(basename $(findmnt --noheadings --output SOURCE " + folder +
                     "))/device/serial | tr -d \" \"");
  }
};

TEST_CASE("a node boots from the disk of AWS' stemcell and serves its agent's whole life") {
  Instance instance;
  instance.machine.boot({"-device", Instance::device("ephemeral", ephemeral_volume)});
  auto& director = instance.director;
  instance.machine.wait_until_ready(director);
  const auto exchanges = instance.subnet.metadata().exchanges();
  REQUIRE(exchanges.size() >= 2);
  CHECK(exchanges[0] == "PUT /latest/api/token 200");
  CHECK(exchanges[1] == "GET /latest/user-data 200");
  const auto state = director.ask("get_state", {"full"}).value;
  CHECK(state["agent_id"] == agent_id);
  CHECK(state["vm"]["name"] == std::string("vm-") + agent_id);
  CHECK(state["vitals"]["disk"].contains("ephemeral"));

  // A volume comes while it runs, and is found by the hint that attach_disk gives.
  instance.machine.tell(
      "device_add",
      {{"driver", "nvme"}, {"drive", "persistent"}, {"serial", serial(persistent_volume)}, {"id", "late"}});
  const auto hint = cpi::aws::device_hint("m6i.large", "/dev/sdf", persistent_volume);
  director.finish("add_persistent_disk", {persistent_volume, hint});
  director.finish("mount_disk", {persistent_volume}, 60s);
  CHECK(director.finish("list_disk").value == Json::array({persistent_volume}));

  Shell shell(director, node_address);
  CHECK(instance.serial_below(shell, "/var/vcap/data") == serial(ephemeral_volume));
  CHECK(instance.serial_below(shell, "/var/vcap/store") == serial(persistent_volume));
  CHECK(shell.run("cat /sys/class/net/eth0/mtu") == "1460");
  CHECK(shell.run("cat /run/slipway-dns/upstream.conf") == std::string("nameserver ") + lab_address);
  CHECK(shell.run("systemctl is-active systemd-timesyncd") == "active");
  CHECK(shell.run("timedatectl show-timesync --property=SystemNTPServers --value") == lab_address);
  // The root file system, of 3 GiB in the stemcell, has what the volume has.
  CHECK(std::stol(shell.run("stat --file-system --format=%b /")) * 4096 > (7l << 30));
  CHECK(shell.run("systemctl is-system-running") == "running");
  CHECK(shell.run("systemctl show --property=NRestarts --value bosh-agent") == "0");

  // Who looks at its console sees what the agent does, and no secret.
  const auto console = instance.machine.console();
  CHECK(console.find("agent.started") != std::string::npos);
  CHECK(console.find("PRIVATE KEY") == std::string::npos);

  // An agent that begins anew leaves the lease alone.
  const auto since = shell.run(
      "touch /var/vcap/store/kept; systemctl show --property=ActiveEnterTimestampMonotonic --value systemd-networkd");
  shell.run("systemctl restart bosh-agent");
  director.wait_until_ready(30s);
  CHECK(shell.run("systemctl show --property=ActiveEnterTimestampMonotonic --value systemd-networkd") == since);

  // Stopped and started, by UEFI now and with its disks in another order, it finds all of them again.
  shell.run("sync");
  instance.machine.boot({"-bios", "/usr/share/ovmf/OVMF.fd", "-device",
                         Instance::device("persistent", persistent_volume), "-device",
                         Instance::device("ephemeral", ephemeral_volume)});
  instance.machine.wait_until_ready(director);
  Shell again(director, node_address);
  CHECK(again.run("ls -d /sys/firmware/efi") == "/sys/firmware/efi");
  CHECK(instance.serial_below(again, "/var/vcap/data") == serial(ephemeral_volume));
  CHECK(again.run("ls /var/vcap/store/kept") == "/var/vcap/store/kept");
  for (const auto& exchange : instance.subnet.metadata().exchanges()) CHECK(exchange.ends_with(" 200"));
}

}  // namespace aws_node_test
