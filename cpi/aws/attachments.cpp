#include "cpi/aws/attachments.hpp"

namespace slipway::cpi::aws {

namespace {

[[noreturn]] void missing(const std::string& what) {
  throw CpiError(ErrorType::vm_creation_failed, Fault::invalid, "there is no " + what, false);
}

void associate_address(const Api& api, const Instance& instance, const std::string& ip) {
  std::string allocation;
  try {
    const auto found = api.ec2(Query("DescribeAddresses").list("PublicIp", {ip})).items("addressesSet");
    if (!found.empty()) allocation = found.front().text("allocationId");
  } catch (const AwsError& error) {
    if (!error.is("InvalidAddress")) throw;
  }
  if (allocation.empty()) missing("Elastic IP '" + ip + "'");
  api.ec2(Query("AssociateAddress")
              .set("AllocationId", allocation)
              .set("AllowReassociation", true)
              .set("NetworkInterfaceId", instance.interfaces.front().id));
}

void let_pass_foreign_packets(const Api& api, const Instance& instance) {
  for (const auto& nic : instance.interfaces) {
    api.ec2(Query("ModifyNetworkInterfaceAttribute")
                .set("NetworkInterfaceId", nic.id)
                .set("SourceDestCheck.Value", false));
  }
}

void advertise(const Api& api, const Instance& instance, const RouteWish& route) {
  const auto query = [&](const char* action) {
    return Query(action)
        .set("RouteTableId", route.table_id)
        .set("DestinationCidrBlock", route.destination)
        .set("NetworkInterfaceId", instance.interfaces.front().id);
  };
  try {
    api.ec2(query("ReplaceRoute"));
  } catch (const AwsError& error) {
    if (!error.is("InvalidRoute.NotFound") && !error.is("InvalidParameterValue")) throw;
    api.ec2(query("CreateRoute"));
  }
}

void register_target(const Api& api, const Instance& instance, const std::string& group) {
  std::string arn;
  try {
    const auto found = api.query(Service::elbv2, Query("DescribeTargetGroups").list("Names.member", {group}))
                           .items("DescribeTargetGroupsResult/TargetGroups");
    if (!found.empty()) arn = found.front().text("TargetGroupArn");
  } catch (const AwsError& error) {
    if (!error.is("TargetGroupNotFound")) throw;
  }
  if (arn.empty()) missing("target group '" + group + "'");
  api.query(Service::elbv2,
            Query("RegisterTargets").set("TargetGroupArn", arn).set("Targets.member.1.Id", instance.id));
}

}  // namespace

void point_at_instance(const Api& api, const Instance& instance, const VmWish& wish) {
  if (!wish.source_dest_check) let_pass_foreign_packets(api, instance);
  if (!wish.vip.empty()) associate_address(api, instance, wish.vip);
  for (const auto& route : wish.advertised_routes) advertise(api, instance, route);
  for (const auto& name : wish.elbs) {
    api.query(Service::elb, Query("RegisterInstancesWithLoadBalancer")
                                .set("LoadBalancerName", name)
                                .set("Instances.member.1.InstanceId", instance.id));
  }
  for (const auto& group : wish.lb_target_groups) register_target(api, instance, group);
}

}  // namespace slipway::cpi::aws
