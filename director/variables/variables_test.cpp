#include "director/variables/variables.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/tls.hpp"
#include "base/yaml.hpp"
#include "director/domain/error_codes.hpp"
#include "director/store/fixture.hpp"
#include "director/variables/placeholders.hpp"

using namespace slipway;
using namespace slipway::director;

namespace {

struct Fixture {
  StoreFixture store;
  VariableValues values{store.db, Secret(std::string(32, 'k'))};
  ManualClock clock;
  Variables variables{values, "dir", clock};

  std::vector<std::int64_t> generate(const std::string& yaml) {
    const auto manifest = parse_yaml(yaml, "m");
    return variables.generate({&manifest}, "dep");
  }
  Json value(const std::string& name) { return values.latest("/dir/dep/" + name)->value; }
  Json interpolate(const Json& document) { return variables.interpolate(document, "dep"); }
  void put(const std::string& name, const Json& value_given) { values.put(name, value_given, clock.now()); }
};

int code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.code();
  }
  return 0;
}

}  // namespace

TEST_CASE("a certificate is signed by the CA it names, in whatever order they are listed") {
  Fixture fixture;
  fixture.generate(R"(
variables:
- {name: server, type: certificate, options: {ca: root, common_name: etcd, alternative_names: ["*.etcd.bosh", 10.0.0.1], extended_key_usage: [client_auth, server_auth], duration: 30}}
- {name: root, type: certificate, options: {is_ca: true, common_name: Root}}
)");
  const auto root = fixture.value("root"), server = fixture.value("server");
  CHECK(root["ca"] == root["certificate"]);
  CHECK(server["ca"] == root["certificate"]);
  tls::verify(server["certificate"], root["certificate"], fixture.clock.now());
  const auto info = tls::inspect(server["certificate"]);
  CHECK(info.common_name == "etcd");
  CHECK(info.alternative_names.size() == 2);
  CHECK(info.not_after - fixture.clock.now() < std::chrono::hours(24 * 31));
  CHECK(tls::inspect(root["certificate"]).is_ca);
}

TEST_CASE("what is stored already is kept, and its id is pinned") {
  Fixture fixture;
  const std::string yaml = "variables: [{name: pw, type: password}]\nx: ((/shared/y))";
  fixture.put("/shared/y", 1);
  const auto first = fixture.generate(yaml);
  CHECK(first.size() == 2);
  const auto value = fixture.value("pw");
  CHECK(value.get<std::string>().size() == 20);
  CHECK(fixture.generate(yaml) == first);
  CHECK(fixture.value("pw") == value);
}

TEST_CASE("update modes say when a value is made anew") {
  Fixture fixture;
  const auto with = [](const std::string& rest) { return "variables: [{name: pw, type: password" + rest + "}]"; };
  fixture.generate(with(""));
  const auto first = fixture.value("pw");
  fixture.generate(with(", options: {length: 9}"));
  CHECK(fixture.value("pw") == first);
  fixture.generate(with(", options: {length: 9}, update_mode: converge"));
  const auto second = fixture.value("pw");
  CHECK(second.get<std::string>().size() == 9);
  fixture.generate(with(", options: {length: 9}, update_mode: converge"));
  CHECK(fixture.value("pw") == second);
  fixture.generate(with(", options: {length: 9}, update_mode: overwrite"));
  CHECK(fixture.value("pw") != second);
}

TEST_CASE("a certificate converges when its names or its CA change") {
  Fixture fixture;
  const auto with = [](const std::string& name) {
    return "features: {converge_variables: true}\nvariables:\n- {name: ca, type: certificate, options: {is_ca: true, common_name: ca}}\n"
           "- {name: leaf, type: certificate, options: {ca: ca, common_name: c, alternative_names: [" + name + "]}}";
  };
  fixture.generate(with("a.bosh"));
  const auto first = fixture.value("leaf");
  fixture.generate(with("a.bosh"));
  CHECK(fixture.value("leaf") == first);
  fixture.generate(with("b.bosh"));
  CHECK(fixture.value("leaf") != first);
  CHECK(fixture.value("leaf")["ca"] == first["ca"]);
}

TEST_CASE("keys that were made side by side are each in one certificate, of the length it asks for") {
  Fixture fixture;
  fixture.variables.make_keys_on(4);
  fixture.generate(R"(
variables:
- {name: root, type: certificate, options: {is_ca: true, common_name: Root}}
- {name: a, type: certificate, options: {ca: root, common_name: a}}
- {name: b, type: certificate, options: {ca: root, common_name: b}}
- {name: long, type: certificate, options: {ca: root, common_name: long, key_length: 3072}}
- {name: alone, type: certificate, options: {common_name: alone}}
)");
  std::set<std::string> keys;
  const auto root = fixture.value("root");
  for (const auto* name : {"root", "a", "b", "long", "alone"}) {
    const auto value = fixture.value(name);
    keys.insert(value["private_key"]);
    if (value["ca"] == root["certificate"]) tls::verify(value["certificate"], root["certificate"], fixture.clock.now());
  }
  CHECK(keys.size() == 5);
  // Base64 of 2048 bits and of 3072.
  CHECK(fixture.value("a")["private_key"].get<std::string>().size() < 1'800);
  CHECK(fixture.value("long")["private_key"].get<std::string>().size() > 2'300);
}

TEST_CASE("rsa and ssh keys come with the parts BOSH gives them") {
  Fixture fixture;
  fixture.generate("variables: [{name: r, type: rsa}, {name: s, type: ssh}]");
  CHECK(fixture.value("r")["private_key"].get<std::string>().find("PRIVATE KEY") != std::string::npos);
  CHECK(fixture.value("r").contains("public_key"));
  CHECK(fixture.value("s")["public_key"].get<std::string>().starts_with("ssh-rsa "));
  CHECK(fixture.value("s").contains("public_key_fingerprint"));
}

TEST_CASE("definitions nobody can make are refused, all at once") {
  Fixture fixture;
  const auto code = [&](const std::string& yaml) { return code_of([&] { fixture.generate(yaml); }); };
  CHECK(code("variables: [{name: x, type: magic}]") == code::variable_generation);
  CHECK(code("variables: [{name: x/, type: password}]") == code::variable_name_syntax);
  CHECK(code("variables: [{name: x, type: certificate, options: {ca: nope, common_name: x}}]") == code::variable_generation);
  CHECK(code("variables: [{name: x, type: certificate, options: {ca: x, common_name: x}}]") == code::variable_generation);
  CHECK(code("variables: [{name: x, type: certificate}]") == code::variable_generation);
  CHECK(code("variables: [{name: x, type: password, update_mode: maybe}]") == code::variables_format);
  CHECK(code("variables: 3") == code::wrong_type);
}

TEST_CASE("placeholders become their values, whole or inside text") {
  Fixture fixture;
  fixture.put("/dir/dep/h", {{"a", {{"b", {1, 2}}}}, {"n", 7}});
  fixture.put("/abs", "text");
  const Json document = {{"whole", "((h.a))"},
                         {"inside", "x-((h.n))-((/abs))"},
                         {"list", {"((!/abs))", 3, nullptr}},
                         {"((/abs))", true},
                         {"shell", "$((1 + 2)) and (( not a name )) and (("}};
  const auto before = document;
  CHECK(fixture.interpolate(document) == Json({{"whole", {{"b", {1, 2}}}},
                                               {"inside", "x-7-text"},
                                               {"list", {"text", 3, nullptr}},
                                               {"text", true},
                                               {"shell", "$((1 + 2)) and (( not a name )) and (("}}));
  CHECK(document == before);
}

TEST_CASE("all unknown names and keys are told at once") {
  Fixture fixture;
  fixture.put("/dir/dep/h", {{"a", 1}});
  try {
    fixture.interpolate({{"x", "((one))"}, {"y", {"((/two))", "((h.b))"}}});
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(error.code() == code::variable_name_missing);
    for (const auto* part : {"/dir/dep/one", "/two", "no key 'b'; it has 'a'"}) CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("a hash cannot stand inside text, and a value is never searched again") {
  Fixture fixture;
  fixture.put("/h", {{"a", 1}});
  fixture.put("/nested", "((/h))");
  CHECK(code_of([&] { fixture.interpolate({{"x", "y((/h))"}}); }) == code::variable_placement);
  CHECK(fixture.interpolate({{"x", "y((/nested))"}})["x"] == "y((/h))");
}

TEST_CASE("a preview makes values that are used and not stored") {
  Fixture fixture;
  fixture.variables.preview();
  CHECK(fixture.generate("variables: [{name: ca, type: certificate, options: {is_ca: true, common_name: ca}},"
                         " {name: leaf, type: certificate, options: {ca: ca, common_name: leaf}}]")
            .empty());
  const auto shown = fixture.interpolate({{"cert", "((leaf.certificate))"}, {"ca", "((ca.certificate))"}});
  tls::verify(shown["cert"], shown["ca"], fixture.clock.now());
  CHECK_FALSE(fixture.values.latest("/dir/dep/ca"));
  CHECK_FALSE(fixture.values.latest("/dir/dep/leaf"));
}

TEST_CASE("a pinned deployment goes on with its values after they were rotated") {
  Fixture fixture;
  const std::string yaml = "variables: [{name: pw, type: password}]\nx: ((pw))";
  const auto ids = fixture.generate(yaml);
  const auto before = fixture.value("pw");
  fixture.values.pin("dep", ids);
  fixture.put("/dir/dep/pw", "rotated");
  Variables later(fixture.values, "dir", fixture.clock);
  later.pin("dep");
  const auto manifest = parse_yaml(yaml, "m");
  CHECK(later.generate({&manifest}, "dep") == ids);
  CHECK(later.interpolate(manifest, "dep")["x"] == before);
  CHECK(fixture.interpolate(manifest)["x"] == "rotated");
}

TEST_CASE("configs define variables too") {
  Fixture fixture;
  const Json manifest = Json::object(), config = parse_yaml("variables: [{name: /all, type: password}]", "c");
  CHECK(fixture.variables.generate({&manifest, &config}, "dep").size() == 1);
  CHECK(fixture.values.latest("/all"));
}

TEST_CASE("a variable that changes with the stemcell only keeps the value its deployment runs with until then") {
  Fixture fixture;
  const std::string yaml =
      "variables: [{name: slow, type: password, update: {strategy: on-stemcell-change}}, {name: fast, type: password}]\n"
      "x: [((slow)), ((fast))]";
  fixture.values.pin("dep", fixture.generate(yaml));
  const auto slow = fixture.value("slow");
  fixture.put("/dir/dep/slow", "new");
  fixture.put("/dir/dep/fast", "new");
  Variables same{fixture.values, "dir", fixture.clock};
  same.keep_until_stemcell_changes("dep");
  const auto manifest = parse_yaml(yaml, "m");
  const auto ids = same.generate({&manifest}, "dep");
  CHECK(ids.size() == 2);
  CHECK(same.interpolate(manifest, "dep").at("x") == Json::array({slow, "new"}));
  CHECK(fixture.interpolate(manifest).at("x") == Json::array({"new", "new"}));  // the stemcell changes
  CHECK(code_of([&] { fixture.generate("variables: [{name: x, type: password, update: {strategy: never}}]"); }) ==
        code::variables_format);
}

TEST_CASE("a certificate takes names from the links it consumes") {
  Fixture fixture;
  fixture.variables.take_addresses_from([](const std::string& link) {
    return link == "door" ? std::optional<std::string>("q-s0.web.net.dep.bosh") : std::nullopt;
  });
  const auto with = [](const std::string& consumes, const std::string& type = "certificate") {
    return "variables: [{name: c, type: " + type + ", options: {alternative_names: [a.b]}, consumes: {" + consumes +
           "}, update_mode: converge}]";
  };
  const auto names = [&] { return tls::inspect(fixture.value("c")["certificate"]).alternative_names; };
  fixture.generate(with("common_name: {from: door}"));
  CHECK(tls::inspect(fixture.value("c")["certificate"]).common_name == "q-s0.web.net.dep.bosh");
  fixture.generate(with("alternative_name: {from: door}, common_name: {from: door}"));
  CHECK(names() == std::vector<std::string>{"a.b", "q-s0.web.net.dep.bosh"});
  fixture.generate(with("alternative_name: {from: door, properties: {wildcard: true}}"));
  CHECK(names() == std::vector<std::string>{"a.b", "*.web.net.dep.bosh"});
  CHECK(code_of([&] { fixture.generate(with("alternative_name: {from: window}")); }) == code::invalid_link);
  CHECK(code_of([&] { fixture.generate(with("key: {from: door}")); }) == code::variables_format);
  CHECK(code_of([&] { fixture.generate(with("common_name: {from: door}", "password")); }) == code::variables_format);
}
