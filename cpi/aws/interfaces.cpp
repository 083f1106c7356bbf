#include "cpi/aws/interfaces.hpp"

#include <set>

#include "cpi/aws/names.hpp"

namespace slipway::cpi::aws {

namespace {

std::string vpc_of_subnet(const Api& api, const std::string& subnet) {
  try {
    const auto found = api.ec2(Query("DescribeSubnets").list("SubnetId", {subnet})).items("subnetSet");
    if (!found.empty()) return found.front().text("vpcId");
  } catch (const AwsError& error) {
    if (!error.is("InvalidSubnet")) throw;
  }
  throw CpiError(ErrorType::vm_creation_failed, Fault::invalid, "there is no subnet '" + subnet + "'", false);
}

std::map<std::string, std::string> ids_of_groups(const Api& api, const std::string& vpc,
                                                 const std::set<std::string>& names) {
  std::map<std::string, std::string> ids;
  const auto query = Query("DescribeSecurityGroups")
                         .filter("vpc-id", {vpc})
                         .filter("group-name", {names.begin(), names.end()});
  for (const auto& group : api.pages(query, "securityGroupInfo"))
    ids[group.text("groupName")] = group.text("groupId");
  for (const auto& name : names) {
    if (ids.contains(name)) continue;
    throw CpiError(ErrorType::vm_creation_failed, Fault::invalid,
                   "there is no security group '" + name + "' in " + vpc, false);
  }
  return ids;
}

}  // namespace

void resolve_security_groups(const Api& api, std::vector<NicWish>& nics) {
  std::map<std::string, std::string> vpcs;             // by subnet
  std::map<std::string, std::set<std::string>> names;  // by VPC
  for (const auto& nic : nics) {
    for (const auto& group : nic.groups) {
      if (is_ec2_id(group, "sg")) continue;
      if (!vpcs.contains(nic.subnet)) vpcs[nic.subnet] = vpc_of_subnet(api, nic.subnet);
      names[vpcs[nic.subnet]].insert(group);
    }
  }
  std::map<std::string, std::map<std::string, std::string>> ids;
  for (const auto& [vpc, wanted] : names) ids[vpc] = ids_of_groups(api, vpc, wanted);
  for (auto& nic : nics) {
    for (auto& group : nic.groups) {
      if (!is_ec2_id(group, "sg")) group = ids[vpcs[nic.subnet]][group];
    }
  }
}

std::vector<MadeInterface> make_interfaces(const Api& api, const std::vector<NicWish>& nics,
                                           const std::string& agent, int attempt, const Tags& tags) {
  std::vector<MadeInterface> made;
  for (const auto& nic : nics) {
    Query query("CreateNetworkInterface");
    query.set("SubnetId", nic.subnet)
        .list("SecurityGroupId", nic.groups)
        .set("Description", "slipway " + agent + " " + nic.network);
    if (nic.ip.find(':') != std::string::npos)
      query.set("Ipv6Addresses.1.Ipv6Address", nic.ip);
    else
      query.set_if("PrivateIpAddress", nic.ip);
    query.set("ClientToken", client_token("interface", agent + "/" + nic.network, attempt))
        .tag_specification("network-interface", tags);
    const auto reply = api.ec2(query).at("networkInterface");
    made.push_back({nic.network, reply.text("networkInterfaceId"), reply.text("macAddress")});
  }
  return made;
}

void remove_interfaces(const Api& api, const std::string& agent, Patience patience) {
  for (;;) {
    bool busy = false;
    for (const auto& item :
         api.pages(Query("DescribeNetworkInterfaces").filter(std::string("tag:") + agent_tag, {agent}),
                   "networkInterfaceSet")) {
      if (item.text("status") != "available") {
        busy = true;  // EC2 is about to detach it, and may delete it itself
        continue;
      }
      try {
        api.ec2(Query("DeleteNetworkInterface").set("NetworkInterfaceId", item.text("networkInterfaceId")));
      } catch (const AwsError& error) {
        if (error.is("InvalidNetworkInterfaceID.NotFound")) continue;
        if (!error.is("InvalidNetworkInterface.InUse") && !error.is("InvalidParameterValue")) throw;
        busy = true;
      }
    }
    if (!busy) return;
    patience.pause();
  }
}

}  // namespace slipway::cpi::aws
