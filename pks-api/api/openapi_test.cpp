#include "pks-api/api/openapi.hpp"

#include <doctest/doctest.h>

#include "base/yaml.hpp"
#include "pks-api/api/api_fixture.hpp"

// The document is what clients are made from: no route, field or answer besides it.

namespace slipway::pks::openapi_test {

namespace {

const Json& document() {
  static const auto read = parse_yaml(openapi_document(), "openapi.yml");
  return read;
}

const Json& definition(const std::string& reference) {
  return document().at("definitions").at(reference.substr(reference.rfind('/') + 1));
}

bool is_of_type(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  return value.is_object();
}

// What in `value` is not as the schema says, a line each. Fields that the schema does not name count.
void compare(const Json& value, const Json& given, const std::string& place, std::string& problems) {
  const auto& schema = given.contains("$ref") ? definition(given.at("$ref").get<std::string>()) : given;
  if (!schema.contains("type") || (value.is_null() && schema.value("x-nullable", false))) return;
  if (!is_of_type(value, schema.at("type").get<std::string>())) {
    problems += place + " is no " + schema.at("type").get<std::string>() + "\n";
    return;
  }
  if (schema.contains("enum")) {
    bool known = false;
    for (const auto& one : schema.at("enum")) known = known || one == value;
    if (!known) problems += place + " is " + dump(value) + "\n";
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      compare(value[i], schema.at("items"), place + "[" + std::to_string(i) + "]", problems);
    }
  }
  if (!value.is_object() || !schema.contains("properties")) return;
  for (const auto& [key, field] : value.items()) {
    const auto here = place + "." + key;
    if (schema.at("properties").contains(key)) {
      compare(field, schema.at("properties").at(key), here, problems);
    } else {
      problems += here + " is not in the document\n";
    }
  }
  for (const auto& name : schema.value("required", Json::array())) {
    if (!value.contains(name.get<std::string>()))
      problems += place + "." + name.get<std::string>() + " is missing\n";
  }
}

struct Documented : ApiFixture {
  Documented() {
    add_user("admin", {scope_admin});
    add_cluster("admin", "demo", "kube", 2);
  }
  // Sends, and compares the answer with what the document says of that route and status.
  Json checked(const std::string& method, const std::string& route, const std::string& target, int status,
               const Json& body = nullptr) {
    const auto response = send("admin", method, "/v1" + target, body);
    const auto text = std::get_if<std::string>(&response.body);
    INFO(method, " ", target, ": ", text ? *text : "");
    CHECK(response.status == status);
    std::string key = method;
    for (auto& c : key) c = static_cast<char>(std::tolower(c));
    const auto& responses = document().at("paths").at(route).at(key).at("responses");
    const auto& described = responses.contains(std::to_string(response.status))
                                ? responses.at(std::to_string(response.status))
                                : responses.at("default");
    std::string problems;
    const auto answer = text && !text->empty() ? json(response) : Json();
    if (described.contains("schema")) compare(answer, described.at("schema"), "answer", problems);
    CHECK(problems == "");
    return answer;
  }
};

}  // namespace

TEST_CASE("the document has every route and no other") {
  std::set<std::string> documented;
  for (const auto& [path, methods] : document().at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) {
      auto word = method;
      for (auto& c : word) c = static_cast<char>(std::toupper(c));
      documented.insert(word + " /v1" + path);
    }
  }
  CHECK(documented == ApiFixture().routes());
}

TEST_CASE("answers are as the document says, those that refuse as well") {
  Documented f;
  const Json parameters = {{"kubernetes_master_host", "new.lab"},
                           {"cluster_tags", Json::array({{{"name", "a"}, {"value", "b"}}})},
                           {"kubernetes_setting_cluster_details", {{"kubelet_drain_timeout", "5"}}}};
  f.checked("POST", "/clusters", "/clusters", 202,
            {{"name", "new"}, {"plan_name", "kube"}, {"parameters", parameters}});
  f.checked("POST", "/clusters", "/clusters", 409,
            {{"name", "new"}, {"plan_name", "kube"}, {"parameters", parameters}});
  f.checked("GET", "/clusters", "/clusters", 200);
  f.checked("GET", "/clusters/{name}", "/clusters/new", 200);
  f.checked("GET", "/clusters/{name}", "/clusters/none", 404);
  f.checked("GET", "/clusterdetails/{name}", "/clusterdetails/new", 200);
  f.checked("GET", "/clusters/{name}/progress", "/clusters/new/progress", 200);
  f.checked("PATCH", "/clusters/{name}", "/clusters/demo?dry_run=true", 200,
            {{"kubernetes_worker_instances", 1}});
  f.checked("PATCH", "/clusters/{name}", "/clusters/demo", 202, {{"kubernetes_worker_instances", 3}});
  f.checked("PATCH", "/clusters/{name}", "/clusters/demo", 409, {{"kubernetes_worker_instances", 3}});
  f.checked("POST", "/clusters/{name}/upgrade", "/clusters/demo/upgrade", 409);
  f.checked("POST", "/clusters/{name}/binds", "/clusters/demo/binds", 503);
  f.checked("GET", "/clusters/{name}/certificates", "/clusters/demo/certificates", 503);
  f.checked("POST", "/clusters/{name}/certificates/rotate", "/clusters/demo/certificates/rotate", 409);
  const Json sink = {{"name", "audit"}, {"host", "logs.lab"}, {"permitted_peer", "*.lab"}};
  const auto sinks = "/clusters/{name}/sinks", own = "/clusters/new/sinks";
  f.checked("GET", sinks, own, 200);
  f.checked("POST", sinks, own, 409, sink);
  f.checked("POST", sinks, own, 400, {{"name", "audit"}});
  f.checked("DELETE", "/clusters/{name}/sinks/{sink}", std::string(own) + "/none", 404);
  f.add_cluster("admin", "other", "kube", 2);
  f.checked("POST", sinks, "/clusters/other/sinks?dry_run=true", 200, sink);
  f.checked("POST", sinks, "/clusters/other/sinks", 202, sink);
  f.checked("GET", sinks, "/clusters/other/sinks", 200);
  f.checked("GET", "/clusters/{name}", "/clusters/other", 200);
  f.checked("GET", "/plans", "/plans", 200);
  f.checked("GET", "/upgradable", "/upgradable", 200);
  const auto task = f.checked("PATCH", "/clusters", "/clusters", 202, {{"clusters", {"demo"}}});
  f.checked("GET", "/tasks", "/tasks", 200);
  f.checked("GET", "/tasks/{id}", "/tasks/" + task.at("uuid").get<std::string>(), 200);
  f.checked("POST", "/quotas", "/quotas", 201, {{"owner", "o"}, {"limit", {{"cpu", 1}, {"memory", 1.5}}}});
  f.checked("GET", "/quotas", "/quotas", 200);
  f.checked("PATCH", "/quotas/{owner}", "/quotas/o", 200, {{"limit", {{"cluster", 3}}}});
  f.checked("DELETE", "/quotas/{owner}", "/quotas/o", 204);
  f.checked("GET", "/usages", "/usages", 200);
  f.checked("GET", "/usages/{owner}", "/usages/admin", 200);
  f.checked("POST", "/network-profiles", "/network-profiles", 201,
            {{"name", "n"}, {"parameters", "{\"pod_network\":\"10.1.0.0/16\"}"}});
  f.checked("GET", "/network-profiles", "/network-profiles", 200);
  f.checked("POST", "/compute-profiles", "/compute-profiles", 201,
            {{"name", "c"}, {"parameters", {{"worker_azs", {"z1"}}}}});
  f.checked("GET", "/compute-profiles/{name}", "/compute-profiles/c", 200);
  f.checked(
      "POST", "/kubernetes-profiles", "/kubernetes-profiles", 201,
      {{"name", "k"},
       {"customizations", Json::array({{{"component", "kubelet"}, {"arguments", {{"max-pods", "9"}}}}})}});
  f.checked("GET", "/kubernetes-profiles", "/kubernetes-profiles", 200);
  f.checked("DELETE", "/kubernetes-profiles/{name}", "/kubernetes-profiles/k", 204);
}

TEST_CASE("an update takes every field of the document, and none that it does not name") {
  Documented f;
  for (const auto& [field, schema] : definition("UpdateClusterParameters").at("properties").items()) {
    const auto response =
        f.send("admin", "PATCH", "/v1/clusters/demo?dry_run=true", {{field, Json::object()}});
    INFO(field);
    CHECK(response.status == 400);
    CHECK(ApiFixture::json(response).at("body").get<std::string>().find("unknown key") == std::string::npos);
  }
  const auto response = f.send("admin", "PATCH", "/v1/clusters/demo?dry_run=true", {{"undocumented", 1}});
  CHECK(ApiFixture::json(response).at("body").get<std::string>().find("unknown key") != std::string::npos);
}

TEST_CASE("the document is served, and needs no token") {
  ApiFixture f;
  const auto response = f.send("", "GET", "/v2/api-docs");
  CHECK(response.status == 200);
  CHECK(ApiFixture::json(response) == document());
}

}  // namespace slipway::pks::openapi_test
