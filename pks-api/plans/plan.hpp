#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::pks {

inline constexpr const char* kind_etcd = "etcd";
inline constexpr const char* kind_kubernetes = "kubernetes";

// What one node takes up of a quota.
struct NodeSize {
  std::int64_t cpu = 0;
  double memory_gb = 0;
};

// What a tenant may order: a manifest for the director with a few blanks, and the rules
// for the number of nodes. One YAML file each.
struct Plan {
  std::string id, name, description;
  std::string kind;            // what the nodes run; decides what credentials look like
  std::string instance_group;  // the group that has the nodes
  int port = 0;
  int default_nodes = 0, min_nodes = 0, max_nodes = 0;
  bool odd_nodes_only = false;  // members that vote: an even number tolerates no more failures
  // Where clients go. Of etcd one for each node, with the blanks instance, ip and deployment; of
  // Kubernetes one for the cluster, with external_hostname, ip (of the address group) and deployment.
  std::string endpoint;
  std::string credentials;  // a variable of type certificate in the manifest: the client's

  // Of Kubernetes only.
  std::string kubernetes_version;   // "1.34.2"; empty: that of the release "kubernetes"
  std::string control_plane_group;  // its size is the manifest's
  int control_plane_instances = 0;
  std::string address_group;  // the group whose addresses are the API's: the control plane, or a balancer
  std::string server_ca;      // a variable of type certificate: its "ca" signed the API's certificate

  NodeSize node_size, control_plane_size;  // none: counts for nothing in quotas of CPUs and memory
  Json networks = Json::object();  // pod_network, service_network, nameservers, unless a profile says otherwise
  Json drain = Json::object();  // DrainSetting's names and text: what clusters have unless they say otherwise
  Json manifest;
  std::string document;  // all of the plan as compact JSON: what a cluster keeps of it

  // Clients reach the API by an address, which its certificate does not have: they verify the host name.
  bool endpoint_has_address() const { return endpoint.find("((ip))") != std::string::npos; }
  bool is_kubernetes() const { return kind == kind_kubernetes; }
  bool has_blank(const std::string& blank) const { return document.find("((" + blank + "))") != std::string::npos; }
  // A problem when nothing in the manifest would take the setting at `place` up: better refused than forgotten.
  void require_blank(const std::string& blank, const std::string& place, Problems& problems) const;
  // Fault::invalid naming the number and what is allowed.
  void check_nodes(std::int64_t nodes) const;
};

// What blanks become. A scalar of the manifest that is nothing but one blank takes the value with its
// type; inside longer text numbers and words are put in. Other ((names)) are the director's to fill and stay.
using Blanks = std::map<std::string, Json>;

// Fault::invalid with every problem of the plan; `source` names it.
Plan parse_plan(const Json& document, const std::string& source);
Plan parse_plan(const std::string& text, const std::string& source);  // YAML

// All *.yml of a folder, by name of file. Fault::invalid for a broken one, for two of the
// same name or id, and for none at all.
std::vector<Plan> load_plans(const std::string& folder);

// What the director is given, with so many nodes.
Json manifest_for(const Plan& plan, const Blanks& blanks, int nodes);

// Every "((name))" of `values` in `text` replaced in one pass: what was put in is not read again. Values that
// are no words or numbers stay blanks.
std::string fill_blanks(const std::string& text, const Blanks& values);
// The same in all texts below `value`, where one that is nothing but a blank takes the value with its type.
Json fill_all_blanks(const Json& value, const Blanks& values);

// A problem for each text below `given` that has "((": put into a manifest, the director would read it as one of
// its variables, of whichever deployment.
void refuse_blanks(const Json& given, const std::string& place, Problems& problems);

}  // namespace slipway::pks
