#pragma once

#include <map>
#include <string>
#include <vector>

namespace slipway::director {

struct DependencyNode {
  std::string version;
  std::vector<std::string> dependencies;
};
using DependencyGraph = std::map<std::string, DependencyNode>;  // by the package's name

// Anything that lists packages with name, version and dependencies: a stored release, a release.MF.
template <class Packages>
DependencyGraph dependency_graph(const Packages& packages) {
  DependencyGraph graph;
  for (const auto& package : packages) graph[package.name] = {package.version, package.dependencies};
  return graph;
}

// What a compiled package was compiled with, so that it is used with nothing else:
// [[name, version, [the same of its own]?], …], sorted by name, as JSON text. A dependency that is
// not in the graph is left out. Fault::invalid for a circle, or for a tree that is too large to be honest.
std::string dependency_key(const DependencyGraph& graph, const std::string& package);

}  // namespace slipway::director
