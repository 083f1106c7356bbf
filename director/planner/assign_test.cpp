#include <doctest/doctest.h>

#include <set>

#include "director/domain/error_codes.hpp"
#include "director/planner/test_plans.hpp"

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::test;

namespace assign_test {

namespace {

Assignment assigned(const Desired& want, const World& have) {
  SeededRandom random(2);  // not the one that named what is there already
  return assign(want, have, random);
}

std::pair<int, std::string> refusal(const Desired& want, const World& have) {
  try {
    assigned(want, have);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {0, "accepted"};
}

Json& group(Json& json, int i = 0) { return json["instance_groups"][static_cast<std::size_t>(i)]; }

}  // namespace

TEST_CASE("new instances are spread over the AZs with the lowest free addresses") {
  const auto out = assigned(desired(), world());
  REQUIRE(out.instances.size() == 3);
  std::vector<std::string> seats;
  for (const auto& instance : out.instances) {
    seats.push_back(instance.az + " " + std::to_string(instance.index) + " " + instance.ips.at(0).address);
    CHECK(instance.is_new);
  }
  CHECK(seats == std::vector<std::string>{"z1 0 10.0.1.10", "z2 1 10.0.2.2", "z3 2 10.0.3.2"});
  CHECK(out.instances[0].bootstrap);
  CHECK_FALSE(out.instances[1].bootstrap);
}

TEST_CASE("an instance is given everything its VM needs") {
  const auto out = assigned(desired(manifest(manifest_yaml, [](Json& m) {
                                      group(m)["vm_extensions"] = {"extra"};
                                      group(m)["tags"] = {{"owner", "them"}};
                                    })),
                            world());
  const auto& first = out.instances[0];
  CHECK(first.stemcell.version == "1.10");
  CHECK(first.vm_cloud_properties == Json({{"host", "h1"}, {"cpu", 1}, {"ram", 1024}, {"flag", true}}));
  CHECK(first.store_mib() == 1024);
  CHECK(first.tags == Json({{"owner", "them"}}));
  CHECK(first.networks["default"] == Json({{"type", "manual"},
                                           {"ip", "10.0.1.10"},
                                           {"netmask", "255.255.255.0"},
                                           {"gateway", "10.0.1.1"},
                                           {"dns", {"10.0.1.1"}},
                                           {"default", {"dns", "gateway"}},
                                           {"cloud_properties", {{"bridge", "b1"}}},
                                           {"dns_record_name", "0.etcd.default.dep.bosh"}}));
  CHECK(first.dns_names[0] == first.id.value + ".etcd.default.dep.bosh");
  const auto& spec = first.spec_for_templates;
  CHECK(spec["address"] == "10.0.1.10");
  CHECK(spec["ip"] == "10.0.1.10");
  CHECK(spec["az"] == "z1");
  CHECK(spec["bootstrap"] == true);
  CHECK(first.jobs[0].release_version == "0.10");
}

TEST_CASE("packages come after what they are compiled with, once each, and no others") {
  const auto out = assigned(desired(), world());
  std::vector<std::int64_t> ids;
  for (const auto& need : out.packages) ids.push_back(need.package_id);
  CHECK(ids == std::vector<std::int64_t>{2, 3, 1});
}

TEST_CASE("existing instances keep AZ, index, address and bootstrap") {
  const auto want = desired();
  const auto have = deployed(want);
  const auto again = assigned(want, have);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK_FALSE(again.instances[i].is_new);
    CHECK(again.instances[i].id == have.instances[i].record.id);
    CHECK(again.instances[i].ips[0].address == have.instances[i].ips[0].address);
  }
  CHECK(again.obsolete.empty());
}

TEST_CASE("scaling down takes the highest indexes away, scaling up fills the gap") {
  const auto five = desired(manifest(manifest_yaml, [](Json& m) { group(m)["instances"] = 5; }));
  auto have = deployed(five);
  const auto less = assigned(desired(), have);
  CHECK(less.instances.size() == 3);
  REQUIRE(less.obsolete.size() == 2);
  for (const auto& instance : have.instances) {
    const bool goes = std::find(less.obsolete.begin(), less.obsolete.end(), instance.record.id) != less.obsolete.end();
    CHECK(goes == (instance.record.index >= 3));
  }
  std::erase_if(have.instances, [](const ActualInstance& instance) { return instance.record.index == 1; });
  const auto more = assigned(five, have);
  std::set<int> indexes;
  for (const auto& instance : more.instances) {
    indexes.insert(instance.index);
    if (instance.is_new) CHECK(instance.index == 1);
  }
  CHECK(indexes == std::set<int>{0, 1, 2, 3, 4});
}

TEST_CASE("an instance whose AZ is gone is replaced, and the lowest index becomes bootstrap") {
  const auto have = deployed(desired());
  const auto out = assigned(desired(manifest(manifest_yaml, [](Json& m) { group(m)["azs"] = {"z2", "z3"}; })), have);
  CHECK(out.obsolete == std::vector<InstanceId>{have.instances[0].record.id});
  REQUIRE(out.instances.size() == 3);
  for (const auto& instance : out.instances) CHECK(instance.bootstrap == (instance.index == 1));
}

TEST_CASE("instances with disks stay where their disks are") {
  auto have = deployed(desired(manifest(manifest_yaml, [](Json& m) {
    group(m)["azs"] = {"z1"};
    group(m)["instances"] = 2;
  })));
  const auto out = assigned(desired(), have);
  CHECK(std::count_if(out.instances.begin(), out.instances.end(), [](auto& i) { return i.az == "z1"; }) == 2);
  CHECK(out.obsolete.empty());
  for (auto& instance : have.instances) instance.disks.clear();
  const auto free = assigned(desired(), have);
  CHECK(std::count_if(free.instances.begin(), free.instances.end(), [](auto& i) { return i.az == "z1"; }) == 1);
  CHECK(free.obsolete.size() == 1);
}

TEST_CASE("static addresses decide the AZ and their owners keep them") {
  const auto want = [](std::vector<std::string> ips) {
    return desired(manifest(manifest_yaml, [&](Json& m) {
      group(m)["networks"][0]["static_ips"] = ips;
      group(m)["instances"] = ips.size();
    }));
  };
  const auto first = want({"10.0.1.100", "10.0.1.101", "10.0.2.100"});
  const auto out = assigned(first, world());
  std::map<std::string, std::string> az_of;
  for (const auto& instance : out.instances) az_of[instance.ips[0].address] = instance.az;
  CHECK(az_of == std::map<std::string, std::string>{{"10.0.1.100", "z1"}, {"10.0.1.101", "z1"}, {"10.0.2.100", "z2"}});
  const auto have = deployed(first);
  const auto swapped = assigned(want({"10.0.3.100", "10.0.2.100", "10.0.1.101"}), have);
  for (const auto& instance : swapped.instances) {
    const auto ip = instance.ips[0].address;
    CHECK(instance.is_new == (ip == "10.0.3.100"));
    CHECK(instance.ips[0].is_static);
  }
  CHECK(swapped.obsolete.size() == 1);
}

TEST_CASE("a static address that somebody else holds is refused with the holder's name") {
  const auto want = desired(manifest(manifest_yaml, [](Json& m) {
    group(m)["instances"] = 1;
    group(m)["networks"][0]["static_ips"] = {"10.0.1.100"};
  }));
  auto have = world();
  have.reserved_ips.push_back({"10.0.1.100", "other", InstanceId{"x"}, {}, "default", false});
  const auto [number, text] = refusal(want, have);
  CHECK(number == code::ip_in_use);
  CHECK(text.find("deployment 'other'") != std::string::npos);
  have.reserved_ips.clear();
  have.director_addresses = {"10.0.1.100"};
  CHECK(refusal(want, have).first == code::ip_in_use);
}

TEST_CASE("a full network is said to be full, with its AZ") {
  auto want = desired(manifest(manifest_yaml, [](Json& m) {
    group(m)["instances"] = 5;
    group(m).erase("azs");
    group(m)["networks"][0]["name"] = "flat";
  }));
  const auto [number, text] = refusal(want, world());
  CHECK(number == code::no_free_address);
  CHECK(text.find("network 'flat'") != std::string::npos);
  CHECK_THROWS_AS(assigned(want, world()), Error);
  want = desired(manifest(manifest_yaml, [](Json& m) {
    group(m)["instances"] = 4;
    group(m).erase("azs");
    group(m)["networks"][0]["name"] = "flat";
  }));
  CHECK(assigned(want, world()).instances.back().ips[0].address == "10.9.0.5");
}

TEST_CASE("a moved network gives a new address and frees the old one afterwards") {
  const auto have = deployed(desired());
  const auto out = assigned(desired(manifest(), cloud([](Json& c) {
                              c["networks"][0]["subnets"][0]["reserved"] = {"10.0.1.2-10.0.1.50"};
                            })),
                            have);
  CHECK(out.instances[0].ips[0].address == "10.0.1.51");
  CHECK(out.released_ips == std::vector<std::string>{"10.0.1.10"});
}

TEST_CASE("a renamed group takes its instances over") {
  const auto have = deployed(desired());
  const auto out = assigned(desired(manifest(manifest_yaml, [](Json& m) {
                              group(m)["name"] = "kv";
                              group(m)["migrated_from"] = {{{"name", "etcd"}}};
                            })),
                            have);
  CHECK(out.obsolete.empty());
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(out.instances[i].id == have.instances[i].record.id);
    CHECK(out.instances[i].index == have.instances[i].record.index);
    CHECK(out.instances[i].group == "kv");
  }
}

TEST_CASE("ignored instances are neither deleted nor moved") {
  auto have = deployed(desired());
  have.instances[2].record.ignore = true;
  const auto smaller = assigned(desired(manifest(manifest_yaml, [](Json& m) { group(m)["instances"] = 1; })), have);
  CHECK(smaller.instances[0].id == have.instances[2].record.id);
  CHECK(refusal(desired(manifest(manifest_yaml, [](Json& m) { group(m)["instances"] = 0; })), have).first ==
        code::ignored_instances_changed);
  CHECK(refusal(desired(manifest(manifest_yaml, [](Json& m) { group(m)["azs"] = {"z1"}; })), have).first ==
        code::ignored_instances_changed);
  CHECK(refusal(desired(manifest(manifest_yaml, [](Json& m) { m["instance_groups"] = Json::array(); })), have).first ==
        code::ignored_instances_deleted);
}

TEST_CASE("what is not uploaded is refused with what is") {
  const auto with = [](const std::function<void(Json&)>& change) { return refusal(desired(manifest(manifest_yaml, change)), world()); };
  CHECK(with([](Json& m) { m["releases"][0]["version"] = "7"; }).first == code::release_version_not_found);
  CHECK(with([](Json& m) { m["releases"][0]["version"] = "7"; }).second.find("'0.10' and '0.9'") != std::string::npos);
  CHECK(with([](Json& m) { m["releases"].push_back({{"name", "x"}, {"version", "1"}}); }).first == code::release_not_found);
  CHECK(with([](Json& m) { m["stemcells"][0]["os"] = "windows"; }).first == code::stemcell_not_found);
  CHECK(with([](Json& m) { m["stemcells"][0]["version"] = "9"; }).first == code::stemcell_not_found);
  const auto [number, text] = with([](Json& m) { group(m)["jobs"][0]["name"] = "etcdd"; });
  CHECK(number == code::group_unknown_job);
  CHECK(text.find("it has 'etcd', 'client' and 'plain'") != std::string::npos);
  const auto far = desired(manifest(), cloud([](Json& c) { c["azs"][0]["cpi"] = "far"; }));
  CHECK(refusal(far, world()).first == code::invalid_value);
  auto with_far = world();
  with_far.cpis = {"far"};
  CHECK(refusal(far, with_far).first == code::stemcell_not_found);
}

TEST_CASE("a stemcell that the manifest names by its OS may have another name on each CPI") {
  const auto everywhere = cloud([](Json& c) { c["azs"][2]["cpi"] = "far"; });
  auto have = world();
  have.cpis = {"", "far"};
  have.stemcells.push_back({3, "debian-far", "1.10", "debian", 2, "far", StemcellCid{"sc-11"}, ""});
  const auto out = assigned(desired(manifest(), everywhere), have);
  CHECK(out.instances[0].stemcell.name == "debian-lxc");
  CHECK(out.instances[2].cpi == "far");
  CHECK(out.instances[2].stemcell.name == "debian-far");
  // By its name it is the one.
  const auto [number, text] = refusal(desired(manifest(manifest_yaml, [](Json& m) {
                                                m["stemcells"][0] = {{"alias", "default"}, {"name", "debian-lxc"}, {"version", "latest"}};
                                              }), everywhere), have);
  CHECK(number == code::stemcell_not_found);
  CHECK(text.find("stemcell 'debian-lxc/1.10' is not uploaded to CPI 'far'") != std::string::npos);
}

TEST_CASE("an older stemcell and release are used where the manifest names them") {
  const auto out = assigned(desired(manifest(manifest_yaml, [](Json& m) {
                              m["releases"][0]["version"] = 0.9;
                              m["stemcells"][0]["version"] = 1.9;
                            })),
                            world());
  CHECK(out.instances[0].stemcell.version == "1.9");
  CHECK(out.instances[0].jobs[0].release_version == "0.9");
}

TEST_CASE("an addon's jobs run where its rules say") {
  const auto out = assigned(desired(manifest(manifest_yaml, [](Json& m) {
                              auto other = group(m);
                              other["name"] = "other";
                              other["jobs"][0]["name"] = "plain";
                              m["instance_groups"].push_back(other);
                              m["addons"] = {{{"name", "a"},
                                              {"jobs", {{{"name", "client"}, {"release", "etcd"}}}},
                                              {"include", {{"stemcell", {{{"os", "debian"}}}}}},
                                              {"exclude", {{"instance_groups", {"other"}}}}}};
                            })),
                            world());
  for (const auto& instance : out.instances) CHECK(instance.jobs.size() == (instance.group == "etcd" ? 2 : 1));
}

TEST_CASE("a name for a group or instance that is not there is refused") {
  auto want = desired();
  const auto have = deployed(want);
  want.options.only_group = "nope";
  CHECK(refusal(want, have).first == code::job_not_found);
  want.options.only_group = "etcd";
  want.options.only_instance = "77";
  CHECK(refusal(want, have).first == code::instance_not_found);
  want.options.only_instance = "1";
  want.options.set_state = InstanceState::stopped;
  for (const auto& instance : assigned(want, have).instances) {
    CHECK((instance.state == InstanceState::stopped) == (instance.index == 1));
  }
}

}  // namespace assign_test
