#include <doctest/doctest.h>

#include <ctime>
#include <map>
#include <set>

#include "director/planner/test_plans.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::test;

namespace planner_properties_test {

namespace {

// A deployment nobody thought of: up to four groups, any AZs, networks, disks and states.
Json random_manifest(SeededRandom& random) {
  auto out = parse_yaml(manifest_yaml, "m");
  const auto one = out["instance_groups"][0];
  out["instance_groups"] = Json::array();
  const auto groups = 1 + random.below(4);
  for (std::uint64_t i = 0; i < groups; ++i) {
    auto group = one;
    group["name"] = "g" + std::to_string(i);
    group["instances"] = random.below(12);
    group["jobs"][0]["name"] = random.below(2) == 0 ? "plain" : "client";
    group["jobs"][0]["consumes"] = group["jobs"][0]["name"] == "client" ? Json{{"etcd", "nil"}} : Json::object();
    Json azs = Json::array();
    for (const auto* az : {"z1", "z2", "z3"}) {
      if (random.below(2) == 0) azs.push_back(az);
    }
    if (azs.empty()) azs.push_back("z2");
    group["azs"] = azs;
    if (random.below(2) == 0) group.erase("persistent_disk_type");
    if (!group.contains("persistent_disk_type") && random.below(2) == 0) {
      group["persistent_disks"] = {{{"name", "a"}, {"type", "data"}}};
      if (random.below(2) == 0) group["persistent_disks"].push_back({{"name", "b"}, {"type", "data"}});
    }
    if (random.below(4) == 0) group["networks"] = {{{"name", "default"}, {"default", {"dns", "gateway"}}}, {{"name", "wild"}}};
    if (random.below(5) == 0) group["lifecycle"] = "errand";
    group["update"] = {{"serial", random.below(2) == 0}};
    if (random.below(4) == 0) {
      Json ips = Json::array();
      const auto count = random.below(6);
      for (std::uint64_t n = 0; n < count; ++n) {
        const auto az = azs[random.below(azs.size())].get<std::string>().substr(1);
        ips.push_back("10.0." + az + "." + std::to_string(100 + i * 5 + n));
      }
      std::set<std::string> unique(ips.begin(), ips.end());
      group["networks"][0]["static_ips"] = Json(unique);
      group["instances"] = unique.size();
    }
    out["instance_groups"].push_back(group);
  }
  if (random.below(3) == 0) out["features"]["randomize_az_placement"] = true;
  return out;
}

void check_addresses(const Assignment& assignment) {
  std::set<std::string> seen;
  for (const auto& instance : assignment.instances) {
    for (const auto& ip : instance.ips) CHECK(seen.insert(ip.address).second);
  }
}

void check_counts(const Desired& want, const Assignment& assignment, bool spread_evenly) {
  std::map<std::string, std::map<std::string, int>> counts;
  std::map<std::string, std::set<int>> indexes;
  std::map<std::string, int> bootstraps, totals;
  for (const auto& instance : assignment.instances) {
    ++counts[instance.group][instance.az];
    ++totals[instance.group];
    CHECK(indexes[instance.group].insert(instance.index).second);
    bootstraps[instance.group] += instance.bootstrap;
  }
  for (const auto& group : want.manifest.instance_groups) {
    CHECK(totals[group.name] == group.instances);
    if (group.instances > 0) CHECK(bootstraps[group.name] == 1);
    if (!spread_evenly || !group.persistent_disk_type.empty() || !group.persistent_disks.empty() || !group.networks[0].static_ips.empty()) continue;
    int low = group.instances, high = 0;
    for (const auto& az : group.azs) {
      low = std::min(low, counts[group.name][az]);
      high = std::max(high, counts[group.name][az]);
    }
    CHECK(high - low <= 1);
  }
}

void check_batches(const Plan& plan) {
  std::map<std::string, int> worked_on;
  for (const auto& partition : plan.partitions) {
    for (const auto& batch : partition) {
      CHECK(batch.max_in_flight >= 1);
      for (const auto& id : batch.instances) ++worked_on[id.value];
    }
  }
  for (const auto& change : plan.changes) {
    const bool works = change.action != Action::none && change.action != Action::remove;
    CHECK(worked_on[change.id.value] == (works ? 1 : 0));
    CHECK(change.reasons.empty() == (change.action == Action::none));
  }
}

}  // namespace

TEST_CASE("whatever is deployed after whatever, the planner keeps its promises") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    auto have = world();
    for (std::uint64_t round = 0; round < 4; ++round) {
      const auto ids = seed * 1000 + round;  // new instances get names nobody has
      const auto json = random_manifest(random);
      const auto want = desired(parse_manifest(json));
      Planned done;
      try {
        done = plan_for(want, have, ids);
      } catch (const Error& error) {
        // A static address that an instance which stays holds already: refused, and rightly.
        CHECK(error.code() == 130008);
        continue;
      }
      check_addresses(done.assignment);
      check_counts(want, done.assignment, true);
      check_batches(done.plan);
      const auto again = plan_for(want, have, ids);
      CHECK(again.plan.hash == done.plan.hash);
      CHECK(again.assignment.obsolete == done.assignment.obsolete);
      const auto then = after(want, have, done);
      const auto idle = plan_for(want, then, ids + 100);
      CHECK(is_empty(idle.plan));
      CHECK(idle.assignment.obsolete.empty());
      CHECK(idle.assignment.released_ips.empty());
      have = then;
    }
  }
}

namespace {

// Processor seconds to plan so many instances twice: all new, and then unchanged.
double cost_of(int groups) {
  auto config = parse_yaml(cloud_yaml, "cloud");
  for (std::size_t i = 0; i < 3; ++i) {
    const auto octet = std::to_string(i + 1);
    config["networks"][0]["subnets"][i] = {
        {"range", "10." + octet + ".0.0/16"}, {"gateway", "10." + octet + ".0.1"}, {"az", "z" + octet}};
  }
  auto json = parse_yaml(manifest_yaml, "m");
  auto one = json["instance_groups"][0];
  one["jobs"][0]["name"] = "plain";
  one["instances"] = 100;
  json["instance_groups"] = Json::array();
  for (int i = 0; i < groups; ++i) {
    one["name"] = "g" + std::to_string(i);
    json["instance_groups"].push_back(one);
  }
  const Desired want{parse_manifest(json), parse_cloud_config({{"default", config}}), {}};
  const auto begin = std::clock();
  const auto done = plan_for(want, world());
  CHECK(done.assignment.instances.size() == static_cast<std::size_t>(groups) * 100);
  CHECK(is_empty(plan_for(want, after(want, world(), done), 2).plan));
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("the work of planning grows with the instances, not with their square") {
  cost_of(1);
  const auto few = cost_of(5), many = cost_of(20);
  MESSAGE("500 instances: " << few << " s, 2000 instances: " << many << " s");
  CHECK(many < 9 * few);  // four times as many; a square law would take sixteen times as long
}

}  // namespace planner_properties_test
