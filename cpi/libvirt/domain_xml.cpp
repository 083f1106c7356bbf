#include "cpi/libvirt/domain_xml.hpp"

#include <algorithm>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

#include "base/digest.hpp"

namespace slipway::cpi {

namespace {

std::string element(std::string_view name, std::string_view text) {
  return "<" + std::string(name) + ">" + escape_xml(text) + "</" + std::string(name) + ">";
}

std::string common_head(const char* type, const DomainSpec& spec) {
  return "<domain type='" + std::string(type) + "'>" + element("name", spec.vm.value) +
         element("uuid", uuid_of(spec.agent)) + "<memory unit='MiB'>" + std::to_string(spec.ram_mib) + "</memory>" +
         "<vcpu>" + std::to_string(spec.cpu) + "</vcpu>";
}

constexpr const char* lifecycle =
    "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>";

std::string folder_xml(const std::filesystem::path& source, const std::string& target, bool writable) {
  return "<filesystem type='mount'><source dir='" + escape_xml(source.string()) + "'/><target dir='" +
         escape_xml(target) + "'/>" + (writable ? "" : "<readonly/>") + "</filesystem>";
}

std::string file_disk_xml(const std::filesystem::path& source, const char* format, const char* target, bool writable,
                          const char* serial) {
  return "<disk type='file' device='disk'><driver name='qemu' type='" + std::string(format) +
         "' discard='unmap'/><source file='" + escape_xml(source.string()) + "'/><target dev='" + target +
         "' bus='virtio'/>" + (writable ? "" : "<readonly/>") + element("serial", serial) + "</disk>";
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&apos;"; break;
      case '"': out += "&quot;"; break;
      default:
        // XML 1.0 has no way to write other control characters.
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

std::string lxc_domain_xml(const DomainSpec& spec) {
  std::string xml = common_head("lxc", spec);
  xml += "<cputune><shares>" + std::to_string(std::min<std::int64_t>(1024 * spec.cpu, 262144)) + "</shares></cputune>";
  xml += "<os><type arch='x86_64'>exe</type><init>/usr/lib/slipway/lxc-init</init></os>";
  xml += "<features><privnet/><capabilities policy='allow'/></features>";
  xml += lifecycle;
  xml += "<devices><emulator>/usr/lib/libvirt/libvirt_lxc</emulator>";
  xml += folder_xml(spec.stemcell / "rootfs", "/", false);
  xml += folder_xml(spec.folder / "vm", "/vm", true);
  xml += folder_xml(spec.folder / "config", "/var/vcap/bosh/config-drive", false);
  xml += folder_xml(spec.folder / "ephemeral", "/var/vcap/data", true);
  for (std::size_t i = 0; i < spec.nics.size(); ++i) {
    xml += "<interface type='bridge'><source bridge='" + escape_xml(spec.nics[i].bridge) + "'/><mac address='" +
           escape_xml(spec.nics[i].mac) + "'/><guest dev='eth" + std::to_string(i) + "'/></interface>";
  }
  return xml + "<console type='pty'/></devices></domain>";
}

std::string qemu_domain_xml(const DomainSpec& spec) {
  std::string xml = common_head(spec.accelerated ? "kvm" : "qemu", spec);
  xml += "<os><type arch='x86_64' machine='pc'>hvm</type>" + element("kernel", (spec.stemcell / "vmlinuz").string());
  if (spec.has_initrd) xml += element("initrd", (spec.stemcell / "initrd.img").string());
  // Emulated processors keep time badly and gain nothing from mitigations.
  const std::string emulated = spec.accelerated ? "" : " mitigations=off tsc=reliable no_timer_check";
  xml += "<cmdline>root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet panic=10" + emulated + "</cmdline></os>";
  xml += "<features><acpi/><apic/></features>";
  xml += spec.accelerated ? "<cpu mode='host-passthrough'/>" : "<cpu mode='maximum'/>";
  xml += "<clock offset='utc'/>";
  xml += lifecycle;
  xml += "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>";
  xml += file_disk_xml(spec.folder / "root.qcow2", "qcow2", "vda", true, "slipway-root");
  if (spec.has_ephemeral_disk) {
    xml += file_disk_xml(spec.folder / "ephemeral.raw", "raw", "vdb", true, ephemeral_serial);
  }
  xml += file_disk_xml(spec.folder / "config.img", "raw", "vdc", false, "slipway-config");
  for (const auto& nic : spec.nics) {
    xml += "<interface type='bridge'><source bridge='" + escape_xml(nic.bridge) + "'/><mac address='" +
           escape_xml(nic.mac) + "'/><model type='virtio'/></interface>";
  }
  const auto log = escape_xml((spec.folder / "console.log").string());
  xml += "<serial type='file'><source path='" + log + "' append='on'/><target port='0'/></serial>";
  xml += "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>";
  return xml + "<memballoon model='none'/></devices></domain>";
}

std::string disk_xml(VirtMode mode, const DomainDisk& disk) {
  const auto source = escape_xml(disk.source);
  std::string xml = mode == VirtMode::lxc
                        ? "<disk type='block' device='disk'><driver name='phy' type='raw'/><source dev='" + source + "'/>"
                        : "<disk type='file' device='disk'><driver name='qemu' type='raw' discard='unmap'/><source file='" +
                              source + "'/>";
  return xml + "<target dev='" + escape_xml(disk.target) + "' bus='virtio'/>" + element("serial", disk.serial) + "</disk>";
}

std::vector<DomainDisk> disks_in(const std::string& domain_xml) {
  boost::property_tree::ptree tree;
  std::istringstream in(domain_xml);
  boost::property_tree::read_xml(in, tree);
  std::vector<DomainDisk> disks;
  const auto devices = tree.get_child_optional("domain.devices");
  if (!devices) return disks;
  for (const auto& [name, device] : *devices) {
    if (name != "disk") continue;
    DomainDisk disk;
    disk.serial = device.get("serial", "");
    if (disk.serial.rfind("disk-", 0) != 0) disk.serial.clear();
    disk.source = device.get("source.<xmlattr>.dev", device.get("source.<xmlattr>.file", ""));
    disk.target = device.get("target.<xmlattr>.dev", "");
    disks.push_back(disk);
  }
  return disks;
}

std::string free_target(VirtMode mode, const std::vector<DomainDisk>& taken) {
  const std::string prefix = mode == VirtMode::lxc ? "sd" : "vd";
  // vda to vdc are the node's own.
  for (char letter = mode == VirtMode::lxc ? 'a' : 'd'; letter <= 'z'; ++letter) {
    const auto name = prefix + letter;
    const auto is_it = [&](const DomainDisk& disk) { return disk.target == name; };
    if (std::none_of(taken.begin(), taken.end(), is_it)) return name;
  }
  throw CpiError(ErrorType::cloud_error, "the VM has no free device name for another disk");
}

Json disk_hint(VirtMode mode, const DomainDisk& disk) {
  if (mode == VirtMode::lxc) return {{"path", "/dev/" + disk.target}};
  return {{"path", "/dev/disk/by-id/virtio-" + disk.serial}};
}

std::string uuid_of(const AgentId& agent) {
  auto hex = sha256_hex("slipway uuid " + agent.value).substr(0, 32);
  hex[12] = '4';
  constexpr std::string_view variants = "89ab";
  hex[16] = variants[static_cast<std::size_t>(hex[16]) % variants.size()];
  for (const std::size_t dash : {8u, 13u, 18u, 23u}) hex.insert(dash, "-");
  return hex;
}

std::string mac_of(const AgentId& agent, const std::string& network) {
  // Locally administered; forty bits, so that a thousand nodes do not meet.
  const auto hex = sha256_hex("slipway mac " + agent.value + " " + network);
  std::string mac = "06";
  for (std::size_t i = 0; i < 5; ++i) mac += ":" + hex.substr(2 * i, 2);
  return mac;
}

}  // namespace slipway::cpi
