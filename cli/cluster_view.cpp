#include "cli/cluster_view.hpp"

#include "cli/terminal.hpp"

namespace slipway::cli {

namespace {

std::string master_ips(const Json& cluster) {
  const auto list = cluster.find("kubernetes_master_ips");
  std::string text;
  if (list == cluster.end() || !list->is_array()) return text;
  for (const auto& ip : *list) {
    if (ip.is_string()) text += (text.empty() ? "" : ", ") + ip.get<std::string>();
  }
  return text;
}

std::string tags_text(const Json& parameters) {
  std::string text;
  const auto tags = parameters.find("cluster_tags");
  if (tags == parameters.end() || !tags->is_array()) return text;
  for (const auto& tag : *tags)
    text += (text.empty() ? "" : ", ") + field(tag, "name") + ":" + field(tag, "value");
  return text;
}

std::string sinks_text(const Json& parameters) {
  std::string text;
  for (const auto& sink : parameters.value("sinks", Json::array()))
    text += (text.empty() ? "" : ", ") + sink_text(sink);
  return text;
}

std::string drain_text(const Json& parameters, const char* whose) {
  const auto settings = parameters.value(whose, Json::object());
  std::string text;
  for (const auto& [name, value] : settings.items()) {
    text += (text.empty() ? "" : ", ") + name + "=" +
            (value.is_string() ? value.get<std::string>() : dump(value));
  }
  return text;
}

std::string versions_text(const Json& details) {
  std::string text;
  const auto versions = details.value("versions", Json::object());
  for (const auto* list : {"releases", "stemcells"}) {
    const auto named = versions.value(list, Json::object());
    for (const auto& [name, version] : named.items()) {
      text += (text.empty() ? "" : ", ") + name + "/" +
              (version.is_string() ? version.get<std::string>() : dump(version));
    }
  }
  return text;
}

}  // namespace

std::string field(const Json& object, const std::string& key) {
  if (!object.is_object()) return "";
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return "";
  return value->is_string() ? value->get<std::string>() : dump(*value);
}

std::string sink_url(const Json& sink) {
  return field(sink, "type") + "://" + field(sink, "host") + ":" + field(sink, "port");
}

std::string sink_text(const Json& sink) { return field(sink, "name") + "=" + sink_url(sink); }

std::string cluster_block(const Json& cluster) {
  const auto parameters = cluster.value("parameters", Json::object());
  return block({{"PKS Version", field(cluster, "pks_version")},
                {"Name", field(cluster, "name")},
                {"K8s Version", field(cluster, "k8s_version")},
                {"Plan Name", field(cluster, "plan_name")},
                {"UUID", field(cluster, "uuid")},
                {"Last Action", field(cluster, "last_action")},
                {"Last Action State", field(cluster, "last_action_state")},
                {"Last Action Description", field(cluster, "last_action_description")},
                {"Kubernetes Master Host", field(parameters, "kubernetes_master_host")},
                {"Kubernetes Master Port", field(parameters, "kubernetes_master_port")},
                {"Worker Nodes", field(parameters, "kubernetes_worker_instances")},
                {"Kubernetes Master IP(s)", master_ips(cluster)},
                {"Network Profile Name", field(cluster, "network_profile_name")},
                {"Kubernetes Profile Name", field(cluster, "kubernetes_profile_name")},
                {"Compute Profile Name", field(cluster, "compute_profile_name")},
                {"Tags", tags_text(parameters)}});
}

namespace {

std::string failure_text(const Json& details) {
  const auto failure = details.find("failure");
  if (failure == details.end() || !failure->is_object()) return "";
  return "\n" + block({{"Failed In", field(*failure, "stage")},
                       {"Failed At", field(*failure, "step")},
                       {"Because", field(*failure, "reason")},
                       {"To Do", field(*failure, "advice")}});
}

// The newest first, as they come.
std::string repairs_text(const Json& details) {
  std::string text;
  const auto unknown = field(details, "repairs_unknown");
  if (!unknown.empty()) text = "\n" + block({{"Repairs", "not known: " + unknown}});
  const auto repairs = details.value("repairs", Json::array());
  for (const auto& repair : repairs) {
    const auto instance = field(repair, "instance"), error = field(repair, "error");
    text += (text.empty() ? "\nRepairs:\n" : "") +
            printable("  " + field(repair, "at") + "  " + field(repair, "action") +
                      (instance.empty() ? "" : " " + instance) + ": " + field(repair, "reason") +
                      (error.empty() ? "" : " (" + error + ")")) +
            "\n";
  }
  return text;
}

}  // namespace

std::string cluster_details_block(const Json& details) {
  const auto parameters = details.value("parameters", Json::object());
  return cluster_block(details) + "\n" +
         block({{"Owner", field(details, "owner")},
                {"Kind", field(details, "kind")},
                {"Deployment", field(details, "deployment")},
                {"Director Task", field(details, "director_task")},
                {"Last Action Started", field(details, "last_action_started_at")},
                {"Versions", versions_text(details)},
                {"Sinks", sinks_text(parameters)},
                {"Drain Set By Plan", drain_text(parameters, "kubernetes_setting_plan_details")},
                {"Drain Set By Cluster", drain_text(parameters, "kubernetes_setting_cluster_details")}}) +
         failure_text(details) + repairs_text(details);
}

void show_order(Terminal& terminal, const Json& cluster, bool waited, bool json) {
  if (json) {
    terminal.out << cluster.dump(2) << "\n";
  } else if (waited) {
    terminal.out << "\n" << cluster_block(cluster) << "\n";
  } else {
    terminal.out << "Use 'pks cluster " << field(cluster, "name")
                 << "' to monitor the state of your cluster\n";
  }
}

std::string checked_cluster_name(const std::string& name) {
  const bool allowed = !name.empty() && name.size() <= 63 &&
                       name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (allowed) return name;
  throw UsageError("'" + printable(name) +
                   "' is no cluster name: 1 to 63 lower case letters, digits and dashes");
}

}  // namespace slipway::cli
