#include <doctest/doctest.h>

#include "base/http/client.hpp"
#include "director/api/fixture.hpp"
#include "director/api/routes.hpp"

// Every route of the table is asked wrongly, so that a new route is covered by being there. A handler answers
// what a client did wrong with a 4xx that says so, whatever the client sent.

using namespace slipway;
using namespace slipway::director;

namespace {

// What the paths, bodies and queries below may name, so that handlers get as far as reading them.
struct World : ApiFixture {
  std::map<std::string, std::string> names;  // of a path's parameters

  World() {
    stores.deployments.find_or_create("web", now);
    InstanceRecord instance;
    instance.id = InstanceId{"i-1"};
    instance.deployment = "web";
    instance.group = "app";
    stores.instances.insert(instance);
    VmRecord vm;
    vm.agent = AgentId{"a-1"};
    vm.instance = instance.id;
    vm.deployment = "web";
    stores.vms.insert_creating(vm);
    stores.vms.set_created(vm.agent, VmCid{"vm-1"}, Json::object());
    stores.vms.set_active(vm.agent);
    DiskRecord disk;
    disk.cid = DiskCid{"disk-1"};
    disk.deployment = "web";
    disk.group = "app";
    disk.instance = instance.id;
    disk.size_mib = 1024;
    stores.disks.insert(disk);
    stores.configs.put("cloud", "default", "azs: []\n", std::nullopt, now);
    TaskRecord task;
    task.type = "update_release";
    tasks.insert(task, now);
    EventRecord event;
    event.action = "create";
    stores.events.insert(event);
    names = {{"deployment", "web"}, {"group", "app"},   {"instance", "i-1"}, {"cid", "disk-1"}, {"name", "etcd"},
             {"version", "1.0"},    {"action", "stop"}, {"errand", "smoke"}, {"blob", "b-1"}};
  }

  // Instances have ids like "i-1", everything else is counted.
  std::string name_of(const std::string& pattern, const std::string& parameter) const {
    if (parameter == "id") return pattern.find("{group}") != std::string::npos ? "i-1" : "1";
    const auto found = names.find(parameter);
    return found == names.end() ? "1" : found->second;
  }

  // The pattern with its parameters filled in; `replaced` gets `value` instead of its usual one.
  std::string target(const std::string& pattern, const std::string& replaced = "", const std::string& value = "") const {
    std::string path;
    for (std::size_t at = 0; at < pattern.size();) {
      const auto open = pattern.find('{', at);
      path += pattern.substr(at, open - at);
      if (open == std::string::npos) break;
      const auto close = pattern.find('}', open);
      const auto name = pattern.substr(open + 1, close - open - 1);
      path += http::url_encode(name == replaced ? value : name_of(pattern, name));
      at = close + 1;
    }
    return path;
  }
};

std::vector<std::string> parameters_of(const std::string& pattern) {
  std::vector<std::string> names;
  for (auto open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1))
    names.push_back(pattern.substr(open + 1, pattern.find('}', open) - open - 1));
  return names;
}

const std::vector<std::string>& hostile_texts() {
  static const std::vector<std::string> all = {
      "", " ", ".", "..", "../../etc/passwd", std::string("\0", 1), std::string("a\0b", 3), "\xff\xfe", "\xc3\x28", "-1",
      "0", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "1e400", "NaN", "nil", "true", "*",
      "a\r\nX-Injected: 1", "'; DROP TABLE tasks; --", "%s%n", "((secret))", "<%= 1 %>", "\xf0\x9f\x9a\x80",
      "[", "{\"a\":", "100%", "5-1", "2026-13-45T99:99:99Z", std::string(70'000, 'x')};
  return all;
}

const std::vector<Json>& hostile_values() {
  static const std::vector<Json> all = {
      nullptr, true, 0, -1, 1e308, INT64_MAX, INT64_MIN, UINT64_MAX, "", std::string("\0", 1), "\xff\xfe", "../x", "1",
      std::string(70'000, 'x'), Json::array(), Json::array({nullptr}), Json::array({Json::array()}), Json::array({1, "x"}),
      Json::array({Json::object()}), Json::object(), Json{{"", nullptr}}, Json{{"id", Json::array()}}, Json{{"id", "x"}}};
  return all;
}

// Whole bodies no handler wants, as JSON and as YAML.
const std::vector<std::string>& hostile_bodies() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> bodies = hostile_texts();
    for (const auto& value : hostile_values()) bodies.push_back(dump(value));
    bodies.insert(bodies.end(), {
        "{}", "name: [1]\n", "name: web\n", "name: ../../x\n", "name: \"a\\0b\"\n", "a: &a [*a]\n", "- &a 1\n- *b\n",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
        "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
        "%YAML 9.9\n---\n", "!!python/object:os.system x\n", "---\na: 1\n---\nb: 2\n", "azs: 3\n", "? [a]\n: b\n", "\t\n",
        "{\"value\":" + std::string(500, '[') + std::string(500, ']') + "}", std::string(100'000, '{'),
        std::string(100'000, '-') + "\n", "{\"type\":\"cloud\",\"name\":\"default\",\"content\":\"azs: [\"}",
        "{\"from\":{\"id\":\"x\"},\"to\":{\"id\":\"y\"}}", "{\"packages\":[{\"fingerprint\":[1]}]}"});
    return bodies;
  }();
  return all;
}

// The fields of all bodies, each with a value of the right type.
const Json& known_fields() {
  static const Json fields = {
      {"type", "cloud"}, {"name", "web"}, {"content", "azs: []\n"}, {"expected_latest_id", "1"}, {"id", "1"},
      {"from", {{"id", "1"}}}, {"to", {{"content", "azs: []\n"}}}, {"location", "https://127.0.0.1:1/x.tgz"}, {"sha1", "x"},
      {"stemcell", {{"name", "s"}, {"version", "1"}}}, {"version", "1"}, {"states", {"queued"}}, {"types", {"update_release"}},
      {"deployment", "web"}, {"deployment_name", "web"}, {"release_name", "etcd"}, {"release_version", "1"},
      {"stemcell_os", "debian"}, {"stemcell_version", "1"}, {"sha2", true}, {"jobs", {{"app", {"i-1"}}}},
      {"resolutions", {{"1", nullptr}}}, {"max_in_flight_overrides", {{"app", "1"}}}, {"ignore", true},
      {"command", "setup"}, {"target", {{"job", "app"}, {"ids", {"i-1"}}, {"indexes", Json::array()}}},
      {"params", {{"user", "bosh_x"}, {"public_key", "ssh-rsa x"}, {"user_regex", "^bosh_x"}}},
      {"config", {{"remove_all", true}, {"keep_orphaned_disks", true}}}, {"resurrection_paused", true},
      {"keep-alive", true}, {"when-changed", true}, {"instances", {{{"group", "app"}, {"id", "i-1"}}}},
      {"action", "create"}, {"object_type", "vm"}, {"object_name", "x"}, {"instance", "app/i-1"}, {"error", ""},
      {"timestamp", 1}, {"context", {{"a", 1}}}, {"value", "x"}, {"parameters", {{"length", 8}}}, {"mode", "no-overwrite"},
      {"manifest", "name: web\n"}, {"packages", {{{"name", "p"}, {"fingerprint", "f"}}}}};
  return fields;
}

const std::vector<std::string>& known_queries() {
  static const std::vector<std::string> all = {
      "limit", "latest", "type", "name", "state", "verbose", "deployment", "deployment[]", "context_id", "version",
      "recreate", "recreate_persistent_disks", "recreate_vms_created_before", "fix", "skip_drain", "canaries",
      "max_in_flight", "dry_run", "force_latest_variables", "context", "force", "format", "exclude_configs", "redact",
      "before_id", "before_time", "after_time", "task", "instance", "user", "action", "object_type", "object_name",
      "hard", "ignore_unresponsive_agent", "filters", "orphaned", "orphan", "job", "instance_id", "disk_properties",
      "rebase", "current", "delete_disks", "job_name", "user_regex"};
  return all;
}

bool reads_a_body(const std::string& method) { return method == "POST" || method == "PUT"; }

// Says what is wrong with an answer to a hostile request; empty when nothing is.
std::string fault_of(const http::Response& response) {
  const auto status = std::to_string(response.status);
  if (response.status < 200 || response.status >= 500) return "status " + status;
  if (response.status < 400) return "";
  // Plain text for who proved nothing and where no route is; nothing beyond a file's end; the config's
  // own answer to a stale id.
  if (response.status == 401 || response.status == 405 || response.status == 416) return "";
  const auto* body = std::get_if<std::string>(&response.body);
  if (!body) return status + " without a text";
  if (response.status == 404 && *body == "Not found\n") return "";
  const auto json = Json::parse(*body, nullptr, false);
  if (!json.is_object() || !json.contains("description") || !json["description"].is_string()) return status + ": " + *body;
  if (response.status != 412 && (!json.contains("code") || !json["code"].is_number_integer())) return status + ": " + *body;
  return "";
}

// One route, asked in one wrong way after the other.
class Attack {
 public:
  Attack(World& world, const api::Routes::Entry& route) : world_(world), route_(route) {}

  void send(const std::string& target, const std::string& body, http::Headers headers = {}) {
    ++requests;
    const auto response = world_.send(route_.method, target, body, "admin", std::move(headers));
    if (response.status >= 400) ++refused;
    const auto fault = fault_of(response);
    if (!fault.empty() && faults.size() < 5)
      faults.push_back(route_.method + " " + target.substr(0, 200) + " with '" + body.substr(0, 200) + "': " +
                       fault.substr(0, 300));
  }

  void paths() {
    for (const auto& parameter : parameters_of(route_.pattern))
      for (const auto& text : hostile_texts()) send(world_.target(route_.pattern, parameter, text), body());
  }

  // Every text in all queries at once, and some in each alone: a handler stops at the first it dislikes.
  void queries() {
    const auto target = world_.target(route_.pattern);
    for (const auto& text : hostile_texts()) {
      std::string all;
      for (const auto& name : known_queries()) all += (all.empty() ? "?" : "&") + name + "=" + text;
      if (all.size() < 64'000) send(target + all, body());
    }
    for (const auto& name : known_queries())
      for (const auto* text : {"-1", "9223372036854775808", "\xff\xfe", "[", "x"}) send(target + "?" + name + "=" + text, body());
  }

  void headers() {
    const auto target = world_.target(route_.pattern);
    for (const auto& text : hostile_texts())
      for (const auto* name : {"Authorization", "X-Bosh-Context-Id", "Content-Type", "Range"}) send(target, body(), {{name, text}});
    for (const auto* range : {"bytes=", "bytes=-", "bytes=-1", "bytes=9-1", "bytes=0-99999999999999999999", "bytes=1-2,3-4", "lines=1-2"})
      send(target, body(), {{"Range", range}});
  }

  void bodies() {
    const auto target = world_.target(route_.pattern);
    for (const auto* type : {"application/json", "text/yaml"}) {
      for (const auto& hostile : hostile_bodies()) send(target, hostile, {{"Content-Type", type}});
      send(target, std::string((16u << 20) + 1, ' '), {{"Content-Type", type}});
    }
    for (const auto& field : known_fields().items()) {
      auto changed = known_fields();
      for (const Json& value : {Json(), Json(true), Json(-1), Json(UINT64_MAX), Json("\xff\xfe"), Json::array({Json::object()}), Json{{"", nullptr}}}) {
        changed[field.key()] = value;
        send(target, dump(changed), {{"Content-Type", "application/json"}});
      }
      changed.erase(field.key());
      send(target, dump(changed), {{"Content-Type", "application/json"}});
    }
    for (const auto& value : hostile_values()) {
      auto changed = known_fields();
      for (auto& field : changed) field = value;
      if (value.is_string() && value.get_ref<const std::string&>().size() > 1000) continue;
      send(target, dump(changed), {{"Content-Type", "application/json"}});
    }
  }

  std::string body() const { return reads_a_body(route_.method) ? dump(known_fields()) : std::string(); }

  int requests = 0, refused = 0;
  std::vector<std::string> faults;

 private:
  World& world_;
  const api::Routes::Entry& route_;
};

}  // namespace

TEST_CASE("whatever a request says, every route answers it with a reason and never with a mistake of its own") {
  const auto routes = World().api->routes().table();
  CHECK(routes.size() > 40);
  for (const auto& route : routes) {
    CAPTURE(route.method);
    CAPTURE(route.pattern);
    World world;  // a new one for each: what one route left would make the next one slow
    Attack attack(world, route);
    attack.paths();
    attack.queries();
    attack.headers();
    if (reads_a_body(route.method)) attack.bodies();
    CHECK(attack.faults == std::vector<std::string>());
    if (route.pattern.find('{') != std::string::npos) CHECK(attack.refused > 0);
  }
}

TEST_CASE("every route but info refuses who proved nothing") {
  World world;
  for (const auto& route : world.api->routes().table()) {
    CAPTURE(route.pattern);
    const auto status = world.send(route.method, world.target(route.pattern), "", "").status;
    CHECK(status == (route.need == Need::nothing ? 200 : 401));
  }
}
