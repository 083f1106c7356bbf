#include "cli/changes_view.hpp"
#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/order.hpp"
#include "cli/wait.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

std::string try_next(const std::string& name, int nodes) {
  return "Try next:\n  pks get-credentials " + name + "\n  pks cluster " + name +
         " --details\n  pks resize " + name + " --num-nodes " + std::to_string(nodes + 2) + " --wait\n";
}

}  // namespace

Manual CreateCluster::manual() {
  return {"create-cluster",
          {},
          "CLUSTER-NAME",
          "Create a cluster; one whose creation failed is tried again",
          {"pks create-cluster demo --external-hostname demo.example.com --plan small",
           "pks create-cluster demo -e demo.example.com -p small -n 5 --wait"}};
}

int CreateCluster::run(const Words& words) {
  std::string hostname, plan, tags, network_profile, kubernetes_profile, compute_profile;
  int nodes = 0;
  OrderFlags flags{.asks = "never ask (this command asks nothing)"};
  CommandLine line(manual());
  line.flags()("external-hostname,e", po::value(&hostname)->required(),
               "name that clients reach the cluster by")("plan,p", po::value(&plan)->required(),
                                                         "name of the plan")(
      "num-nodes,n", po::value(&nodes), "number of nodes; the plan's default when omitted")(
      "tags", po::value(&tags), "NAME:VALUE,NAME:VALUE, on all that is made for it")(
      "network-profile", po::value(&network_profile), "name of a network profile")(
      "kubernetes-profile", po::value(&kubernetes_profile), "name of a Kubernetes profile")(
      "compute-profile", po::value(&compute_profile), "name of a compute profile");
  flags.add_to(line);
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  Json parameters = {{"kubernetes_master_host", hostname}};
  if (nodes != 0) parameters["kubernetes_worker_instances"] = nodes;
  if (line.given("tags")) parameters["cluster_tags"] = parsed_tags(tags);
  Json request = {{"name", name}, {"plan_name", plan}, {"parameters", parameters}};
  if (!network_profile.empty()) request["network_profile_name"] = network_profile;
  if (!kubernetes_profile.empty()) request["kubernetes_profile_name"] = kubernetes_profile;
  if (!compute_profile.empty()) request["compute_profile_name"] = compute_profile;
  auto cluster = api.call("POST", "/v1/clusters", dump(request));
  if (flags.wait) {
    Waiter(terminal, api, clock, flags.json).wait(name, "CREATE", flags.limit());
    cluster = api.get("/v1/clusters/" + name);
  }
  if (flags.json) {
    terminal.out << cluster.dump(2) << "\n";
    return exit_ok;
  }
  terminal.out << "\n" << cluster_block(cluster) << "\n";
  const auto now = cluster.value("parameters", Json::object()).value("kubernetes_worker_instances", 1);
  terminal.out << (flags.wait ? try_next(name, now)
                        : "Use 'pks cluster " + name + "' to monitor the state of your cluster\n");
  return exit_ok;
}

}  // namespace slipway::cli
