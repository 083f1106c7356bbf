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

}  // namespace

std::string field(const Json& object, const std::string& key) {
  if (!object.is_object()) return "";
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return "";
  return value->is_string() ? value->get<std::string>() : dump(*value);
}

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
                {"Network Profile Name", field(cluster, "network_profile_name")}});
}

std::string cluster_details_block(const Json& details) {
  return cluster_block(details) + "\n" +
         block({{"Owner", field(details, "owner")},
                {"Kind", field(details, "kind")},
                {"Deployment", field(details, "deployment")},
                {"Director Task", field(details, "director_task")},
                {"Last Action Started", field(details, "last_action_started_at")}});
}

std::string checked_cluster_name(const std::string& name) {
  const bool allowed = !name.empty() && name.size() <= 63 &&
                       name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (allowed) return name;
  throw UsageError("'" + printable(name) + "' is no cluster name: 1 to 63 lower case letters, digits and dashes");
}

}  // namespace slipway::cli
