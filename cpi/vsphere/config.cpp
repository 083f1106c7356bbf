#include "cpi/vsphere/config.hpp"

#include <regex>
#include <set>

#include "base/config.hpp"
#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::cpi::vsphere {

namespace {

// Keys of the file that a CPI config's properties may set. Where the CPI's own files lie is not among them.
constexpr const char* context_keys[] = {
    "host",        "port",  "user",     "password",          "ca_cert",
    "datacenters", "agent", "defaults", "default_disk_type", "enable_auto_anti_affinity_drs_rules"};

void check_pattern(const std::string& pattern, const std::string& place, Problems& problems) {
  try {
    const std::regex compiled(pattern);
  } catch (const std::regex_error&) {
    problems.add(place, "'" + pattern + "' is not a regular expression");
  }
}

// A path of folders: no empty part, nothing that climbs.
void check_path(const std::string& path, const std::string& place, Problems& problems) {
  const bool bad = path.empty() || path.front() == '/' || path.back() == '/' || !is_safe_relative(path) ||
                   path.find("//") != std::string::npos || path.find_first_of("[]\\%") != std::string::npos;
  if (bad) problems.add(place, "'" + path + "' is not a path of folders such as 'slipway/vms'");
}

ClusterConfig read_cluster(const Json& value, const std::string& place, Problems& problems) {
  ClusterConfig cluster;
  if (value.is_string()) {
    cluster.name = value.get<std::string>();
  } else if (value.is_object() && value.size() == 1) {
    cluster.name = value.begin().key();
    const Json& inner = value.begin().value();
    if (inner.is_object()) {
      JsonReader in(inner, place + "." + cluster.name, problems);
      cluster.resource_pool = in.string_or("resource_pool", "");
      in.refuse_unknown();
    } else if (!inner.is_null()) {
      problems.add(place + "." + cluster.name, "is not an object {resource_pool}");
    }
  }
  if (cluster.name.empty())
    problems.add(place, "is neither a cluster's name nor {NAME: {resource_pool: POOL}}");
  return cluster;
}

DatacenterConfig read_datacenter(const Json& value, const std::string& place, Problems& problems) {
  DatacenterConfig datacenter;
  if (!value.is_object()) {
    problems.add(place, "is not an object {name, clusters, datastore_pattern, …}");
    return datacenter;
  }
  JsonReader in(value, place, problems);
  datacenter.name = in.string("name");
  datacenter.vm_folder = in.string_or("vm_folder", "slipway/vms");
  datacenter.template_folder = in.string_or("template_folder", "slipway/stemcells");
  datacenter.disk_path = in.string_or("disk_path", "slipway-disks");
  datacenter.datastore_pattern = in.string_or("datastore_pattern", ".*");
  datacenter.persistent_datastore_pattern =
      in.string_or("persistent_datastore_pattern", datacenter.datastore_pattern);
  in.find("allow_mixed_datastores");  // BOSH's: there is no other way here
  const Json& clusters = in.array("clusters");
  in.refuse_unknown();
  if (clusters.is_array() && clusters.empty()) problems.add(in.place("clusters"), "is empty");
  for (std::size_t i = 0; clusters.is_array() && i < clusters.size(); ++i) {
    datacenter.clusters.push_back(
        read_cluster(clusters[i], in.place("clusters") + "[" + std::to_string(i) + "]", problems));
  }
  check_pattern(datacenter.datastore_pattern, in.place("datastore_pattern"), problems);
  check_pattern(datacenter.persistent_datastore_pattern, in.place("persistent_datastore_pattern"), problems);
  if (!datacenter.name.empty()) check_path(datacenter.name, in.place("name"), problems);
  check_path(datacenter.vm_folder, in.place("vm_folder"), problems);
  check_path(datacenter.template_folder, in.place("template_folder"), problems);
  check_path(datacenter.disk_path, in.place("disk_path"), problems);
  return datacenter;
}

void read_datacenters(const Json& list, VsphereConfig& config, Problems& problems) {
  if (!list.is_array() || list.empty())
    problems.add("datacenters", "is not a list of at least one datacenter");
  std::set<std::string> names;
  for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
    const auto place = "datacenters[" + std::to_string(i) + "]";
    config.datacenters.push_back(read_datacenter(list[i], place, problems));
    if (!names.insert(config.datacenters.back().name).second) {
      problems.add(place + ".name", "'" + config.datacenters.back().name + "' is used twice");
    }
  }
}

VsphereConfig read(Config& in) {
  VsphereConfig config;
  config.host = in.string("host", "name or address of the vCenter");
  config.port = in.integer("port", 443, 1, 65535, "its HTTPS port");
  config.user = in.string("user", "account, such as slipway@vsphere.local");
  const auto password =
      in.string("password", "", "its password; better in a file of its own, or in a CPI config");
  const auto password_file =
      in.path("password_file", "", "file that holds the password; one newline at its end is dropped");
  config.ca_pem = in.string("ca_cert", "",
                            "PEM text of the CAs that vouch for vCenter and its hosts; empty: the system's");
  const auto ca_file = in.path("ca_file", "", "file with the same");
  config.verify_tls = in.boolean("verify_tls", true, "false: any certificate will do, and any impostor");
  const auto datacenters = in.value("datacenters", Json::array(),
                                    "list of {name, clusters, vm_folder, template_folder, "
                                    "disk_path, datastore_pattern, persistent_datastore_pattern}, see below");
  config.agent_mbus =
      in.value("agent.mbus", "", "URL, or list of URLs, of the message bus agents connect to");
  config.agent_blobstore =
      in.value("agent.blobstore", Json::object(), "{provider, options} agents fetch blobs from");
  config.agent_ntp = in.strings("agent.ntp", {}, "time servers of the nodes");
  config.default_cpu = in.integer("defaults.cpu", 1, 1, 1024, "processors of a VM");
  config.default_ram_mib = in.integer("defaults.ram", 1024, 64, 1 << 24, "memory of a VM in MiB");
  config.default_ephemeral_disk_mib =
      in.integer("defaults.disk", 4096, 0, 1 << 30, "ephemeral disk in MiB; 0: none");
  config.default_disk_type =
      in.string("default_disk_type", "thin", "of disks: thin, preallocated or eagerZeroedThick");
  config.datastore_headroom_mib =
      in.integer("datastore_headroom_mib", 1024, 0, 1 << 30, "what placement leaves free on a datastore");
  config.task_timeout_s =
      in.integer("task_timeout_s", 3600, 1, 86400, "how long a task of vCenter's may take");
  config.auto_anti_affinity = in.boolean("enable_auto_anti_affinity_drs_rules", false,
                                         "keep the VMs of an instance group on different hosts");
  in.finish();

  Problems problems;
  config.password = Secret(password);
  if (!password_file.empty()) {
    auto text = read_file(password_file, 4096);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    config.password = Secret(std::move(text));
  }
  if (config.password.empty())
    problems.add("password", "is required, here, in password_file or in the CPI config");
  if (!ca_file.empty()) config.ca_pem = read_file(ca_file, 1u << 20);
  if (config.host.find_first_of("/@? #") != std::string::npos)
    problems.add("host", "'" + config.host + "' is not a name or address");
  if (config.default_disk_type != "thin" && config.default_disk_type != "preallocated" &&
      config.default_disk_type != "eagerZeroedThick") {
    problems.add("default_disk_type", "is '" + config.default_disk_type +
                                          "'; allowed are thin, preallocated and eagerZeroedThick");
  }
  read_datacenters(datacenters, config, problems);
  problems.throw_if_any("the vSphere CPI's configuration");
  return config;
}

}  // namespace

std::string VsphereConfig::url() const {
  const bool is_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return "https://" + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

const DatacenterConfig* VsphereConfig::find_datacenter(const std::string& name) const {
  for (const auto& datacenter : datacenters) {
    if (datacenter.name == name) return &datacenter;
  }
  return nullptr;
}

VsphereConfig load_vsphere_config(const std::string& file, const Json& context) {
  auto value = parse_yaml(read_file(file), file);
  if (value.is_null()) value = Json::object();
  for (const char* key : context_keys) {
    if (value.is_object() && context.contains(key)) value[key] = context[key];
  }
  auto in = Config::from(std::move(value), file);
  return read(in);
}

VsphereConfig read_vsphere_config(Json value, const std::string& source) {
  auto in = Config::from(std::move(value), source);
  return read(in);
}

std::string vsphere_config_reference() {
  auto in = Config::describing();
  try {
    read(in);
  } catch (const Error&) {
    // Describing reads nothing, so what is required is missing.
  }
  return in.reference_markdown("slipway-cpi-vsphere") +
         "\nWhat goes into `datacenters`, which privileges the account needs, and what the CPI makes of a "
         "deployment's\n"
         "`cloud_properties`: [the vSphere CPI](vsphere-cpi.md).\n";
}

}  // namespace slipway::cpi::vsphere
