#include "cpi/libvirt/settings.hpp"

namespace slipway::cpi {

namespace {

constexpr std::int64_t most_mib = std::int64_t{1} << 31;

void read_network(const std::string& name, const Json& network, const AgentId& agent, const LibvirtConfig& config,
                  VmWish& wish, Problems& problems) {
  const auto place = "networks." + name;
  if (!network.is_object()) {
    problems.add(place, "is not an object");
    return;
  }
  JsonReader in(network, place, problems);
  if (in.string_or("type", "manual") == "vip") return;
  in.string_or("ip", "");
  Problems nested;
  JsonReader properties(in.object_or_empty("cloud_properties"), place + ".cloud_properties", nested);
  const auto bridge = properties.string_or("bridge", config.default_bridge);
  problems.append(nested);
  if (bridge.empty()) {
    problems.add(place + ".cloud_properties.bridge", "is missing, and the CPI has no default_bridge");
  }
  const auto mac = mac_of(agent, name);
  wish.networks[name]["mac"] = mac;
  wish.nics.push_back({mac, bridge});
}

}  // namespace

VmWish read_wish(const CreateVm& request, const LibvirtConfig& config) {
  Problems problems;
  VmWish wish;
  const Json properties = request.cloud_properties.is_null() ? Json::object() : request.cloud_properties;
  JsonReader in(properties, "cloud_properties", problems);
  wish.host = in.string_or("host", "");
  wish.az = in.string_or("az", "");
  wish.cpu = in.integer_or("cpu", config.default_cpu, 1, 1024);
  wish.ram_mib = in.integer_or("ram", config.default_ram_mib, 64, most_mib);
  wish.ephemeral_disk_mib = in.integer_or("ephemeral_disk", config.default_ephemeral_disk_mib, 0, most_mib);
  wish.networks = request.networks;
  for (const auto& [name, network] : request.networks.items()) {
    read_network(name, network, request.agent, config, wish, problems);
  }
  if (problems.empty()) return wish;
  std::string details;
  for (const auto& problem : problems.items()) details += (details.empty() ? "" : "; ") + problem.place + " " + problem.message;
  throw CpiError(ErrorType::vm_creation_failed, Fault::invalid, details, false);
}

Json agent_settings(const CreateVm& request, const VmCid& vm, const VmWish& wish, VirtMode mode,
                    const LibvirtConfig& config) {
  Json settings;
  settings["agent_id"] = request.agent.value;
  settings["vm"] = {{"name", vm.value}};
  settings["mbus"] = config.agent_mbus;
  settings["ntp"] = config.agent_ntp;
  settings["blobstore"] = config.agent_blobstore;
  settings["networks"] = wish.networks;
  settings["disks"] = {{"system", mode == VirtMode::qemu ? "/dev/vda" : ""}, {"persistent", Json::object()}};
  if (mode == VirtMode::qemu && wish.ephemeral_disk_mib > 0) {
    settings["disks"]["ephemeral"] = {{"path", std::string("/dev/disk/by-id/virtio-") + ephemeral_serial}};
  }
  settings["env"] = request.env;
  settings["env"]["persistent_disk_fs"] = request.env.value("persistent_disk_fs", "ext4");
  return settings;
}

}  // namespace slipway::cpi
