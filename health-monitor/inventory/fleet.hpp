#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "director/domain/resurrection.hpp"

// What shall exist, as the director tells it.
// Source: contracts/director-api.md sections 1.5 (instances) and 6.
namespace slipway::health {

struct Instance {
  std::string deployment, group, id;
  int index = 0;
  std::string az;     // may be empty
  std::string agent;  // empty: no VM
  std::string cid;    // empty: no VM, or one that is not made yet
  bool expects_vm = true;
  bool ignore = false;

  std::string name() const { return group + "/" + id; }
  bool lacks_vm() const { return expects_vm && (agent.empty() || cid.empty()); }
  auto operator<=>(const Instance&) const = default;
};

struct Deployment {
  std::string name;
  bool locked = false;  // a task works on it
  std::vector<std::string> teams;
  std::vector<Instance> instances;
};

struct Fleet {
  std::map<std::string, Deployment> deployments;  // by name
  std::vector<director::ResurrectionRule> rules;
};

// One row of GET /deployments/{name}/instances. Fault::invalid with every problem.
Instance read_instance(const Json& row, const std::string& deployment);

}  // namespace slipway::health
