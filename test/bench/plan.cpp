#include <time.h>

#include <cstdlib>
#include <iostream>

#include "base/clock.hpp"
#include "director/planner/test_plans.hpp"

// Goal 3: processor time of planning a deployment of COUNT instances in groups of a hundred.
//
//   slipway-bench-plan COUNT
//
// Prints, in milliseconds: cold plan (nothing is there), its floor (parsing the manifest), plan
// without a change, its floor (parsing the manifest and the state of every instance once).
namespace {

using namespace slipway;
using namespace slipway::director;
using namespace slipway::director::test;

constexpr int group_size = 100;

double processor_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

template <class Work>
double timed(Work&& work) {
  const double begun = processor_ms();
  work();
  return processor_ms() - begun;
}

std::string manifest_of(int count) {
  std::string text =
      "name: dep\n"
      "releases: [{name: etcd, version: latest}]\n"
      "stemcells: [{alias: default, os: debian, version: latest}]\n"
      "update: {canaries: 1, max_in_flight: 10%, canary_watch_time: 1000, update_watch_time: 1000}\n"
      "instance_groups:\n";
  for (int group = 0; group * group_size < count; ++group) {
    text += "- name: g" + std::to_string(group) + "\n  instances: " + std::to_string(group_size) +
            "\n  azs: [z1, z2, z3]\n  vm_type: small\n  stemcell: default\n  persistent_disk_type: data\n"
            "  networks: [{name: default}]\n  jobs: [{name: plain, release: etcd, properties: {port: " +
            std::to_string(group) + "}}]\n";
  }
  return text;
}

CloudConfig wide_cloud() {
  return cloud([](Json& json) {
    json["networks"] = Json::array({{{"name", "default"},
                                     {"subnets", Json::array({{{"range", "10.64.0.0/16"},
                                                               {"gateway", "10.64.0.1"},
                                                               {"azs", {"z1", "z2", "z3"}}}})}}});
    json["compilation"] = {{"workers", 2}, {"network", "default"}, {"az", "z1"}};
  });
}

// Rendering is goal 4's: its outcome is given here.
void give_rendered(Planned& planned) {
  for (const auto& instance : planned.assignment.instances) {
    planned.rendered[instance.id] = {"hash", Json::object()};
    planned.packages[instance.id] = Json::object();
  }
}

struct Timed {
  double ms = 0;
  Planned planned;
};

Timed plan(const std::string& text, const CloudConfig& cloud, const World& world) {
  Timed out;
  SeededRandom random(1);
  Desired want;
  out.ms = timed([&] {
    want = {parse_manifest(parse_yaml(text, "manifest")), cloud, {}};
    out.planned.assignment = assign(want, world, random);
  });
  give_rendered(out.planned);
  out.ms += timed([&] {
    out.planned.plan = decide(want, world, out.planned.assignment, out.planned.rendered, out.planned.packages);
  });
  return out;
}

std::vector<std::string> state_of(const World& world) {
  std::vector<std::string> rows;
  for (const auto& instance : world.instances) {
    rows.push_back(dump({instance.record.spec, instance.vm->networks, instance.vm->cloud_properties}));
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 10000;
  try {
    const auto text = manifest_of(count);
    const auto cloud = wide_cloud();
    const auto nothing = world();
    const double cold_floor = timed([&] { parse_yaml(text, "manifest"); });
    const auto cold = plan(text, cloud, nothing);

    const Desired want{parse_manifest(parse_yaml(text, "manifest")), cloud, {}};
    const auto running = after(want, nothing, cold.planned);
    const auto rows = state_of(running);
    const double warm_floor = timed([&] {
      parse_yaml(text, "manifest");
      for (const auto& row : rows) parse_json(row, "state");
    });
    const auto warm = plan(text, cloud, running);
    if (!is_empty(warm.planned.plan)) throw Error(Fault::internal, "the second plan is not empty");
    std::cout << cold.ms << " " << cold_floor << " " << warm.ms << " " << warm_floor << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "slipway-bench-plan: " << error.what() << "\n";
    return 1;
  }
}
