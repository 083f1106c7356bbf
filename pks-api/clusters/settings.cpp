#include "pks-api/clusters/settings.hpp"

#include <algorithm>
#include <regex>

#include "base/tls.hpp"
#include "pks-api/clusters/sinks.hpp"
#include "pks-api/plans/drain.hpp"

namespace slipway::pks {

namespace {

constexpr const char* cluster_drains = "kubernetes_setting_cluster_details";
constexpr const char* customization = "k8s_customization_parameters";
constexpr const char* reserved_tags[] = {"director", "deployment", "instance_group", "job",       "index",
                                         "id",       "name",       "created_at",     "compiling", "agent_id"};
constexpr std::size_t max_tags = 50, max_tag_value = 80, max_list = 100;

bool is_empty(const Json& value) {
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()) ||
         ((value.is_array() || value.is_object()) && value.empty());
}

void read_drain(Json& into, const DrainSetting& drain, const Json* given, const std::string& place,
                const Plan& plan, Problems& problems) {
  if (!given || given->is_null() || *given == "") return;
  const auto text = setting_text(*given);
  if (!drain.takes(text)) {
    problems.add(place, "is '" + text.substr(0, 40) + "', allowed is " + drain.allowed());
    return;
  }
  plan.require_blank(drain.name, place, problems);
  into[drain.name] = text;
}

Json read_registries(const Json& given, const std::string& place, const Plan& plan, Problems& problems) {
  static const std::regex registry("[A-Za-z0-9]([A-Za-z0-9.-]{0,252})(:[0-9]{1,5})?");
  if (!given.is_array() || given.size() > max_list) {
    problems.add(place, "must be a list of at most " + std::to_string(max_list) + " registries");
    return Json::array();
  }
  for (const auto& entry : given) {
    const bool fine = entry.is_string() && entry.get_ref<const std::string&>().size() <= 260 &&
                      std::regex_match(entry.get_ref<const std::string&>(), registry);
    if (!fine)
      problems.add(place, "has " + setting_text(entry).substr(0, 80) + ", expected is HOST or HOST:PORT");
  }
  if (!given.empty()) plan.require_blank("insecure_registries", place, problems);
  return given;
}

Json read_authorities(const Json& given, const std::string& place, const Plan& plan, Problems& problems) {
  static const std::regex domain("[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?(:[0-9]{1,5})?");
  Json authorities = Json::array();
  if (!given.is_array() || given.size() > max_list) {
    problems.add(place, "must be a list of at most " + std::to_string(max_list) + " {domain_name, ca_cert}");
    return authorities;
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto here = place + "[" + std::to_string(i) + "]";
    JsonReader in(given[i], here, problems);
    const auto name = in.string("domain_name"), pem = in.string("ca_cert");
    in.refuse_unknown();
    if (name.size() > 260 || !std::regex_match(name, domain))
      problems.add(here + ".domain_name", "is no host name");
    try {
      if (!tls::inspect(pem).is_ca) problems.add(here + ".ca_cert", "is no CA's certificate");
    } catch (const Error&) {
      problems.add(here + ".ca_cert", "is no PEM certificate");
    }
    authorities.push_back({{"domain_name", name}, {"ca_cert", pem}});
  }
  if (!given.empty()) plan.require_blank("custom_ca_certs", place, problems);
  return authorities;
}

Json read_tags(const Json& given, const std::string& place, Problems& problems) {
  static const std::regex allowed_name("[A-Za-z0-9_.:/=+@-]{1,63}");
  Json tags = Json::array();
  if (!given.is_array() || given.size() > max_tags) {
    problems.add(place, "must be a list of at most " + std::to_string(max_tags) + " {name, value}");
    return tags;
  }
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto here = place + "[" + std::to_string(i) + "]";
    JsonReader in(given[i], here, problems);
    const auto name = in.string("name"), value = in.string_or("value", ""),
               category = in.string_or("category", "");
    in.refuse_unknown();
    if (name.size() > 63 || !std::regex_match(name, allowed_name)) {
      problems.add(here + ".name",
                   "is '" + name.substr(0, 80) + "', allowed are 1 to 63 letters, digits and _.:/=+@-");
    }
    if (std::find(std::begin(reserved_tags), std::end(reserved_tags), name) != std::end(reserved_tags)) {
      problems.add(here + ".name", "'" + name + "' is the director's own tag");
    }
    if (value.size() > max_tag_value || category.size() > max_tag_value) {
      problems.add(here + ".value", "has more than " + std::to_string(max_tag_value) + " characters");
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      problems.add(here + ".name", "'" + name + "' is there twice");
    seen.push_back(name);
    tags.push_back({{"name", name}, {"value", value}, {"category", category}});
  }
  return tags;
}

void refuse_foreign(JsonReader& in, const char* field, Problems& problems) {
  const auto value = in.find(field);
  if (value && !is_empty(*value))
    problems.add(in.place(field), "is not supported by this installation; leave it empty");
}

}  // namespace

Json checked_parameters(const Json& given, const Plan& plan, Problems& problems) {
  Json kept = Json::object();
  JsonReader in(given, "parameters", problems);
  refuse_blanks(given, "parameters", problems);
  in.find("kubernetes_master_host");
  in.find("kubernetes_worker_instances");
  in.find("kubernetes_setting_plan_details");  // the API's to say
  const auto port = in.integer_or("kubernetes_master_port", plan.port, 1, 65535);
  if (port != plan.port && port != 8443) {
    problems.add("parameters.kubernetes_master_port", "is the plan's: " + std::to_string(plan.port));
  }
  const auto mode = in.string_or("authorization_mode", "");
  if (!mode.empty() && mode != "RBAC")
    problems.add("parameters.authorization_mode", "is '" + mode.substr(0, 40) + "', allowed is RBAC");
  for (const auto* field : {"worker_haproxy_ip_addresses", "nsxt_network_profile", "nsxt_network_details"}) {
    refuse_foreign(in, field, problems);
  }
  const auto compute = in.string_or("compute_profile", "");
  if (!compute.empty()) kept["compute_profile"] = compute;

  JsonReader drain(in.object_or_empty(cluster_drains), std::string("parameters.") + cluster_drains, problems);
  Json drained = Json::object();
  for (const auto& one : drain_settings())
    read_drain(drained, one, drain.find(one.name), drain.place(one.name), plan, problems);
  drain.refuse_unknown();
  if (!drained.empty()) kept[cluster_drains] = drained;

  JsonReader custom(in.object_or_empty(customization), std::string("parameters.") + customization, problems);
  for (const auto* field : {"unset_http_proxy", "vsphere_cloud_provider_config_key"})
    refuse_foreign(custom, field, problems);
  if (const auto registries = custom.find("insecure_registries"); registries && !registries->is_null()) {
    kept[customization]["insecure_registries"] =
        read_registries(*registries, custom.place("insecure_registries"), plan, problems);
  }
  custom.refuse_unknown();
  if (const auto certificates = in.find("custom_ca_certs"); certificates && !certificates->is_null()) {
    kept["custom_ca_certs"] = read_authorities(*certificates, "parameters.custom_ca_certs", plan, problems);
  }
  if (const auto tags = in.find("cluster_tags"); tags && !tags->is_null()) {
    kept["cluster_tags"] = read_tags(*tags, "parameters.cluster_tags", problems);
  }
  if (const auto sinks = in.find("sinks"); sinks && !sinks->is_null())
    kept["sinks"] = read_sinks(*sinks, "parameters.sinks", plan, problems);
  in.refuse_unknown();
  return kept;
}

void apply_update(ClusterRecord& cluster, const Json& update, const Plan& plan) {
  Problems problems;
  JsonReader in(update, "", problems);
  refuse_blanks(update, "", problems);
  bool anything = false;
  const auto given = [&](const char* field) {
    const auto value = in.find(field);
    anything = anything || (value && !value->is_null());
    return value && !value->is_null() ? value : nullptr;
  };
  if (given("kubernetes_worker_instances")) {
    cluster.nodes =
        static_cast<int>(in.integer_or("kubernetes_worker_instances", cluster.nodes, 0, 1'000'000));
  }
  for (const auto* profile : profile_fields) {
    if (given(profile)) cluster.profiles[profile] = in.string_or(profile, "");
  }
  for (const auto& drain : drain_settings()) {
    read_drain(cluster.parameters[cluster_drains], drain, given(drain.name), drain.name, plan, problems);
  }
  if (cluster.parameters[cluster_drains].is_null()) cluster.parameters.erase(cluster_drains);
  if (const auto registries = given("insecure_registries")) {
    cluster.parameters[customization]["insecure_registries"] =
        read_registries(*registries, "insecure_registries", plan, problems);
  }
  if (const auto certificates = given("custom_ca_certs")) {
    cluster.parameters["custom_ca_certs"] =
        read_authorities(*certificates, "custom_ca_certs", plan, problems);
  }
  if (const auto tags = given("cluster_tags"))
    cluster.parameters["cluster_tags"] = read_tags(*tags, "cluster_tags", problems);
  if (const auto sinks = given("sinks")) cluster.parameters["sinks"] = read_sinks(*sinks, "sinks", plan, problems);
  if (given("delete_all_tags") && in.boolean_or("delete_all_tags", false)) {
    if (in.has("cluster_tags")) problems.add("delete_all_tags", "and cluster_tags exclude each other");
    cluster.parameters["cluster_tags"] = Json::array();
  }
  in.refuse_unknown();
  problems.throw_if_any("update");
  if (!anything) throw Error(Fault::invalid, "the update names nothing to change");
}

Json effective_drain(const ClusterRecord& cluster, const Plan& plan) {
  const auto own = cluster.parameters.value(cluster_drains, Json::object());
  Json settings = Json::object();
  for (const auto& drain : drain_settings()) {
    if (own.contains(drain.name)) {
      settings[drain.name] = own[drain.name];
    } else if (plan.drain.contains(drain.name)) {
      settings[drain.name] = plan.drain[drain.name];
    } else {
      settings[drain.name] = drain.fallback;
    }
  }
  return settings;
}

Blanks setting_blanks(const ClusterRecord& cluster, const Plan& plan) {
  Blanks blanks;
  const auto settings = effective_drain(cluster, plan);
  for (const auto& drain : drain_settings()) {
    blanks[drain.name] = drain.typed(settings.at(drain.name).get<std::string>());
  }
  const auto custom = cluster.parameters.value(customization, Json::object());
  blanks["insecure_registries"] = custom.value("insecure_registries", Json::array());
  blanks["custom_ca_certs"] = cluster.parameters.value("custom_ca_certs", Json::array());
  return blanks;
}

std::vector<Change> changes_between(const ClusterRecord& before, const ClusterRecord& after) {
  std::vector<Change> changes;
  const auto compare = [&](const std::string& setting, const Json& from, const Json& to) {
    if (from != to && !(is_empty(from) && is_empty(to))) changes.push_back({setting, from, to});
  };
  const auto at = [](const ClusterRecord& cluster, const char* outer, const char* inner) {
    return cluster.parameters.value(outer, Json::object()).value(inner, Json());
  };
  compare("kubernetes_worker_instances", before.nodes, after.nodes);
  for (const auto* profile : profile_fields) {
    compare(profile, before.profiles.value(profile, Json()), after.profiles.value(profile, Json()));
  }
  for (const auto& drain : drain_settings()) {
    compare(drain.name, at(before, cluster_drains, drain.name), at(after, cluster_drains, drain.name));
  }
  compare("insecure_registries", at(before, customization, "insecure_registries"),
          at(after, customization, "insecure_registries"));
  for (const auto* list : {"custom_ca_certs", "cluster_tags", "sinks"}) {
    compare(list, before.parameters.value(list, Json()), after.parameters.value(list, Json()));
  }
  return changes;
}

}  // namespace slipway::pks
