#include "cpi/aws/vms.hpp"

#include <algorithm>

#include "cpi/aws/attachments.hpp"
#include "cpi/aws/names.hpp"
#include "cpi/aws/stemcells.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr int launches_at_most = 3;
constexpr std::chrono::seconds address_limit{60};
constexpr std::chrono::seconds interface_limit{60};

// EC2 ended the instance by itself before it ran: another one may do better.
class EndedEarly : public Error {
 public:
  explicit EndedEarly(const std::string& message) : Error(Fault::retryable, message) {}
};

bool is_address_in_use(const AwsError& error) {
  return error.is("InvalidIPAddress.InUse") || error.is("InvalidNetworkInterface.InUse") ||
         error.is("AddressInUse");
}

}  // namespace

Patience Vms::patience(const std::string& what) const {
  return Patience(api_.clock(), config_.first_poll, config_.wait_limit, what);
}

void Vms::remove_interfaces_of(const std::string& agent) const {
  remove_interfaces(
      api_, agent,
      Patience(api_.clock(), config_.first_poll, interface_limit, "removing the interfaces of " + agent));
}

std::optional<Instance> Vms::living(const std::string& agent) const {
  for (auto& instance : instances_of_agent(api_, agent)) {
    if (instance.lives()) return std::move(instance);
  }
  return std::nullopt;
}

CreatedVm Vms::create(const CreateVm& request) {
  const auto wish = read_vm_wish(request, config_);
  auto known = instances_of_agent(api_, request.agent.value);
  for (const auto& instance : known) {
    if (instance.lives()) return finish(wait_until_running(instance.id), request, wish);
  }
  check_zone_of_disks(request, wish);
  // Those that ended have used up their client tokens.
  for (int attempt = static_cast<int>(known.size()), last = attempt + launches_at_most - 1;; ++attempt) {
    try {
      const auto launch = prepare(request, wish, attempt);
      return finish(run(launch, attempt), request, wish);
    } catch (const EndedEarly& error) {
      if (attempt == last) throw CpiError(ErrorType::vm_creation_failed, error.what(), true);
      api_.log().warn("vm.ended_early", {{"agent", request.agent.value}, {"reason", error.what()}});
    }
  }
}

void Vms::check_zone_of_disks(const CreateVm& request, const VmWish& wish) const {
  std::vector<std::string> volumes;
  for (const auto& disk : request.disks) {
    if (is_ec2_id(disk.value, "vol")) volumes.push_back(disk.value);
  }
  if (volumes.empty()) return;
  auto zone = wish.availability_zone;
  if (zone.empty()) {
    const auto subnets =
        api_.ec2(Query("DescribeSubnets").list("SubnetId", {wish.nics.front().subnet})).items("subnetSet");
    if (!subnets.empty()) zone = subnets.front().text("availabilityZone");
  }
  for (const auto& volume : api_.pages(Query("DescribeVolumes").filter("volume-id", volumes), "volumeSet")) {
    if (volume.text("availabilityZone") == zone) continue;
    throw CpiError(ErrorType::vm_creation_failed, Fault::invalid,
                   "disk '" + volume.text("volumeId") + "' is in zone " + volume.text("availabilityZone") +
                       ", the VM would be in " + zone,
                   false);
  }
}

Launch Vms::prepare(const CreateVm& request, VmWish wish, int attempt) {
  const auto image = find_image(api_, request.stemcell);
  if (!image)
    throw CpiError(ErrorType::vm_creation_failed, "there is no stemcell '" + request.stemcell.value + "'");
  resolve_security_groups(api_, wish.nics);
  Launch launch{.image = image->id,
                .root_device = image->root_device,
                .agent = request.agent.value,
                .root_gib = image->root_gib};
  launch.tags = merged(merged(to_tags(config_.tags), to_tags(wish.tags)), {{agent_tag, request.agent.value}});
  std::map<std::string, std::string> macs;
  if (wish.nics.size() > 1) {
    try {
      launch.interfaces = make_interfaces(api_, wish.nics, request.agent.value, attempt, launch.tags);
    } catch (const Error&) {
      remove_interfaces_of(request.agent.value);
      throw;
    }
    for (const auto& nic : launch.interfaces) macs[nic.network] = nic.mac;
  }
  launch.user_data = user_data(agent_settings(request, wish, config_, image->root_device, macs));
  launch.wish = std::move(wish);
  return launch;
}

// RunInstances once, whatever happens to its replies: its token tells a repetition, its tags tell an instance
// whose reply was lost for good.
Instance Vms::run_in(const Launch& launch, Market market, const std::string& token) {
  Patience for_address(api_.clock(), config_.first_poll, address_limit,
                       "waiting for the address of " + launch.agent);
  for (;;) {
    try {
      const auto made = api_.ec2(run_instances(launch, market, token)).items("instancesSet");
      if (made.empty()) throw Error(Fault::outcome_unknown, "RunInstances: the reply names no instance");
      return read_instance(made.front());
    } catch (const Error& error) {
      const auto* aws = dynamic_cast<const AwsError*>(&error);
      const bool taken = aws != nullptr && is_address_in_use(*aws);
      const bool mismatch = aws != nullptr && aws->is("IdempotentParameterMismatch");
      if (!taken && !mismatch && error.fault() != Fault::outcome_unknown) throw;
      if (auto found = living(launch.agent)) return std::move(*found);
      if (!taken && !mismatch) throw;
      try {
        for_address.pause();  // the former owner may be about to leave it
      } catch (const Error&) {
        throw CpiError(ErrorType::vm_creation_failed, error.what(), true);
      }
    }
  }
}

Instance Vms::run(const Launch& launch, int attempt) {
  Instance instance;
  bool spot = !launch.wish.spot_bid_price.empty();
  // A spot instance that ended early shall not be tried for ever.
  if (spot && launch.wish.spot_ondemand_fallback && attempt % launches_at_most != 0) spot = false;
  try {
    try {
      instance = run_in(launch, spot ? Market::spot : Market::on_demand,
                        client_token(spot ? "spot" : "instance", launch.agent, attempt));
    } catch (const AwsError& error) {
      if (!spot || !launch.wish.spot_ondemand_fallback || !is_capacity_error(error)) throw;
      api_.log().warn("vm.no_spot", {{"agent", launch.agent}, {"code", error.aws_code()}});
      instance = run_in(launch, Market::on_demand, client_token("instance", launch.agent, attempt));
    }
    return wait_until_running(instance.id);
  } catch (const Error&) {
    tear_down(instance.id, launch.interfaces.empty() ? "" : launch.agent);
    throw;
  }
}

Instance Vms::wait_until_running(const std::string& id) const {
  auto waiting = patience("waiting until " + id + " runs");
  for (;;) {
    const auto found = find_instance(api_, {id});
    if (found && found->state == "running") return *found;
    if (found && (found->state == "terminated" || found->state == "shutting-down")) {
      throw EndedEarly("EC2 ended " + id + ": " + found->reason);
    }
    if (found && found->state == "stopped") api_.ec2(Query("StartInstances").list("InstanceId", {id}));
    // Not found: EC2 has not told all of itself of the new instance yet.
    waiting.pause();
  }
}

CreatedVm Vms::finish(const Instance& instance, const CreateVm& request, const VmWish& wish) {
  try {
    if (instance.interfaces.empty()) throw Error(Fault::internal, instance.id + " has no network interface");
    if (wish.nics.size() > 1) {
      // What was not made with the instance is not deleted with it unless asked.
      for (const auto& nic : instance.interfaces) {
        api_.ec2(Query("ModifyNetworkInterfaceAttribute")
                     .set("NetworkInterfaceId", nic.id)
                     .set("Attachment.AttachmentId", nic.attachment_id)
                     .set("Attachment.DeleteOnTermination", true));
      }
    }
    point_at_instance(api_, instance, wish);
  } catch (const Error&) {
    tear_down(instance.id, request.agent.value);
    throw;
  }
  CreatedVm created{.vm = {instance.id}, .networks = request.networks};
  for (std::size_t i = 0; i < wish.nics.size() && i < instance.interfaces.size(); ++i) {
    auto& network = created.networks[wish.nics[i].network];
    network["mac"] = instance.interfaces[i].mac;
    if (wish.nics[i].ip.empty()) network["ip"] = instance.interfaces[i].ip;
  }
  return created;
}

// Leaves nothing of a creation that failed; that it failed is the better error to tell.
void Vms::tear_down(const std::string& id, const std::string& agent) const {
  try {
    std::string owner = agent;
    if (!id.empty()) {
      api_.ec2(Query("TerminateInstances").list("InstanceId", {id}));
      wait_until_gone(id, owner);
    }
    if (!owner.empty()) remove_interfaces_of(owner);
  } catch (const Error& error) {
    api_.log().error("vm.not_torn_down", {{"vm", id}, {"reason", error.what()}});
  }
}

void Vms::wait_until_gone(const std::string& id, std::string& agent) const {
  auto waiting = patience("waiting until " + id + " is gone");
  for (;;) {
    const auto found = find_instance(api_, {id});
    if (found && !found->agent.empty()) agent = found->agent;
    if (!found || found->is_gone()) return;
    waiting.pause();
  }
}

void Vms::remove(const VmCid& vm) {
  if (!is_ec2_id(vm.value, "i")) throw_vm_not_found(vm);
  bool was_gone = false;
  try {
    const auto ended =
        api_.ec2(Query("TerminateInstances").list("InstanceId", {vm.value})).items("instancesSet");
    was_gone = !ended.empty() && ended.front().text("previousState/name") == "terminated";
  } catch (const AwsError& error) {
    if (error.is("InvalidInstanceID")) throw_vm_not_found(vm);
    throw;
  }
  std::string agent;
  wait_until_gone(vm.value, agent);
  // An instance ended by other hands, or by a call whose caller died, may have left them.
  if (!agent.empty() && !living(agent)) remove_interfaces_of(agent);
  if (was_gone) throw_vm_not_found(vm);
}

void Vms::reboot(const VmCid& vm) {
  if (!is_ec2_id(vm.value, "i")) throw_vm_not_found(vm);
  try {
    api_.ec2(Query("RebootInstances").list("InstanceId", {vm.value}));
  } catch (const AwsError& error) {
    if (error.is("InvalidInstanceID")) throw_vm_not_found(vm);
    if (!error.is("IncorrectInstanceState") && !error.is("IncorrectState")) throw;
    const auto instance = get_instance(api_, vm);
    if (instance.state == "stopped") api_.ec2(Query("StartInstances").list("InstanceId", {vm.value}));
  }
  try {
    wait_until_running(vm.value);
  } catch (const EndedEarly&) {
    throw_vm_not_found(vm);
  }
}

void Vms::set_metadata(const VmCid& vm, const Json& metadata) {
  if (!is_ec2_id(vm.value, "i")) throw_vm_not_found(vm);
  auto tags = merged(to_tags(config_.tags), to_tags(metadata));
  const auto text = [&](const char* key) { return tags.contains(key) ? tags[key] : std::string(); };
  if (text("name").empty() && !text("job").empty())
    tags["Name"] = text("job") + "/" + text("index");
  else if (!text("name").empty())
    tags["Name"] = text("name");
  tags.erase(agent_tag);
  try {
    api_.ec2(Query("CreateTags").list("ResourceId", {vm.value}).tags(tags));
  } catch (const AwsError& error) {
    if (error.is("InvalidInstanceID") || error.is("InvalidID")) throw_vm_not_found(vm);
    throw;
  }
}

}  // namespace slipway::cpi::aws
