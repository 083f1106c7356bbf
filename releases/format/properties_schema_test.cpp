#include "releases/format/properties_schema.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <utility>

#include "base/file.hpp"
#include "base/tls.hpp"

using namespace slipway;
using namespace slipway::releases;

namespace properties_schema_test {

namespace {

using Texts = std::vector<std::string>;

Json schema_of(Json rules) {
  rules["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  return rules;
}

Json parsed(const std::string& text) { return parse_json(text, "the test's JSON"); }

// Of one property "p" with these rules.
Texts found(const std::string& rules, const Json& value) {
  const auto schema = schema_of({{"properties", {{"p", parsed(rules)}}}});
  const Json properties = {{"p", value}};
  return check_by_schemas({{&schema, &properties}}).at(0);
}

// Many such cases by one process.
class Cases {
 public:
  void add(const std::string& rules, const Json& value, const std::string& expected = "") {
    cases_.push_back({rules, schema_of({{"properties", {{"p", parsed(rules)}}}}), {{"p", value}}, expected});
  }

  struct Case {
    std::string rules;
    Json schema, properties;
    std::string expected;
    Texts found = {};
  };
  const std::vector<Case>& check() {
    std::vector<SchemaCheck> checks;
    for (const auto& one : cases_) checks.push_back({&one.schema, &one.properties});
    auto all = check_by_schemas(checks);
    for (std::size_t i = 0; i < all.size(); ++i) cases_[i].found = std::move(all[i]);
    return cases_;
  }

 private:
  std::vector<Case> cases_;
};

Texts problems(const Json& schema) { return check_by_schemas({{&schema}}).at(0); }

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'", part, "' is not in: ", text);
  return found;
}

std::string only(const Texts& texts) {
  REQUIRE(texts.size() == 1);
  return texts[0];
}

}  // namespace

TEST_CASE("each rule that a property breaks is named, with what is allowed") {
  Cases cases;
  cases.add(R"({"type": "integer"})", "x", "is a string, allowed is integer");
  cases.add(R"({"type": ["integer", "null"]})", true, "is a boolean, allowed is integer or null");
  cases.add(R"({"type": "string"})", nullptr, "is null (not set), allowed is string");
  cases.add(R"({"type": "integer"})", 1.5, "is a number, allowed is integer");
  cases.add(R"({"enum": ["a", 1]})", "b", R"(is none of the allowed ["a", 1])");
  cases.add(R"({"const": "a"})", "b", R"(is not "a", the only value allowed)");
  cases.add(R"({"minimum": 3})", 2, "is less than 3");
  cases.add(R"({"maximum": 3})", 4, "is more than 3");
  cases.add(R"({"exclusiveMinimum": 3})", 3, "is not more than 3");
  cases.add(R"({"exclusiveMaximum": 3})", 3, "is not less than 3");
  cases.add(R"({"multipleOf": 3})", 4, "is no multiple of 3");
  cases.add(R"({"minLength": 3})", "ab", "is shorter than 3");
  cases.add(R"({"maxLength": 3})", "abcd", "is longer than 3");
  cases.add(R"({"pattern": "^a$"})", "b", R"(does not match the pattern "^a$")");
  cases.add(R"({"format": "ipv4"})", "10.0.0.900", R"(is not of the format "ipv4")");
  cases.add(R"({"format": "hostname"})", "a_b", R"(is not of the format "hostname")");
  cases.add(R"({"format": "date-time"})", "2026-13-01T00:00:00Z", R"(is not of the format "date-time")");
  cases.add(R"({"minItems": 2})", Json::array({1}), "has fewer items than 2");
  cases.add(R"({"maxItems": 1})", {1, 2}, "has more items than 1");
  cases.add(R"({"uniqueItems": true})", {1, 1}, "has an item twice");
  cases.add(R"({"prefixItems": [{}], "items": false})", {1, 2}, "has more items than are allowed");
  cases.add(R"({"contains": {"type": "string"}})", {1, 2}, "has no item that it needs (contains)");
  cases.add(R"({"contains": {"type": "integer"}, "minContains": 2})", Json::array({1}),
       "has fewer items of the kind it needs than 2 (minContains)");
  cases.add(R"({"contains": {"type": "integer"}, "maxContains": 1})", {1, 2},
       "has more items of the kind it needs than 1 (maxContains)");
  cases.add(R"({"required": ["a", "b"]})", {{"a", 1}}, "lacks 'b'");
  cases.add(R"({"dependentRequired": {"a": ["b", "c"]}})", {{"a", 1}, {"c", 1}}, "lacks 'b', needed beside 'a'");
  cases.add(R"({"properties": {"a": {}}, "additionalProperties": false})", {{"b", 1}}, "has 'b', allowed is 'a'");
  cases.add(R"({"unevaluatedProperties": false})", {{"b", 1}}, "has keys that no rule allows (unevaluatedProperties)");
  cases.add(R"({"prefixItems": [{}], "unevaluatedItems": false})", {1, 2},
       "has items that no rule allows (unevaluatedItems)");
  cases.add(R"({"minProperties": 2})", {{"a", 1}}, "has fewer keys than 2");
  cases.add(R"({"maxProperties": 1})", {{"a", 1}, {"b", 2}}, "has more keys than 1");
  cases.add(R"({"propertyNames": {"pattern": "^[a-z]+$"}})", {{"A", 1}},
       R"(has the key 'A', which does not match the pattern "^[a-z]+$")");
  cases.add(R"({"not": {"type": "string"}})", "x", "fits the schema of 'not'");
  cases.add(R"({"oneOf": [{"type": "string"}, {"minLength": 1}]})", "x", "fits more than one of the schemas of oneOf");
  cases.add(R"({"anyOf": [{"type": "integer"}, {"required": ["a"], "type": "object"}]})", Json::object(),
       "fits none of the schemas of anyOf: (1) is an object, allowed is integer (2) lacks 'a'");
  cases.add("false", 1, "is not allowed");
  for (const auto& one : cases.check()) {
    CAPTURE(one.rules);
    CHECK(only(one.found) == "'p' " + one.expected);
  }
}

TEST_CASE("what fits is accepted, also by references, conditions and unknown formats") {
  Cases cases;
  cases.add(R"({"type": "integer"})", 1);
  cases.add(R"({"type": ["string", "null"]})", nullptr);
  cases.add(R"({"format": "hostname"})", "a-1.example");
  cases.add(R"({"format": "date-time"})", "2026-01-02T03:04:05.678+01:00");
  cases.add(R"({"format": "colour"})", "no format of the draft");
  cases.add(R"({"pattern": "^(?<word>[a-z$]+)$"})", "ab$");
  cases.add(R"({"if": {"type": "integer"}, "then": {"minimum": 1}, "else": {"type": "string"}})", 2);
  cases.add(R"({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": {"type": "string"}})",
       {{"x1", 1}, {"y", "s"}});
  for (const auto& one : cases.check()) {
    CAPTURE(one.rules);
    CHECK(one.found == Texts{});
  }
  auto schema = schema_of({{"$defs", {{"port", {{"type", "integer"}}}}}, {"properties", {{"p", {{"$ref", "#/$defs/port"}}}}}});
  Json properties = {{"p", 1}};
  CHECK(check_by_schemas({{&schema, &properties}}).at(0).empty());
  // A type of ours is known behind a reference to the root too.
  schema = schema_of({{"properties", {{"p", {{"type", "certificate"}}}, {"more", {{"$ref", "#"}}}}}});
  properties = {{"more", {{"p", "x"}}}};
  CHECK(only(check_by_schemas({{&schema, &properties}}).at(0)) == "'more.p' is a string, but no certificate in PEM");
}

TEST_CASE("places lead through objects and arrays, and all that is wrong is told") {
  const auto schema = schema_of(parsed(R"({"properties": {
    "users": {"type": "array", "items": {"properties": {"name": {"type": "string"}}, "required": ["id"]}},
    "tls": {"properties": {"port": {"type": "integer"}}}}, "required": ["zone"]})"));
  const auto properties = parsed(R"({"users": [{"id": 1}, {"name": 5}], "tls": {"port": "x"}})");
  CHECK(check_by_schemas({{&schema, &properties}}).at(0) ==
        Texts{"'tls.port' is a string, allowed is integer", "'users[1]' lacks 'id'",
              "'users[1].name' is an integer, allowed is string", "all of it lacks 'zone'"});
}

TEST_CASE("a pattern's end is the end, and its digits are those of ASCII") {
  CHECK_FALSE(found(R"({"pattern": "^a$"})", "a\n").empty());
  CHECK_FALSE(found(R"({"pattern": "^\\d$"})", "\u0663").empty());
}

TEST_CASE("a certificate is one in PEM, or nothing") {
  const auto pair = tls::create_ca({.common_name = "ca", .bosh_style = true}, std::chrono::hours(1), SystemClock().now(), 0, nullptr, tls::KeyType::ec_p256);
  const std::string rules = R"({"type": "certificate"})";
  CHECK(found(rules, pair.certificate_pem).empty());
  CHECK(found(rules, pair.certificate_pem + pair.certificate_pem).empty());
  CHECK(found(rules, "").empty());
  CHECK(found(R"({"type": ["certificate", "null"]})", nullptr).empty());
  CHECK(only(found(rules, pair.certificate_pem.substr(0, 200))) == "'p' is a string, but no certificate in PEM");
  CHECK(only(found(rules, "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n")) ==
        "'p' is a string, but no certificate in PEM");
  CHECK(only(found(rules, "\u00e4")) == "'p' is a string, but no certificate in PEM");
  CHECK(only(found(rules, 5)) == "'p' is an integer, allowed is certificate");
}

TEST_CASE("no complaint has anything of a value, whatever rule it breaks") {
  const std::string secret = "s3cr3t-t0ken";
  const Json values = {secret, {{"name", secret}, {"propertyNames", secret}}, Json::array({secret, secret})};
  const char* rules[] = {R"({"type": "integer"})", R"({"enum": [1]})", R"({"const": 1})", R"({"pattern": "^x"})",
                         R"({"format": "ipv4"})", R"({"minLength": 99})", R"({"maxLength": 1})", "false",
                         R"({"type": "certificate"})", R"({"not": {}})", R"({"anyOf": [{"type": "null"}, {"maxLength": 2}]})",
                         R"({"oneOf": [{}, {}]})", R"({"uniqueItems": true})", R"({"minItems": 9})", R"({"maxItems": 1})",
                         R"({"contains": {"type": "null"}})", R"({"items": {"type": "integer"}})",
                         R"({"additionalProperties": false})", R"({"additionalProperties": {"type": "integer"}})",
                         R"({"unevaluatedProperties": false})", R"({"unevaluatedItems": false})", R"({"required": ["x"]})",
                         R"({"properties": {"propertyNames": {"type": "integer"}}})", R"({"maxProperties": 1})",
                         R"({"if": {}, "then": {"type": "null"}})", R"({"dependentRequired": {"name": ["x"]}})",
                         R"({"propertyNames": {"maxLength": 2}})", R"({"$ref": "#/$defs/none"})"};
  Cases cases;
  for (const auto* rule : rules) {
    for (const auto& value : values) cases.add(rule, value);
  }
  std::map<std::string, std::size_t> complaints;
  for (const auto& one : cases.check()) {
    complaints[one.rules] += one.found.size();
    for (const auto& text : one.found) CHECK_MESSAGE(text.find("s3cr3t") == std::string::npos, text);
  }
  for (const auto* rule : rules) CHECK_MESSAGE(complaints[rule] > 0, rule);
}

TEST_CASE("what is no schema is refused with its place") {
  std::vector<std::pair<Json, std::string>> cases;
  const auto says = [&](const std::string& rules, const std::string& expected) {
    cases.emplace_back(schema_of(parsed(rules)), expected);
  };
  says(R"({"type": "strin"})", "#/type: fits none of the schemas of anyOf: (1) is none of the allowed");
  says(R"({"properties": {"a/b": {"minLength": "x"}}})", "#/properties/a~1b/minLength: is a string, allowed is integer");
  says(R"({"allOf": [{"required": "x"}]})", "#/allOf/0/required: is a string, allowed is array");
  says(R"({"properties": {"p": {"pattern": "("}}})", "#/properties/p/pattern: the pattern cannot be read");
  says(R"({"properties": {"p": {"pattern": "a{99999999999}"}}})", "#/properties/p/pattern: the pattern cannot be read");
  says(R"({"patternProperties": {"[": {}}})", "#/patternProperties/[: the pattern cannot be read");
  says(R"({"$defs": {"old": {"$schema": "http://json-schema.org/draft-07/schema#"}}})", "#/$defs/old/$schema: must be");
  cases.emplace_back(Json::object(), "$schema is missing, it must be \"https://json-schema.org/draft/2020-12/schema\"");
  cases.emplace_back(Json{{"$schema", "http://json-schema.org/draft-07/schema#"}}, "$schema is \"http://json-schema.org/draft-07");
  cases.emplace_back(Json{{"$schema", 5}}, "$schema is 5");
  std::vector<SchemaCheck> checks;
  for (const auto& [schema, expected] : cases) checks.push_back({&schema});
  const auto all = check_by_schemas(checks);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    REQUIRE_MESSAGE(!all[i].empty(), cases[i].second);
    CHECK(contains(all[i][0], "properties_schema.json: " + cases[i].second));
  }
  CHECK(problems(schema_of(parsed(R"({"type": ["certificate", "null"], "properties": {"type": {"enum": ["strin"]}}})"))).empty());
}

TEST_CASE("a reference out of the schema is refused and never followed") {
  // Two that would be schemas if they were read.
  const TempDir folder;
  write_file_atomically(folder.path() / "schema.json", "{}");
  const auto file = "file://" + (folder.path() / "schema.json").string();
  for (const std::string target : {file.c_str(), "data:application/json,{}", "http://127.0.0.1:1/x.json",
                                   "https://example.com/s", "other.json", "#/nowhere", "ftp://127.0.0.1/x"}) {
    CAPTURE(target);
    const auto schema = schema_of({{"properties", {{"p", {{"$ref", target}}}}}});
    CHECK(contains(only(problems(schema)), "#/properties/p/$ref: \"" + target +
                                               "\" is nothing in this schema, and nothing is fetched from elsewhere"));
  }
  auto based = schema_of(parsed(R"({"$id": "http://127.0.0.1:1/", "properties": {"p": {"$ref": "x.json"}}})"));
  CHECK(contains(only(problems(based)), "nothing is fetched"));
  // Where no check of schemas looks: applied, it leads nowhere.
  const auto hidden = schema_of(parsed(
      R"({"properties": {"p": {"$ref": "#/kept"}}, "kept": {"$ref": "http://127.0.0.1:1/x"}})"));
  const Json properties = {{"p", "s3cr3t"}};
  CHECK(contains(only(check_by_schemas({{&hidden, &properties}}).at(0)), "a reference leads nowhere in this schema"));
}

TEST_CASE("a schema that never ends is stopped, and the checks after it are done") {
  const auto slow = schema_of(parsed(R"({"properties": {"p": {"pattern": "^(a+)+$"}}})"));
  const auto endless = schema_of(parsed(R"({"properties": {"p": {"$ref": "#/properties/p"}}})"));
  std::string doubling = R"({"properties": {"p": {"$ref": "#/$defs/d0"}}, "$defs": {)";
  for (int i = 0; i < 40; ++i) {
    const auto next = R"({"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
    doubling += "\"d" + std::to_string(i) + R"(": {"allOf": [)" + next + ", " + next + "]}, ";
  }
  const auto bomb = schema_of(parsed(doubling + R"("d40": {}}})"));
  const auto plain = schema_of(parsed(R"({"properties": {"p": {"type": "integer"}}})"));
  const Json properties = {{"p", std::string(64, 'a') + "!"}};
  const auto all = check_by_schemas(
      {{&slow, &properties}, {&endless, &properties}, {&bomb, &properties}, {&plain, &properties}},
      {.processor_time = std::chrono::seconds(1)});
  REQUIRE(all.size() == 4);
  CHECK(contains(only(all[0]), "the check took more than 1 s of processor time"));
  CHECK(contains(only(all[1]), "it refers to itself without end"));
  CHECK(contains(only(all[2]), "the check took more than 1 s of processor time"));
  CHECK(only(all[3]) == "'p' is a string, allowed is integer");
}

TEST_CASE("many complaints are cut, and long names too") {
  const auto schema = schema_of({{"additionalProperties", {{"type", "integer"}}}});
  Json properties;
  for (int i = 0; i < 500; ++i) properties["key" + std::to_string(i)] = "x";
  auto texts = check_by_schemas({{&schema, &properties}}).at(0);
  CHECK(texts.size() == 41);
  CHECK(texts.back() == "there is more");
  properties = {{std::string(100'000, 'k') + "\n", "x"}};
  texts = check_by_schemas({{&schema, &properties}}).at(0);
  CHECK(only(texts).size() < 300);
}

TEST_CASE("a missing Python is an internal fault that names the program, and no check needs none") {
  const auto schema = schema_of(Json::object());
  CHECK(check_by_schemas({}, {.python = "/no/such/python"}).empty());
  try {
    check_by_schemas({{&schema}}, {.python = "/no/such/python"});
    CHECK(false);
  } catch (const Error& error) {
    CHECK(contains(error.what(), "/no/such/python"));
  }
  try {
    check_by_schemas({{&schema}}, {.python = "/bin/false"});
    CHECK(false);
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::internal);
    CHECK(contains(error.what(), "python3-jsonschema) does not start"));
  }
}

}  // namespace properties_schema_test
