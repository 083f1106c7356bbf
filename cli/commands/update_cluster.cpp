#include "base/file.hpp"
#include "base/yaml.hpp"
#include "cli/changes_view.hpp"
#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

struct TextFlag {
  const char *flag, *field, *help;
};

constexpr TextFlag text_flags[] = {
    {"network-profile", "network_profile_name", "name of the network profile; empty: none"},
    {"kubernetes-profile", "kubernetes_profile_name", "name of the Kubernetes profile; empty: none"},
    {"compute-profile", "compute_profile_name", "name of the compute profile; empty: none"},
    {"kubelet-drain-timeout", "kubelet_drain_timeout", "minutes that draining a node may take; 0: no limit"},
    {"kubelet-drain-grace-period", "kubelet_drain_grace_period",
     "seconds for pods to end; -1: as they say themselves"},
    {"kubelet-drain-force", "kubelet_drain_force", "true: also pods that nothing makes anew"},
    {"kubelet-drain-ignore-daemonsets", "kubelet_drain_ignore_daemonsets", "true: leave pods of daemon sets"},
    {"kubelet-drain-delete-local-data", "kubelet_drain_delete_local_data",
     "true: also pods with data on the node"},
    {"kubelet-drain-force-node", "kubelet_drain_force_node",
     "true: when draining fails, end the pods that are left"}};

}  // namespace

Manual UpdateCluster::manual() {
  return {
      "update-cluster",
      {},
      "CLUSTER-NAME",
      "Change the settings of a cluster; what is not named stays as it is",
      {"pks update-cluster demo --num-nodes 5", "pks update-cluster demo --tags 'team:blue,cost:42' --wait",
       "pks update-cluster demo --kubelet-drain-timeout 30 --non-interactive"}};
}

int UpdateCluster::run(const Words& words) {
  int nodes = 0;
  OrderFlags flags;
  std::string tags, config_file;
  std::map<std::string, std::string> texts;
  CommandLine line(manual());
  line.flags()("num-nodes,n", po::value(&nodes), "number of nodes it shall have")(
      "tags", po::value(&tags), "NAME:VALUE,NAME:VALUE, instead of all there are; empty: none")(
      "config-file", po::value(&config_file), "JSON or YAML of further fields of the API's update");
  for (const auto& flag : text_flags) line.flags()(flag.flag, po::value(&texts[flag.flag]), flag.help);
  flags.add_to(line);
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  Json update = Json::object();
  if (!config_file.empty()) update = parse_yaml(read_file(config_file), config_file);
  if (!update.is_object()) throw UsageError(config_file + " holds no mapping");
  if (line.given("num-nodes")) update["kubernetes_worker_instances"] = nodes;
  if (line.given("tags")) update["cluster_tags"] = parsed_tags(tags);
  for (const auto& flag : text_flags) {
    if (line.given(flag.flag)) update[flag.field] = texts[flag.flag];
  }
  if (update.empty()) throw UsageError("nothing to change: name a setting");

  CredentialsFile file(terminal);
  Api api(file);
  const auto target = "/v1/clusters/" + name;
  const auto preview = api.call("PATCH", target + "?dry_run=true", dump(update));
  if (preview.value("changes", Json::array()).empty()) {
    terminal.err << "Cluster " << name << " has these settings already. Nothing was changed.\n";
    if (flags.json) terminal.out << api.get(target).dump(2) << "\n";
    return exit_ok;
  }
  terminal.err << "Cluster " << name << ":\n" << changes_text(preview);
  flags.require_consent(terminal, "Are you sure you want to update cluster " + name + "?");
  auto cluster = api.call("PATCH", target, dump(update));
  end_order(terminal, api, clock, std::move(cluster), name, "UPDATE", flags);
  return exit_ok;
}

}  // namespace slipway::cli
