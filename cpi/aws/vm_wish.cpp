#include "cpi/aws/vm_wish.hpp"

#include <algorithm>

namespace slipway::cpi::aws {

namespace {

constexpr std::int64_t default_ephemeral_mib = 10 * 1024;

VolumeWish read_root_disk(const Json& value, const std::string& place, const AwsConfig& config,
                          Problems& problems) {
  JsonReader in(value, place, problems);
  auto wish = read_volume_wish(in, config, problems);
  // A root volume is encrypted as its image is, unless the VM itself says so.
  wish.encrypted = in.boolean_or("encrypted", false);
  if (!wish.encrypted) wish.kms_key_arn.clear();
  return wish;
}

void read_ephemeral_disk(const Json& value, const std::string& place, const AwsConfig& config, VmWish& wish,
                         Problems& problems) {
  JsonReader in(value, place, problems);
  wish.ephemeral_on_instance_storage = in.boolean_or("use_instance_storage", false);
  wish.ephemeral_disk = read_volume_wish(in, config, problems);
  if (wish.ephemeral_disk.size_mib == 0) wish.ephemeral_disk.size_mib = default_ephemeral_mib;
  if (!wish.ephemeral_on_instance_storage) return;
  for (const auto* key : {"size", "type", "iops", "throughput", "encrypted", "kms_key_arn"}) {
    if (in.has(key)) problems.add(in.place(key), "cannot be chosen with use_instance_storage");
  }
}

void read_metadata_options(const Json& value, const std::string& place, VmWish& wish, Problems& problems) {
  JsonReader in(value, place, problems);
  const auto tokens = in.string_or("http_tokens", "required");
  if (tokens != "required") {
    problems.add(in.place("http_tokens"),
                 "is '" + tokens + "'; only required is allowed: instances answer to IMDSv2 alone");
  }
  wish.metadata_hop_limit = in.integer_or("http_put_response_hop_limit", 1, 1, 64);
  wish.metadata_tags = in.string_or("instance_metadata_tags", "disabled") == "enabled";
}

void read_properties(const Json& properties, const AwsConfig& config, VmWish& wish, Problems& problems) {
  JsonReader in(properties, "cloud_properties", problems);
  wish.instance_type = in.string_or("instance_type", config.default_instance_type);
  if (wish.instance_type.empty())
    problems.add(in.place("instance_type"), "is missing, and the CPI has no default_instance_type");
  wish.availability_zone = in.string_or("availability_zone", "");
  wish.key_name = in.string_or("key_name", config.default_key_name);
  wish.iam_instance_profile = in.string_or("iam_instance_profile", config.default_iam_instance_profile);
  wish.placement_group = in.string_or("placement_group", "");
  wish.tenancy = in.string_or("tenancy", "");
  if (const auto* price = in.find("spot_bid_price")) {
    if (price->is_number() && price->get<double>() > 0)
      wish.spot_bid_price = price->dump();
    else if (price->is_string())
      wish.spot_bid_price = price->get<std::string>();
    else
      problems.add(in.place("spot_bid_price"), "is not a price above 0");
  }
  wish.spot_ondemand_fallback = in.boolean_or("spot_ondemand_fallback", false);
  wish.auto_assign_public_ip = in.boolean_or("auto_assign_public_ip", false);
  wish.source_dest_check = in.boolean_or("source_dest_check", true);
  wish.elbs = in.strings_or_empty("elbs");
  wish.lb_target_groups = in.strings_or_empty("lb_target_groups");
  if (in.boolean_or("raw_instance_storage", false)) {
    problems.add(in.place("raw_instance_storage"),
                 "is not supported by this CPI; ephemeral_disk.use_instance_storage is");
  }
  const auto& routes = in.array_or_empty("advertised_routes");
  for (std::size_t i = 0; i < routes.size(); ++i) {
    JsonReader route(routes[i], in.place("advertised_routes") + "[" + std::to_string(i) + "]", problems);
    wish.advertised_routes.push_back({route.string("table_id"), route.string("destination")});
  }
  read_ephemeral_disk(in.object_or_empty("ephemeral_disk"), in.place("ephemeral_disk"), config, wish,
                      problems);
  wish.root_disk = read_root_disk(in.object_or_empty("root_disk"), in.place("root_disk"), config, problems);
  read_metadata_options(in.object_or_empty("metadata_options"), in.place("metadata_options"), wish, problems);
  wish.tags = in.object_or_empty("tags");
}

void read_network(const std::string& name, const Json& network, const std::vector<std::string>& vm_groups,
                  const AwsConfig& config, VmWish& wish, Problems& problems) {
  const auto place = "networks." + name;
  if (!network.is_object()) {
    problems.add(place, "is not an object");
    return;
  }
  JsonReader in(network, place, problems);
  const auto type = in.string_or("type", "manual");
  if (type != "manual" && type != "dynamic" && type != "vip") {
    problems.add(in.place("type"), "is '" + type + "'; allowed are manual, dynamic and vip");
    return;
  }
  if (type == "vip") {
    if (!wish.vip.empty()) problems.add(place, "is a second vip network: an instance has one Elastic IP");
    wish.vip = in.string("ip");
    return;
  }
  JsonReader properties(in.object_or_empty("cloud_properties"), place + ".cloud_properties", problems);
  NicWish nic{.network = name, .subnet = properties.string("subnet")};
  if (type == "manual") nic.ip = in.string("ip");
  nic.groups = vm_groups;
  if (nic.groups.empty()) nic.groups = properties.strings_or_empty("security_groups");
  if (nic.groups.empty()) nic.groups = config.default_security_groups;
  const auto dns = in.strings_or_empty("dns");
  if (wish.nameserver.empty() && !dns.empty()) wish.nameserver = dns.front();
  const auto roles = in.strings_or_empty("default");
  const bool has_gateway = std::find(roles.begin(), roles.end(), "gateway") != roles.end();
  wish.nics.insert(has_gateway ? wish.nics.begin() : wish.nics.end(), std::move(nic));
}

}  // namespace

VmWish read_vm_wish(const CreateVm& request, const AwsConfig& config) {
  Problems problems;
  VmWish wish;
  const Json properties = request.cloud_properties.is_null() ? Json::object() : request.cloud_properties;
  read_properties(properties, config, wish, problems);
  const auto vm_groups =
      JsonReader(properties, "cloud_properties", problems).strings_or_empty("security_groups");
  for (const auto& [name, network] : request.networks.items())
    read_network(name, network, vm_groups, config, wish, problems);
  if (wish.nics.empty() && problems.empty())
    problems.add("networks", "name no subnet: a manual or dynamic network is needed");
  if (wish.auto_assign_public_ip && wish.nics.size() > 1) {
    problems.add("cloud_properties.auto_assign_public_ip", "is possible with one network only");
  }
  if (problems.empty()) return wish;
  std::string details;
  for (const auto& problem : problems.items())
    details += (details.empty() ? "" : "; ") + problem.place + " " + problem.message;
  throw CpiError(ErrorType::vm_creation_failed, Fault::invalid, details, false);
}

}  // namespace slipway::cpi::aws
