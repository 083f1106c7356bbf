#include <charconv>

#include "base/yaml.hpp"
#include "director/api/routes.hpp"
#include "director/api/text_diff.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/resurrection.hpp"
#include "director/domain/runtime_config.hpp"
#include "director/variables/placeholders.hpp"

namespace slipway::director::api {
namespace {

constexpr int config_not_found = 440012;

Json to_json(const ConfigRecord& config) {
  return {{"id", std::to_string(config.id)},
          {"type", config.type},
          {"name", config.name},
          {"content", config.content},
          {"created_at", to_director_time(config.created_at)},
          {"team", config.team.empty() ? Json(nullptr) : Json(config.team)},
          {"current", config.current}};
}

// Nobody but the health monitor waits for one, and for no other type.
void tell_of_config(ApiServices& services, const std::string& type) {
  if (type == "resurrection") services.tell_change({{"config", type}});
}

ConfigRecord config_of(ApiServices& services, std::int64_t id) {
  auto config = services.stores.configs.find(id);
  if (!config) throw Error(Fault::not_found, "Config " + std::to_string(id) + " not found", config_not_found);
  return std::move(*config);
}

// Ids come as numbers or as texts.
std::int64_t id_of(const Json& value, const std::string& place) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  std::int64_t id = 0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
    if (!text.empty() && parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return id;
  }
  throw Error(Fault::invalid, place + ": expected the id of a config");
}

Response list(ApiServices& services, const Request& request) {
  const auto latest = text(request, "latest");
  if (latest.empty() && !request.query_value("limit"))
    throw Error(Fault::invalid, "'latest' or 'limit' is required", 440010);
  const auto limit = latest == "true" ? 1 : integer(request, "limit", 1000, 1, 100000);
  Json configs = Json::array();
  for (const auto& config :
       services.stores.configs.list(text(request, "type"), text(request, "name"), static_cast<int>(limit)))
    configs.push_back(to_json(config));
  return Response::json(200, configs);
}

Response put(ApiServices& services, const Request& request) {
  const auto body = request.json_body();
  Problems problems;
  JsonReader in(body, "config", problems);
  const auto type = in.string("type");
  const auto name = in.string("name");
  const auto content = in.string("content");
  const auto* expected = in.find("expected_latest_id");
  problems.throw_if_any("config");
  check_config(services, type, name, content);
  std::optional<std::int64_t> expected_id;
  if (expected && !expected->is_null()) expected_id = id_of(*expected, "expected_latest_id");
  const auto latest = services.stores.configs.list(type, name, 1);
  const auto stale = [&](std::int64_t actual) {
    return Response::json(412, {{"latest_id", std::to_string(actual)},
                                {"expected_latest_id", std::to_string(*expected_id)},
                                {"description", "Latest Id: '" + std::to_string(actual) +
                                                    "' does not match expected latest id"}});
  };
  if (const auto actual = latest.empty() ? 0 : latest.front().id; expected_id && *expected_id != actual)
    return stale(actual);
  try {
    const auto put = services.stores.configs.put(type, name, content, expected_id, services.clock.now());
    tell_of_config(services, type);
    return Response::json(201, to_json(put));
  } catch (const Error& error) {
    if (error.fault() != Fault::conflict || !expected_id) throw;
    const auto now = services.stores.configs.list(type, name, 1);
    return stale(now.empty() ? 0 : now.front().id);
  }
}

struct Side {
  std::string content;
  std::string id = "0";
};

Side side_of(ApiServices& services, const Json& side, const std::string& place) {
  if (side.is_object() && side.contains("id") && !side.at("id").is_null()) {
    const auto config = config_of(services, id_of(side.at("id"), place + ".id"));
    return {config.content, std::to_string(config.id)};
  }
  if (side.is_object() && side.contains("content") && side.at("content").is_string())
    return {side.at("content").get<std::string>(), "0"};
  throw Error(Fault::invalid, place + ": expected an object with 'id' or 'content'", 440010);
}

Response diff(ApiServices& services, const Request& request) {
  const auto body = request.json_body();
  Side from, to;
  if (body.is_object() && body.contains("from")) {
    from = side_of(services, body.at("from"), "from");
    to = side_of(services, body.value("to", Json()), "to");
  } else {
    Problems problems;
    JsonReader in(body, "request", problems);
    const auto type = in.string("type");
    const auto name = in.string("name");
    to.content = in.string("content");
    problems.throw_if_any("config diff");
    const auto latest = services.stores.configs.list(type, name, 1);
    if (!latest.empty()) from = {latest.front().content, std::to_string(latest.front().id)};
  }
  return Response::json(
      200, {{"diff", document_diff(from.content, to.content, "config")}, {"from", {{"id", from.id}}}});
}

Response removed(bool anything) {
  if (anything) return Response::empty(204);
  throw Error(Fault::not_found, "there is no such config", config_not_found);
}

Response remove(ApiServices& services, const Request& request) {
  const auto type = text(request, "type");
  const auto name = text(request, "name");
  if (type.empty() || name.empty()) throw Error(Fault::invalid, "'type' and 'name' are required", 440010);
  const bool anything = services.stores.configs.remove(type, name);
  tell_of_config(services, type);
  return removed(anything);
}

// Together with the other CPI configs, since all of them are one.
void check_cpi_config(ApiServices& services, const std::string& name, Json content) {
  std::vector<NamedConfig> all;
  for (const auto& other : services.stores.configs.list("cpi", "", 1))
    if (other.name != name) all.push_back({other.name, parse_yaml(other.content, "CPI config '" + other.name + "'")});
  all.push_back({name, std::move(content)});
  services.cpis.check(parse_cpi_config(all));
}

// Together with the others, as a deploy reads them, since all of them are one. What is wrong with those is not
// held against this one, and what has placeholders is for a deploy to judge, which has their values.
void check_runtime_config(ApiServices& services, const std::string& name, Json content) {
  if (!find_placeholders(content).empty()) return;
  std::vector<NamedConfig> others;
  for (const auto& other : services.stores.configs.list("runtime", "", 1)) {
    if (other.name == name) continue;
    auto value = parse_yaml(other.content, "runtime config '" + other.name + "'");
    if (find_placeholders(value).empty()) others.push_back({other.name, std::move(value)});
  }
  try {
    parse_runtime_config(others);
  } catch (const Error&) {
    others.clear();
  }
  others.push_back({name, std::move(content)});
  parse_runtime_config(others);
}

}  // namespace

void check_config(ApiServices& services, const std::string& type, const std::string& name,
                  const std::string& content) {
  auto value = parse_yaml(content, type + " config");
  if (!value.is_object()) throw Error(Fault::invalid, type + " config: expected a YAML mapping", code::bad_manifest);
  if (type == "resurrection") parse_resurrection_config(value);
  if (type == "runtime") return check_runtime_config(services, name, std::move(value));
  if (type == "cpi") check_cpi_config(services, name, std::move(value));
}

void add_config_routes(Routes& routes, ApiServices& services) {
  routes.add("GET", "/configs", Need::list,
             [&](Request& request, const Caller&) { return list(services, request); });
  routes.add("POST", "/configs", Need::admin,
             [&](Request& request, const Caller&) { return put(services, request); });
  routes.add("POST", "/configs/diff", Need::list,
             [&](Request& request, const Caller&) { return diff(services, request); });
  routes.add("DELETE", "/configs", Need::admin,
             [&](Request& request, const Caller&) { return remove(services, request); });
  routes.add("GET", "/configs/{id}", Need::list, [&](Request& request, const Caller&) {
    return Response::json(200, to_json(config_of(services, id_in_path(request, "id"))));
  });
  routes.add("DELETE", "/configs/{id}", Need::admin, [&](Request& request, const Caller&) {
    const auto id = id_in_path(request, "id");
    const auto config = services.stores.configs.find(id);
    const bool anything = services.stores.configs.remove(id);
    if (config) tell_of_config(services, config->type);
    return removed(anything);
  });
}

}  // namespace slipway::director::api
