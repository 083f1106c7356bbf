#include "cpi/vsphere/drs_rules.hpp"

#include <algorithm>

#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

constexpr int rule_tries = 6;

struct Rule {
  MoRef cluster;
  std::int64_t key = 0;  // 0: there is none of this name
  std::vector<MoRef> vms;
  bool has(const MoRef& vm) const { return std::find(vms.begin(), vms.end(), vm) != vms.end(); }
};

Rule read_rule(Session& session, const VmState& vm, const std::string& name) {
  const auto host = retrieve_one(session, vm.host, {"parent"});
  if (!host) throw Error(Fault::retryable, "the host of VM '" + vm.name + "' is gone");
  Rule rule{.cluster = host->ref("parent"), .vms = {}};
  const auto cluster = retrieve_one(session, rule.cluster, {"configurationEx"});
  if (!cluster) throw Error(Fault::retryable, "the cluster of VM '" + vm.name + "' is gone");
  for (const auto& one : cluster->get("configurationEx").children("rule")) {
    if (one.type() != "ClusterAntiAffinityRuleSpec" || one.text("name") != name) continue;
    rule.key = one.number("key").value_or(0);
    rule.vms = one.refs("vm");
  }
  return rule;
}

void write_rule(Session& session, const Rule& rule, const std::string& name, const char* operation) {
  run_task(session, "ReconfigureComputeResource_Task", rule.cluster, [&](XmlOut& in) {
    auto change = in.child("spec", "ClusterConfigSpecEx").child("rulesSpec");
    change.text("operation", operation);
    if (rule.vms.empty()) {
      change.child("removeKey", "xsd:int").node().text().set(static_cast<long long>(rule.key));
    } else {
      auto info = change.child("info", "ClusterAntiAffinityRuleSpec");
      if (rule.key != 0) info.number("key", rule.key);
      info.flag("enabled", true).text("name", name);
      for (const auto& vm : rule.vms) info.ref("vm", vm);
    }
    in.flag("modify", true);
  });
}

// Reads, lets `change` alter the rule and writes it, until the rule is as wanted; `change` says whether it
// altered anything.
template <class Change>
void update_rule(Session& session, const VmState& vm, const std::string& name, Change&& change) {
  for (int attempt = 1;; ++attempt) {
    auto rule = read_rule(session, vm, name);
    if (!change(rule)) return;
    try {
      write_rule(session, rule, name, rule.vms.empty() ? "remove" : rule.key == 0 ? "add" : "edit");
    } catch (const Error& error) {
      // Somebody else changed it meanwhile; vCenter has no better word for it than InvalidArgument.
      const auto* fault = dynamic_cast<const VimFault*>(&error);
      const bool raced =
          fault != nullptr && (fault->is("InvalidArgument") || fault->fault() == Fault::conflict ||
                               fault->fault() == Fault::retryable);
      if ((!raced && error.fault() != Fault::outcome_unknown) || attempt == rule_tries) throw;
    }
    if (attempt == rule_tries)
      throw Error(Fault::retryable, "the anti-affinity rule '" + name + "' changes all the time");
  }
}

}  // namespace

void join_rule(Session& session, const VmState& vm, const std::string& rule) {
  update_rule(session, vm, rule, [&](Rule& now) {
    if (now.has(vm.ref)) return false;
    now.vms.push_back(vm.ref);
    return true;
  });
}

void leave_rule(Session& session, const VmState& vm, const std::string& rule) {
  update_rule(session, vm, rule, [&](Rule& now) {
    if (!now.has(vm.ref)) return false;
    std::erase(now.vms, vm.ref);
    return true;
  });
}

}  // namespace slipway::cpi::vsphere
