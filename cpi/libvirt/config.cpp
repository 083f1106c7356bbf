#include "cpi/libvirt/config.hpp"

#include <set>

#include "base/config.hpp"

namespace slipway::cpi {

namespace {

LibvirtHost read_host(const Json& value, const std::string& place, Problems& problems) {
  LibvirtHost host;
  if (!value.is_object()) {
    problems.add(place, "is not an object {name, az, uri, mode, storage, fence}");
    return host;
  }
  JsonReader in(value, place, problems);
  host.name = in.string("name");
  host.az = in.string_or("az", "");
  const auto mode = in.string_or("mode", "lxc");
  if (mode != "lxc" && mode != "qemu") problems.add(in.place("mode"), "is '" + mode + "'; allowed are lxc and qemu");
  host.mode = mode == "qemu" ? VirtMode::qemu : VirtMode::lxc;
  host.uri = in.string_or("uri", host.mode == VirtMode::qemu ? "qemu:///system" : "lxc:///system");
  host.storage = in.string("storage");
  if (!host.storage.empty() && !host.storage.is_absolute()) {
    problems.add(in.place("storage"), "'" + host.storage.string() + "' is not an absolute path");
  }
  if (in.has("fence")) {
    JsonReader fence(in.object("fence"), in.place("fence"), problems);
    host.fence_program = fence.string("program");
    host.fence_options_file = fence.string_or("options_file", "");
    if (!host.fence_program.empty() && host.fence_program.front() != '/')
      problems.add(fence.place("program"), "'" + host.fence_program + "' is not an absolute path");
    fence.refuse_unknown();
  }
  in.refuse_unknown();
  return host;
}

void read_hosts(const Json& hosts, LibvirtConfig& config) {
  Problems problems;
  if (!hosts.is_array() || hosts.empty()) problems.add("hosts", "is not a list of at least one host");
  std::set<std::string> names;
  for (std::size_t i = 0; hosts.is_array() && i < hosts.size(); ++i) {
    const auto place = "hosts[" + std::to_string(i) + "]";
    config.hosts.push_back(read_host(hosts[i], place, problems));
    if (!names.insert(config.hosts.back().name).second) {
      problems.add(place + ".name", "'" + config.hosts.back().name + "' is used twice");
    }
  }
  problems.throw_if_any("the libvirt CPI's configuration");
}

LibvirtConfig read(Config& in) {
  LibvirtConfig config;
  const auto hosts = in.value("hosts", Json::array(), "list of {name, az, uri, mode: lxc or qemu, storage: folder, fence: {program, options_file}}");
  const auto mbus = in.value("agent.mbus", "", "URL, or list of URLs, of the message bus agents connect to");
  config.agent_blobstore = in.value("agent.blobstore", Json::object(), "{provider, options} agents fetch blobs from");
  config.agent_ntp = in.strings("agent.ntp", {}, "time servers of the nodes");
  config.default_cpu = in.integer("defaults.cpu", 1, 1, 1024, "processors of a VM");
  config.default_ram_mib = in.integer("defaults.ram", 1024, 64, 1 << 24, "memory of a VM in MiB");
  config.default_ephemeral_disk_mib = in.integer("defaults.ephemeral_disk", 4096, 0, 1 << 30, "ephemeral disk in MiB; 0: none");
  config.default_bridge = in.string("defaults.bridge", "", "bridge of networks that name none");
  config.root_disk_mib = in.integer("root_disk_mib", 4096, 512, 1 << 24, "root file system of a QEMU node in MiB");
  config.detach_timeout_s = in.integer("detach_timeout_s", 90, 1, 3600, "how long a guest may take to let go of a disk");
  config.fence_after_s = in.integer("fence_after_s", 30, 0, 3600, "seconds a host is silent, when a VM of it is to be deleted, before it is fenced");
  in.finish();
  if (mbus.is_string()) config.agent_mbus = mbus.get<std::string>();
  if (mbus.is_array() && !mbus.empty() && mbus[0].is_string()) config.agent_mbus = mbus[0].get<std::string>();
  read_hosts(hosts, config);
  return config;
}

}  // namespace

const LibvirtHost* LibvirtConfig::find_host(const std::string& name) const {
  for (const auto& host : hosts) {
    if (host.name == name) return &host;
  }
  return nullptr;
}

LibvirtConfig load_libvirt_config(const std::string& file) {
  auto in = Config::load(file);
  return read(in);
}

LibvirtConfig read_libvirt_config(Json value, const std::string& source) {
  auto in = Config::from(std::move(value), source);
  return read(in);
}

std::string libvirt_config_reference() {
  auto in = Config::describing();
  try {
    read(in);
  } catch (const Error&) {
    // Describing reads nothing, so hosts are missing.
  }
  return in.reference_markdown("slipway-cpi-libvirt");
}

}  // namespace slipway::cpi
