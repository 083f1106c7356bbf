#include <doctest/doctest.h>

#include <set>

#include "director/domain/error_codes.hpp"
#include "director/planner/test_plans.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::test;

namespace networks_test {

namespace {

Assignment assigned(const Desired& want, const World& have = world()) {
  SeededRandom random(2);
  return assign(want, have, random);
}

int code_of(const Desired& want, const World& have = world()) {
  try {
    assigned(want, have);
  } catch (const Error& error) {
    return error.code();
  }
  return 0;
}

Json& group(Json& json) { return json["instance_groups"][0]; }

Desired with_networks(const Json& networks, int instances, const std::function<void(Json&)>& more_cloud = {}) {
  return desired(manifest(manifest_yaml,
                          [&](Json& m) {
                            group(m)["networks"] = networks;
                            group(m)["instances"] = instances;
                          }),
                 cloud(more_cloud));
}

void add_vip(Json& c, const Json& subnets = Json()) {
  Json vip = {{"name", "public"}, {"type", "vip"}};
  if (!subnets.is_null()) vip["subnets"] = subnets;
  c["networks"].push_back(vip);
}

const Json beside_vip = {{{"name", "default"}, {"default", {"dns", "gateway"}}}, {{"name", "public"}}};

}  // namespace

TEST_CASE("a dynamic network gives no address, and templates see a valid one") {
  const auto out = assigned(with_networks({{{"name", "wild"}}}, 2));
  for (const auto& instance : out.instances) {
    CHECK(instance.ips.empty());
    CHECK_FALSE(instance.networks["wild"].contains("ip"));
    CHECK(instance.spec_for_templates["networks"]["wild"]["ip"] == "127.0.0.1");
    CHECK(instance.spec_for_templates["address"] == instance.id.value + ".etcd.wild.dep.bosh");
  }
}

TEST_CASE("a VIP network gives each instance one of the group's static addresses, which it keeps") {
  auto networks = beside_vip;
  networks[1]["static_ips"] = {"203.0.113.1", "203.0.113.2"};
  const auto want = with_networks(networks, 2, [](Json& c) { add_vip(c); });
  std::set<std::string> given;
  for (const auto& instance : assigned(want).instances) given.insert(instance.networks["public"]["ip"].get<std::string>());
  CHECK(given == std::set<std::string>{"203.0.113.1", "203.0.113.2"});
  CHECK(is_empty(plan_for(want, deployed(want)).plan));
}

TEST_CASE("a VIP pool of the cloud config gives addresses by itself, and static ones beside it are refused") {
  const auto pool = [](Json& c) { add_vip(c, {{{"azs", {"z1", "z2", "z3"}}, {"static", {"203.0.113.7-203.0.113.8"}}}}); };
  CHECK(assigned(with_networks(beside_vip, 2, pool)).instances[0].networks["public"]["ip"] == "203.0.113.7");
  CHECK(code_of(with_networks(beside_vip, 3, pool)) == code::no_free_address);
  auto networks = beside_vip;
  networks[1]["static_ips"] = {"203.0.113.7"};
  CHECK(code_of(with_networks(networks, 1, pool)) == code::invalid_static_ips);
  CHECK(code_of(with_networks(beside_vip, 1, [](Json& c) { add_vip(c); })) == code::static_ip_count);
}

TEST_CASE("static addresses of a subnet that serves several AZs are spread evenly") {
  Json networks = {{{"name", "shared"}, {"static_ips", {"10.7.0.10", "10.8.0.10", "10.8.0.11"}}}};
  const auto want = with_networks(networks, 3, [](Json& c) {
    c["networks"].push_back({{"name", "shared"},
                             {"subnets",
                              {{{"range", "10.7.0.0/24"}, {"gateway", "10.7.0.1"}, {"azs", {"z1", "z2"}}, {"static", {"10.7.0.10"}}},
                               {{"range", "10.8.0.0/24"}, {"gateway", "10.8.0.1"}, {"azs", {"z1", "z3"}}, {"static", {"10.8.0.10-10.8.0.11"}}}}}});
  });
  std::set<std::string> azs;
  for (const auto& instance : assigned(want).instances) azs.insert(instance.az);
  CHECK(azs == std::set<std::string>{"z1", "z2", "z3"});
  CHECK(is_empty(plan_for(want, deployed(want)).plan));
}

TEST_CASE("static addresses of two networks that no AZ has together are refused") {
  Json networks = {{{"name", "default"}, {"default", {"dns", "gateway"}}, {"static_ips", {"10.0.1.100"}}},
                   {{"name", "second"}, {"static_ips", {"10.6.0.10"}}}};
  const auto want = with_networks(networks, 1, [](Json& c) {
    const auto subnet = [](const char* net, const char* az) {
      const std::string base = net;
      return Json{{"range", base + ".0/24"}, {"gateway", base + ".1"}, {"az", az}, {"static", {base + ".10"}}};
    };
    c["networks"].push_back({{"name", "second"}, {"subnets", {subnet("10.4.0", "z1"), subnet("10.5.0", "z3"), subnet("10.6.0", "z2")}}});
  });
  CHECK(code_of(want) == code::static_ip_count);
}

TEST_CASE("instances without an AZ move into the one that migrated_from gives them") {
  const auto flat = desired(manifest(manifest_yaml, [](Json& m) {
    group(m).erase("azs");
    group(m)["instances"] = 1;
    group(m)["networks"][0]["name"] = "wild";
  }));
  const auto have = deployed(flat);
  const auto want = desired(manifest(manifest_yaml, [](Json& m) {
    group(m)["azs"] = {"z2", "z3"};
    group(m)["instances"] = 1;
    group(m)["networks"][0]["name"] = "wild";
    group(m)["migrated_from"] = {{{"name", "etcd"}, {"az", "z3"}}};
  }));
  const auto out = assigned(want, have);
  CHECK(out.instances[0].id == have.instances[0].record.id);
  CHECK(out.instances[0].az == "z3");
  CHECK(out.obsolete.empty());
}

TEST_CASE("a size given by need waits for the cloud's answer and lies between AZ and extensions") {
  const auto want = desired(manifest(manifest_yaml, [](Json& m) {
    group(m).erase("vm_type");
    group(m)["vm_resources"] = {{"cpu", 2}, {"ram", 2048}, {"ephemeral_disk_size", 4096}};
    group(m)["vm_extensions"] = {"extra"};
  }));
  const auto out = assigned(want);
  CHECK(out.instances[0].vm_resources->ram_mib == 2048);
  CHECK(cloud_properties_of(want, out.instances[0], {{"host", "by size"}, {"ram", 2048}}) ==
        Json({{"host", "by size"}, {"ram", 1024}, {"flag", true}}));
}

TEST_CASE("the manifest's and the group's tags reach the instance, the group's on top") {
  const auto out = assigned(desired(manifest(manifest_yaml, [](Json& m) {
    m["tags"] = {{"a", "manifest"}, {"b", 2}};
    group(m)["tags"] = {{"a", "group"}};
  })));
  CHECK(out.instances[0].tags == Json({{"a", "group"}, {"b", "2"}}));
}

TEST_CASE("an addon is held off by each filter that does not fit and by none that does") {
  const auto jobs_with = [](const Json& include, const Json& exclude, const std::vector<std::string>& teams = {}) {
    auto have = world();
    have.teams = teams;
    auto want = desired();
    Problems problems;
    Json addons = {{{"name", "a"}, {"jobs", {{{"name", "plain"}, {"release", "etcd"}}}}, {"include", include}, {"exclude", exclude}}};
    auto rules = manifest(manifest_yaml, [&](Json& m) { m["addons"] = addons; });
    want.manifest.addons = rules.addons;
    return assigned(want, have).instances[0].jobs.size();
  };
  const Json none = Json::object();
  CHECK(jobs_with(none, none) == 2);
  const std::vector<std::pair<Json, Json>> fit_and_not = {
      {{{"jobs", {{{"name", "etcd"}, {"release", "etcd"}}}}}, {{"jobs", {{{"name", "other"}, {"release", "etcd"}}}}}},
      {{{"instance_groups", {"etcd"}}}, {{"instance_groups", {"web"}}}},
      {{{"stemcell", {{{"os", "debian"}}}}}, {{"stemcell", {{{"os", "windows"}}}}}},
      {{{"networks", {"default", "x"}}}, {{"networks", {"x"}}}},
      {{{"azs", {"z3"}}}, {{"azs", {"z9"}}}},
      {{{"lifecycle", "service"}}, {{"lifecycle", "errand"}}},
      {{{"teams", {"ours"}}}, {{"teams", {"theirs"}}}},
  };
  for (const auto& [fits, differs] : fit_and_not) {
    CAPTURE(dump(fits));
    CHECK(jobs_with(fits, none, {"ours"}) == 2);
    CHECK(jobs_with(differs, none, {"ours"}) == 1);
    CHECK(jobs_with(none, fits, {"ours"}) == 1);
    CHECK(jobs_with(none, differs, {"ours"}) == 2);
  }
  // All filters of a rule have to hold.
  CHECK(jobs_with({{"azs", {"z3"}}, {"instance_groups", {"web"}}}, none) == 1);
  CHECK(jobs_with(none, {{"azs", {"z3"}}, {"instance_groups", {"web"}}}) == 2);
}

TEST_CASE("create-swap-delete plans a second VM with another address, and keeps the address of one already made") {
  const auto with = [](const std::function<void(Json&)>& more) {
    return desired(manifest(manifest_yaml, [&](Json& m) {
      m["update"]["vm_strategy"] = "create-swap-delete";
      group(m)["instances"] = 1;
      more(m);
    }));
  };
  const auto have = deployed(with([](Json&) {}));
  const auto want = with([](Json& m) { group(m)["vm_type"] = "large"; });
  auto out = plan_for(want, have);
  CHECK(out.assignment.instances[0].swap);
  CHECK(out.assignment.instances[0].ips[0].address == "10.0.1.11");
  CHECK(out.assignment.released_ips == std::vector<std::string>{"10.0.1.10"});
  std::vector<std::string> calls;
  for (const auto& call : out.plan.changes[0].cpi_calls) calls.push_back(call["method"]);
  CHECK(calls == std::vector<std::string>{"create_vm", "set_vm_metadata", "detach_disk", "attach_disk", "delete_vm"});

  auto interrupted = have;
  interrupted.instances[0].ips.push_back({"10.0.1.50", "dep", interrupted.instances[0].record.id, {}, "default", false});
  interrupted.reserved_ips = interrupted.instances[0].ips;
  CHECK(assigned(want, interrupted).instances[0].ips[0].address == "10.0.1.50");
  const auto given_up = assigned(with([](Json&) {}), interrupted);
  CHECK(given_up.instances[0].ips[0].address == "10.0.1.10");
  CHECK(given_up.released_ips == std::vector<std::string>{"10.0.1.50"});
}

TEST_CASE("create-swap-delete falls back where a second VM cannot be, and says when addresses are short") {
  const auto with = [](const std::function<void(Json&)>& more) {
    return desired(manifest(manifest_yaml, [&](Json& m) {
      m["update"]["vm_strategy"] = "create-swap-delete";
      more(m);
    }));
  };
  const auto fixed = [](Json& m) {
    group(m)["instances"] = 1;
    group(m)["networks"][0]["static_ips"] = {"10.0.1.100"};
  };
  const auto want = with([&](Json& m) {
    fixed(m);
    group(m)["vm_type"] = "large";
  });
  CHECK_FALSE(assigned(want, deployed(with(fixed))).instances[0].swap);

  const auto small = [](Json& m) {
    group(m).erase("azs");
    group(m)["instances"] = 4;
    group(m)["networks"][0]["name"] = "flat";
  };
  const auto full = deployed(with(small));
  const auto bigger = with([&](Json& m) {
    small(m);
    group(m)["vm_type"] = "large";
  });
  CHECK(code_of(bigger, full) == code::no_free_address);
  // In place nothing is short.
  CHECK_FALSE(assigned(with([&](Json& m) {
                         small(m);
                         group(m)["jobs"][0]["properties"]["port"] = 1;
                       }),
                       full)
                  .instances[0]
                  .swap);
}

}  // namespace networks_test
