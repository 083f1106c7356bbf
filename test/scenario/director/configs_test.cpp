#include <doctest/doctest.h>

#include "base/tls.hpp"
#include "director/domain/error_codes.hpp"
#include "test/scenario/director/director_world.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace slipway::director;

// What reaches a deployment from elsewhere: links of others, runtime configs, variables.
namespace {

constexpr const char* base = R"(
releases: [{name: tools, version: latest}]
stemcells: [{alias: default, os: debian, version: latest}]
update: {canaries: 0, max_in_flight: 9, canary_watch_time: 1000-9000, update_watch_time: 1000-9000}
)";

std::string group(const std::string& name, int instances, const std::string& jobs) {
  return "- {name: " + name + ", instances: " + std::to_string(instances) +
         ", azs: [z1, z2], vm_type: small, stemcell: default, networks: [{name: default}], jobs: [" + jobs + "]}\n";
}

std::string manifest(const std::string& name, const std::string& groups, const std::string& more = "") {
  return "name: " + name + base + more + "\ninstance_groups:\n" + groups;
}

void add_tools(DirectorWorld& world) {
  world.add_release(
      "tools", "1",
      {{"name: store\nproperties: {password: {}}\nprovides: [{name: store, type: db, properties: [password]}]", {}},
       {"name: user\ntemplates: {conf: conf}\nconsumes: [{name: db, type: db}]",
        {{"conf",
          "<%= link('db').instances.map(&:address).sort.join(',') %> <%= link('db').p('password') %>"}}},
       {"name: note\ntemplates: {conf: conf}\nproperties: {text: {default: none}}", {{"conf", "<%= p('text') %>"}}}});
}

const std::string store_job =
    "{name: store, release: tools, properties: {password: ((pw))}, provides: {store: {as: main, shared: true}}}";
const std::string user_job = "{name: user, release: tools, consumes: {db: {from: main, deployment: first}}}";
const std::string password = "variables: [{name: pw, type: password}]";

void set_runtime(DirectorWorld& world, const std::string& name, const std::string& yaml) {
  world.stores.configs.put("runtime", name, yaml, {}, world.clock.now());
}

std::string note_config(const std::string& addon, const std::string& text, const std::string& rest = "") {
  return "releases: [{name: tools, version: '1'}]\naddons: [{name: " + addon +
         ", jobs: [{name: note, release: tools, properties: {text: " + text + "}}]" + rest + "}]\n";
}

}  // namespace

TEST_CASE("a link shared by one deployment is consumed from another, with addresses and properties of its last success") {
  DirectorWorld world;
  add_tools(world);
  world.deploy(manifest("first", group("data", 2, store_job), password));
  world.deploy(manifest("dep", group("app", 1, user_job)));
  const auto secret = world.stores.variable_values.latest("/slipway/first/pw")->value.get<std::string>();
  CHECK(world.rendered("app", 0, "user/conf") == "10.9.0.10,10.9.0.11 " + secret);

  world.deploy(manifest("first", group("data", 1, store_job), password));
  CHECK(world.rendered("app", 0, "user/conf").starts_with("10.9.0.10,"));
  world.deploy(manifest("dep", group("app", 1, user_job)));
  CHECK(world.rendered("app", 0, "user/conf") == "10.9.0.10 " + secret);
  CHECK(world.inconsistencies() == std::vector<std::string>{});
}

TEST_CASE("shared links lie sealed in the store and go with their deployment") {
  DirectorWorld world;
  add_tools(world);
  world.deploy(manifest("first", group("data", 1, store_job), password));
  const auto secret = world.stores.variable_values.latest("/slipway/first/pw")->value.get<std::string>();
  const auto rows = world.database.run("SELECT sealed FROM shared_links").rows;
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].text("sealed").find(secret) == std::string::npos);
  CHECK(world.stores.shared_links.of({"first"}).size() == 1);
  world.remove("first", true);
  CHECK(world.database.run("SELECT sealed FROM shared_links").rows.empty());
  CHECK(code_of([&] { world.deploy(manifest("dep", group("app", 1, user_job))); }) == code::invalid_link);
}

TEST_CASE("a link that is not shared, or of a deployment that failed, is not there for others") {
  DirectorWorld world;
  add_tools(world);
  world.deploy(manifest("first", group("data", 1, "{name: store, release: tools, properties: {password: x}}")));
  CHECK(code_of([&] { world.deploy(manifest("dep", group("app", 1, user_job))); }) == code::invalid_link);
  world.agents.fail_next("start", "no such program");
  CHECK_THROWS_AS(world.deploy(manifest("first", group("data", 2, store_job), password)), Error);
  CHECK(code_of([&] { world.deploy(manifest("dep", group("app", 1, user_job))); }) == code::invalid_link);
}

TEST_CASE("addons of several runtime configs run where their filters say") {
  DirectorWorld world;
  add_tools(world);
  world.add_release("extra", "2", {{"name: mark\ntemplates: {conf: conf}", {{"conf", "marked"}}}});
  set_runtime(world, "a", note_config("a", "all", ", include: {deployments: [dep]}, exclude: {instance_groups: [two]}"));
  set_runtime(world, "b", "releases: [{name: extra, version: '2'}]\ntags: {owner: ops}\naddons: [{name: b, jobs: [{name: mark, "
                          "release: extra}], include: {jobs: [{name: store, release: tools}]}}]");
  const std::string store = "{name: store, release: tools, properties: {password: x}}";
  world.deploy(manifest("dep", group("one", 1, store) + group("two", 1, "{name: user, release: tools}")));
  CHECK(world.rendered("one", 0, "note/conf") == "all");
  CHECK(world.rendered("one", 0, "mark/conf") == "marked");
  CHECK_THROWS_AS(world.rendered("two", 0, "note/conf"), Error);
  CHECK_THROWS_AS(world.rendered("two", 0, "mark/conf"), Error);
  CHECK(world.agents.spec(world.vm("one", 0).agent)->at("tags") == Json({{"owner", "ops"}}));
  CHECK(world.stores.deployments.find("dep")->runtime_config_ids.size() == 2);
  CHECK(world.stores.deployments.release_ids("dep").size() == 2);
}

TEST_CASE("only an addon that applies needs its release, in the version the manifest has") {
  DirectorWorld world;
  add_tools(world);
  const auto plain = manifest("dep", group("one", 1, "{name: note, release: tools}"));
  const auto addon = [](const std::string& release, const std::string& rule) {
    return "releases: [{name: " + release + ", version: '7'}]\naddons: [{name: a, jobs: [{name: mark, release: " + release +
           "}], include: {" + rule + "}}]";
  };
  set_runtime(world, "a", addon("absent", "deployments: [other]"));
  world.deploy(plain);
  set_runtime(world, "a", addon("absent", "deployments: [dep]"));
  CHECK(code_of([&] { world.deploy(plain); }) == code::release_not_found);
  set_runtime(world, "a", addon("tools", "azs: [z1]"));
  CHECK(code_of([&] { world.deploy(plain); }) == code::runtime_release_conflict);
}

TEST_CASE("an addon for a team runs in that team's deployments") {
  DirectorWorld world;
  add_tools(world);
  set_runtime(world, "a", note_config("a", "ours", ", include: {teams: [ours]}"));
  world.stores.deployments.create_for_teams("dep", {"ours"}, world.clock.now());
  const auto store = "{name: store, release: tools, properties: {password: x}}";
  world.deploy(manifest("dep", group("one", 1, store)));
  CHECK(world.rendered("one", 0, "note/conf") == "ours");
}

TEST_CASE("what a diff showed is what is deployed, whatever configs came since") {
  DirectorWorld world;
  add_tools(world);
  const auto store = "{name: store, release: tools, properties: {password: x}}";
  const auto shown = world.stores.configs.put("runtime", "a", note_config("a", "old"), {}, world.clock.now()).id;
  set_runtime(world, "a", note_config("a", "new"));
  world.run(0, [&](TaskContext& task) {
    Deploy(world.services, world.templates, task,
           {.manifest = manifest("dep", group("one", 1, store)), .configs = {.runtime = std::vector{shown}}})
        .run();
  });
  CHECK(world.rendered("one", 0, "note/conf") == "old");
  world.deploy(manifest("dep", group("one", 1, store)));
  CHECK(world.rendered("one", 0, "note/conf") == "new");
}

TEST_CASE("a certificate has the name at which its consumers find the group behind a link") {
  DirectorWorld world;
  add_tools(world);
  const std::string job =
      "{name: note, release: tools, custom_provider_definitions: [{name: front, type: address}], provides: {front: {as: "
      "door}}, properties: {text: ((tls.certificate))}}";
  const auto with = [&](const std::string& consumes) {
    return manifest("dep", group("web", 2, job),
                    "variables: [{name: tls, type: certificate, consumes: {" + consumes + "}}]");
  };
  CHECK(code_of([&] { world.deploy(with("common_name: {from: front}")); }) == code::invalid_link);
  world.deploy(with("common_name: {from: door}, alternative_name: {from: door, properties: {wildcard: true}}"));
  const auto certificate = tls::inspect(world.rendered("web", 0, "note/conf"));
  CHECK(certificate.common_name == "q-s0.web.default.dep.bosh");
  CHECK(certificate.alternative_names == std::vector<std::string>{"*.web.default.dep.bosh"});

  world.deploy(manifest("dep", group("web", 2, job),
                        "features: {use_link_dns_names: true}\nvariables: [{name: tls, type: certificate, "
                        "update_mode: converge, consumes: {common_name: {from: door}}}]"));
  const auto numbers = world.stores.dns_numbers.known(director::DnsNumberKind::group);
  CHECK(tls::inspect(world.rendered("web", 0, "note/conf")).common_name ==
        "q-n1s0.q-g" + std::to_string(numbers.at("dep/link/door-address")) + ".bosh");
}

TEST_CASE("a value that changes with the stemcell only reaches its jobs with the next one") {
  DirectorWorld world;
  add_tools(world);
  const auto yaml = manifest("dep", group("one", 1, "{name: note, release: tools, properties: {text: ((pw))}}"),
                             "variables: [{name: pw, type: password, update: {strategy: on-stemcell-change}}]");
  world.deploy(yaml);
  const auto first = world.rendered("one", 0, "note/conf");
  world.stores.variable_values.put("/slipway/dep/pw", "rotated", world.clock.now());
  world.deploy(yaml);
  CHECK(world.rendered("one", 0, "note/conf") == first);
  world.add_stemcell("1.1");
  world.deploy(yaml);
  CHECK(world.vm("one", 0).stemcell.version == "1.1");
  CHECK(world.rendered("one", 0, "note/conf") == "rotated");
}
