#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "director/executor/dns.hpp"
#include "director/executor/world.hpp"
#include "stemcells/agent/dns_names.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;

namespace short_names_test {

namespace {

// One group whose job consumes its own link, rendered into what names it is given.
std::string manifest(const std::string& name, const std::string& features, int instances = 2) {
  auto text = simple_manifest(instances);
  const auto replace = [&](const std::string& what, const std::string& by) { text.replace(text.find(what), what.size(), by); };
  replace("name: dep\n", "name: " + name + "\nfeatures: {" + features + "}\n");
  replace("{name: app, version: latest}", "{name: names, version: latest}");
  replace("{name: server, release: app, properties: {value: one}}", "{name: namer, release: names}");
  return text;
}

void add_namer(DirectorWorld& world) {
  world.add_release("names", "1",
                    {{"name: namer\ntemplates: {t.erb: t}\nprovides: [{name: peers, type: peer}]\n"
                      "consumes: [{name: peers, type: peer}]\n",
                      {{"t.erb", "<%= spec.address %>\n<%= link('peers').address %>\n<%= link('peers').address(azs: ['z2']) "
                                 "%>\n<%= link('peers').instances.map(&:address).join(' ') %>\n"}}}});
}

std::string hosts(DirectorWorld& world) {
  return agent::query_hosts(director::dns_blob(world.services.stores.dns_numbers, director::dns_records(world.services)));
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

// Every name in what the instance was given is one that its node's resolver knows.
void check_resolves(DirectorWorld& world, int index) {
  const auto known = words(hosts(world));
  for (const auto& name : words(world.rendered("server", index, "namer/t"))) {
    INFO(name);
    CHECK(name.starts_with("q-"));
    CHECK(std::find(known.begin(), known.end(), name) != known.end());
  }
}

const char* short_names = "use_dns_addresses: true, use_short_dns_addresses: true";
const char* link_names = "use_link_dns_names: true";

}  // namespace

TEST_CASE("what templates are given as short names is what nodes resolve, and it stays so") {
  DirectorWorld world;
  add_namer(world);
  const auto* features = short_names;
  SUBCASE("by groups") {}
  SUBCASE("by links") { features = link_names; }
  world.deploy(manifest("dep", features));
  check_resolves(world, 0);
  check_resolves(world, 1);
  const auto before = world.rendered("server", 0, "namer/t");

  world.deploy(manifest("other", features));
  world.deploy(manifest("dep", features), {.recreate = true});
  CHECK(world.rendered("server", 0, "namer/t") == before);
  world.deploy(manifest("dep", features, 3));
  check_resolves(world, 2);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("a dry run numbers nothing") {
  DirectorWorld world;
  add_namer(world);
  world.deploy(manifest("dep", short_names), {.dry_run = true});
  CHECK(world.stores.dns_numbers.known(director::DnsNumberKind::group).empty());
  CHECK(world.stores.dns_numbers.known(director::DnsNumberKind::az).empty());
  CHECK(world.stores.dns_numbers.known(director::DnsNumberKind::instance).empty());
}

TEST_CASE("groups of links go with the feature, and with their deployment") {
  DirectorWorld world;
  add_namer(world);
  world.deploy(manifest("dep", link_names));
  CHECK(world.stores.dns_link_groups.of("dep").at("server").size() == 1);
  const auto infos = director::dns_blob(world.stores.dns_numbers, director::dns_records(world.services)).at("record_infos");
  CHECK(infos.at(0).at(3).size() == 2);
  world.deploy(manifest("dep", short_names));
  CHECK(world.stores.dns_link_groups.of("dep").empty());
  check_resolves(world, 0);
  world.deploy(manifest("dep", link_names));
  world.remove("dep", true);
  CHECK(world.stores.dns_link_groups.of("dep").empty());
}

TEST_CASE("a number that another deployment takes between plan and record is not used twice") {
  DirectorWorld world;
  add_namer(world);
  director::DnsNumbering proposed;
  proposed.groups = {{"dep/server", 1}};
  CHECK(world.stores.dns_numbers.ensure(director::DnsNumberKind::group, {"other/server"}).at("other/server") == 1);
  CHECK_FALSE(director::record_dns_numbers(world.stores.dns_numbers, proposed));
}

}  // namespace short_names_test
