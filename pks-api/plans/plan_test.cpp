#include <doctest/doctest.h>

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "pks-api/plans/plan.hpp"

namespace slipway::pks {

namespace {

Plan example() { return load_plans("examples/plans").front(); }

std::string complaint(const std::string& yaml) {
  try {
    parse_plan(yaml, "plan.yml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a manifest has the cluster's name, host name and number of nodes") {
  const auto text = manifest_for(example(), {"service-instance-1", "demo.lab", 5});
  const auto manifest = parse_yaml(text, "manifest");
  CHECK(manifest.at("name") == "service-instance-1");
  CHECK(manifest.at("instance_groups")[0].at("instances") == 5);
  CHECK(text.find("*.etcd.default.service-instance-1.bosh") != std::string::npos);
  CHECK(text.find("((etcd_peer))") != std::string::npos);
  CHECK(text.find("((deployment))") == std::string::npos);
  CHECK(text.find("((external_hostname))") == std::string::npos);
}

TEST_CASE("members that vote come in odd numbers within the plan's limits") {
  const auto plan = example();
  for (const int allowed : {1, 3, 5, 7}) CHECK_NOTHROW(plan.check_nodes(allowed));
  for (const int refused : {-1, 0, 2, 4, 6, 8, 9}) CHECK_THROWS_AS(plan.check_nodes(refused), Error);
  CHECK_THROWS_WITH(plan.check_nodes(2), "number of nodes is 2, but plan 'small' allows an odd number from 1 to 7");
}

TEST_CASE("what is put into a blank is not read for blanks again") {
  CHECK(fill_blanks("((a))-((b))-((c))", {{"a", "((b))"}, {"b", "2"}}) == "((b))-2-((c))");
  CHECK(fill_blanks("((a", {{"a", "1"}}) == "((a");
  CHECK(fill_blanks("", {}) == "");
}

TEST_CASE("a broken plan is refused with every problem") {
  const auto text = complaint("{id: 1, name: x, manifest: {}, nodes: {min: 0, max: 3}, colour: blue}");
  for (const auto* part : {"id", "kind", "instance_group", "port", "endpoint", "credentials", "nodes.min",
                           "nodes.default", "colour"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("a plan's manifest has to have the group, the variable and a name of its own") {
  auto good = parse_yaml(read_file("examples/plans/small.yml"), "small");
  good["instance_group"] = "other";
  good["credentials"] = "none";
  good["manifest"]["name"] = "fixed";
  const auto text = complaint(to_yaml(good));
  CHECK(text.find("no instance group 'other'") != std::string::npos);
  CHECK(text.find("no variable 'none'") != std::string::npos);
  CHECK(text.find("manifest.name") != std::string::npos);
}

TEST_CASE("a folder without plans is refused") {
  const TempDir folder;
  CHECK_THROWS_AS(load_plans(folder.path().string()), Error);
  CHECK_THROWS_AS(load_plans((folder.path() / "missing").string()), Error);
}

}  // namespace slipway::pks
