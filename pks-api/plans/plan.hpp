#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace slipway::pks {

// What a tenant may order: a manifest for the director with a few blanks, and the rules
// for the number of nodes. One YAML file each.
struct Plan {
  std::string id, name, description;
  std::string kind;            // what the nodes run; decides what credentials look like
  std::string instance_group;  // the group that has the nodes
  int port = 0;
  int default_nodes = 0, min_nodes = 0, max_nodes = 0;
  bool odd_nodes_only = false;  // members that vote: an even number tolerates no more failures
  std::string endpoint;         // of one node; blanks: instance, ip, deployment
  std::string credentials;      // a variable of type certificate in the manifest: the client's
  Json manifest;

  // Fault::invalid naming the number and what is allowed.
  void check_nodes(std::int64_t nodes) const;
};

// What a manifest's blanks ((deployment)) and ((external_hostname)) become. Other
// ((names)) are the director's to fill and stay.
struct Blanks {
  std::string deployment, external_hostname;
  int nodes = 0;
};

// Fault::invalid with every problem of the text; `source` names it.
Plan parse_plan(const std::string& text, const std::string& source);

// All *.yml of a folder, by name of file. Fault::invalid for a broken one, for two of the
// same name or id, and for none at all.
std::vector<Plan> load_plans(const std::string& folder);

// YAML for the director.
std::string manifest_for(const Plan& plan, const Blanks& blanks);

// Every "((name))" of `values` in `text` replaced in one pass: what was put in is not read again.
std::string fill_blanks(const std::string& text, const std::map<std::string, std::string>& values);

}  // namespace slipway::pks
