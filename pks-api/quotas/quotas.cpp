#include "pks-api/quotas/quotas.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pks-api/clusters/intent.hpp"

namespace slipway::pks {

namespace {

constexpr double most = 1e9;

void require_reader(const Caller& caller) {
  if (!caller.reads_all())
    throw Error(Fault::forbidden, "quotas need scope pks.clusters.admin or pks.clusters.admin.read");
}

void require_admin(const Caller& caller) {
  if (!caller.has(scope_admin))
    throw Error(Fault::forbidden, "setting quotas needs scope pks.clusters.admin");
}

// Absent keys keep what is there; a limit is a number from 0 on, and null ends one.
void read_limits(QuotaRecord& quota, const Json& limit, Problems& problems) {
  JsonReader in(limit, "limit", problems);
  const auto read = [&](const char* key, std::optional<double>& value, bool whole) {
    if (!limit.is_object() || !limit.contains(key)) return;
    in.find(key);
    const auto& given = limit.at(key);
    if (given.is_null()) {
      value.reset();
      return;
    }
    const auto number = given.is_number() ? given.get<double>() : -1;
    if (number < 0 || number > most || (whole && number != std::floor(number))) {
      problems.add(std::string("limit.") + key,
                   std::string("has to be a ") + (whole ? "whole " : "") + "number from 0 on");
      return;
    }
    value = number;
  };
  read("cpu", quota.cpu, true);
  read("memory", quota.memory_gb, false);
  read("cluster", quota.clusters, true);
  in.refuse_unknown();
}

std::string number_text(double number) {
  auto text = std::to_string(number);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

Amount operator+(const Amount& a, const Amount& b) {
  return {a.cpu + b.cpu, a.memory_gb + b.memory_gb, a.clusters + b.clusters};
}

Amount amount_of(const ClusterRecord& cluster, const PlanCatalog& plans) {
  const auto plan = plan_of(cluster, plans);
  if (!plan) return {0, 0, 1};
  const auto nodes = cluster.nodes, masters = plan->control_plane_instances;
  return {nodes * plan->node_size.cpu + masters * plan->control_plane_size.cpu,
          nodes * plan->node_size.memory_gb + masters * plan->control_plane_size.memory_gb, 1};
}

std::vector<QuotaRecord> Quotas::list(const Caller& caller) {
  require_reader(caller);
  return store_.all();
}

QuotaRecord Quotas::get(const Caller& caller, const std::string& owner) {
  require_reader(caller);
  auto quota = store_.find(owner);
  if (!quota) throw Error(Fault::not_found, "Quota of " + owner.substr(0, 128) + " not found");
  return std::move(*quota);
}

QuotaRecord Quotas::create(const Caller& caller, const Json& request) {
  require_admin(caller);
  Problems problems;
  JsonReader in(request, "", problems);
  QuotaRecord quota;
  quota.owner = in.string("owner");
  read_limits(quota, in.object("limit"), problems);
  in.refuse_unknown();
  if (quota.owner.empty() || quota.owner.size() > 256)
    problems.add("owner", "has to have 1 to 256 characters");
  problems.throw_if_any("quota");
  if (store_.find(quota.owner))
    throw Error(Fault::conflict, "Quota of " + quota.owner + " exists; change it");
  store_.put(quota);
  return quota;
}

QuotaRecord Quotas::change(const Caller& caller, const std::string& owner, const Json& request) {
  require_admin(caller);
  auto quota = get(caller, owner);
  Problems problems;
  JsonReader in(request, "", problems);
  if (in.string_or("owner", owner) != owner) problems.add("owner", "cannot be changed");
  read_limits(quota, in.object("limit"), problems);
  in.refuse_unknown();
  problems.throw_if_any("quota");
  store_.put(quota);
  return quota;
}

void Quotas::remove(const Caller& caller, const std::string& owner) {
  require_admin(caller);
  get(caller, owner);
  store_.remove(owner);
}

Quotas::Usage Quotas::usage_of(const std::string& owner) {
  Usage usage{owner, {}, {}};
  for (const auto& cluster : clusters_.all()) {
    if (cluster.owner != owner) continue;
    usage.clusters.emplace_back(cluster.name, amount_of(cluster, plans_));
    usage.totals = usage.totals + usage.clusters.back().second;
  }
  return usage;
}

std::vector<Quotas::Usage> Quotas::usages(const Caller& caller) {
  if (!caller.reads_all()) return {usage_of(caller.name)};
  std::map<std::string, Usage> by_owner;
  for (const auto& cluster : clusters_.all()) {
    auto& usage = by_owner[cluster.owner];
    usage.owner = cluster.owner;
    usage.clusters.emplace_back(cluster.name, amount_of(cluster, plans_));
    usage.totals = usage.totals + usage.clusters.back().second;
  }
  std::vector<Usage> usages;
  for (auto& [owner, usage] : by_owner) usages.push_back(std::move(usage));
  return usages;
}

Quotas::Usage Quotas::usage(const Caller& caller, const std::string& owner) {
  if (!caller.reads_all() && caller.name != owner) {
    throw Error(Fault::forbidden, "others' usage needs scope pks.clusters.admin or pks.clusters.admin.read");
  }
  return usage_of(owner);
}

void Quotas::check(const Caller& caller, const std::vector<ClusterRecord>& wanted) {
  if (caller.has(scope_admin) || wanted.empty()) return;
  const auto owner = wanted.front().owner;
  const auto quota = store_.find(owner);
  if (!quota) return;
  std::set<std::string> ordered;
  Amount asked, before;
  for (const auto& cluster : wanted) {
    ordered.insert(cluster.uuid);
    asked = asked + amount_of(cluster, plans_);
  }
  auto total = asked;
  for (const auto& cluster : clusters_.all()) {
    if (cluster.owner != owner) continue;
    const auto amount = amount_of(cluster, plans_);
    if (ordered.contains(cluster.uuid)) {
      before = before + amount;
    } else {
      total = total + amount;
    }
  }
  const auto require = [&](const std::string& what, const std::optional<double>& limit, double now,
                           double own, double earlier) {
    if (!limit || now <= *limit || own <= earlier) return;
    throw QuotaExceeded("the quota of " + owner + " allows " + number_text(*limit) + " " + what +
                        ", and with this " + "order it would be " + number_text(now));
  };
  require("clusters", quota->clusters, static_cast<double>(total.clusters),
          static_cast<double>(asked.clusters), static_cast<double>(before.clusters));
  require("CPUs", quota->cpu, static_cast<double>(total.cpu), static_cast<double>(asked.cpu),
          static_cast<double>(before.cpu));
  require("GB of memory", quota->memory_gb, total.memory_gb, asked.memory_gb, before.memory_gb);
}

}  // namespace slipway::pks
