#include <doctest/doctest.h>

#include "base/file.hpp"
#include "base/yaml.hpp"
#include "pks-api/clusters/sinks.hpp"
#include "pks-api/plans/catalog.hpp"
#include "pks-api/plans/drain.hpp"

namespace slipway::pks::plan_test {

namespace {

Json document_of(const std::string& file) {
  return parse_yaml(read_file("cli/scenario/plans/" + file), file);
}

Plan etcd() { return parse_plan(document_of("small.yml"), "small"); }
Plan kubernetes() { return parse_plan(document_of("kube.yml"), "kube"); }

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
  auto plan = etcd();
  plan.manifest["variables"][0]["options"]["alternative_names"] = {"*.etcd.((deployment)).bosh",
                                                                   "((external_hostname))"};
  const auto manifest =
      manifest_for(plan, {{"deployment", "service-instance-1"}, {"external_hostname", "demo.lab"}}, 5);
  CHECK(manifest.at("name") == "service-instance-1");
  CHECK(manifest.at("instance_groups")[0].at("instances") == 5);
  CHECK(manifest.at("variables")[0].at("options").at("alternative_names") ==
        Json{"*.etcd.service-instance-1.bosh", "demo.lab"});
  CHECK(manifest.at("instance_groups")[0].at("jobs")[0].at("properties").at("peer") == "((etcd_peer))");
}

TEST_CASE("a blank that is all of a scalar takes its value with the type") {
  auto plan = etcd();
  plan.manifest["instance_groups"][0]["properties"] = {{"drain", "((timeout))"},
                                                       {"text", "t=((timeout))"},
                                                       {"list", "((list))"},
                                                       {"mixed", "x((list))"},
                                                       {"open", "((a"}};
  const auto manifest = manifest_for(plan, {{"timeout", 7}, {"list", {1, 2}}, {"a", "1"}}, 1);
  CHECK(manifest.at("instance_groups")[0].at("properties") ==
        Json{{"drain", 7}, {"text", "t=7"}, {"list", {1, 2}}, {"mixed", "x((list))"}, {"open", "((a"}});
}

TEST_CASE("a Kubernetes plan has a version, a control plane, and workers that are counted") {
  auto plan = kubernetes();
  CHECK(plan.address_group == "master");
  CHECK(plan.server_ca == "kubernetes_admin");
  const auto manifest = manifest_for(plan, {{"oidc", {{"ca", "-----BEGIN\nX\n"}}}}, 4);
  CHECK(manifest.at("instance_groups")[0].at("instances") == 1);
  CHECK(manifest.at("instance_groups")[1].at("instances") == 4);
  CHECK(manifest.at("instance_groups")[0].at("jobs")[0].at("properties").at("oidc").at("ca") ==
        "-----BEGIN\nX\n");
  CHECK(parse_plan(parse_json(plan.document, "document"), "kept").document == plan.document);
}

TEST_CASE("a Kubernetes plan that cannot work is refused with every problem") {
  auto document = document_of("kube.yml");
  document["kubernetes_version"] = "new";
  document["control_plane"] = {{"instance_group", "masters"}, {"instances", 2}};
  document["server_ca"] = "none";
  document.erase("endpoint");
  const auto text = complaint(to_yaml(document));
  for (const auto* part : {"kubernetes_version: is 'new'", "1, 3 or 5", "endpoint"}) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  }
  document["kubernetes_version"] = "1.34.2";
  document["control_plane"]["instances"] = 3;
  document["endpoint"] = "https://((external_hostname)):8443";
  const auto more = complaint(to_yaml(document));
  CHECK(more.find("no instance group 'masters'") != std::string::npos);
  CHECK(more.find("no variable 'none'") != std::string::npos);
  document["control_plane"]["instance_group"] = "worker";
  CHECK(complaint(to_yaml(document)).find("the two have to differ") != std::string::npos);
}

TEST_CASE("what a cluster keeps of its plan is read again, and what nobody understands is no plan") {
  const PlanCatalog catalog({etcd(), kubernetes()});
  REQUIRE(catalog.kept(kubernetes().document));
  CHECK(catalog.kept(kubernetes().document)->name == "kube");
  CHECK_FALSE(catalog.kept("{}"));
  CHECK_FALSE(catalog.kept("rubbish"));
  CHECK(catalog.find("4d6a1b1e-2f3c-4a8e-9d6b-0c7f5e3a2b10")->name == "kube");
  CHECK(catalog.find("large") == nullptr);
  CHECK(catalog.names() == "small, kube");
}

TEST_CASE("members that vote come in odd numbers within the plan's limits") {
  const auto plan = etcd();
  for (const int allowed : {1, 3, 5, 7}) CHECK_NOTHROW(plan.check_nodes(allowed));
  for (const int refused : {-1, 0, 2, 4, 6, 8, 9}) CHECK_THROWS_AS(plan.check_nodes(refused), Error);
  CHECK_THROWS_WITH(plan.check_nodes(2),
                    "number of nodes is 2, but plan 'small' allows an odd number from 1 to 7");
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
  auto good = document_of("small.yml");
  good["instance_group"] = "other";
  good["credentials"] = "none";
  good["manifest"]["name"] = "fixed";
  const auto text = complaint(to_yaml(good));
  CHECK(text.find("no instance group 'other'") != std::string::npos);
  CHECK(text.find("no variable 'none'") != std::string::npos);
  CHECK(text.find("manifest.name") != std::string::npos);
}

TEST_CASE("the plans of the examples are plans, and those of Kubernetes fill all that is pks-api's") {
  int found = 0;
  for (const auto& plan : load_plans("examples/plans")) {
    if (!plan.is_kubernetes()) continue;
    ++found;
    CAPTURE(plan.name);
    for (const auto& drain : drain_settings())
      CHECK(plan.document.find("((" + std::string(drain.name) + "))") != std::string::npos);
    CHECK(plan.document.find("((oidc))") != std::string::npos);
    CHECK(takes_sinks(plan));
  }
  CHECK(found == 2);
}

TEST_CASE("a folder without plans is refused") {
  const TempDir folder;
  CHECK_THROWS_AS(load_plans(folder.path().string()), Error);
  CHECK_THROWS_AS(load_plans((folder.path() / "missing").string()), Error);
}

}  // namespace slipway::pks::plan_test
