#include "director/domain/dependency_key.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace slipway::director {

namespace {

// The tree repeats what several packages share, so a small graph can make a huge one.
constexpr int most_nodes = 100'000;

Json tree_of(const DependencyGraph& graph, const std::string& package, std::vector<std::string>& path, int& nodes) {
  Json tree = Json::array();
  const auto at = graph.find(package);
  if (at == graph.end()) return tree;
  if (std::find(path.begin(), path.end(), package) != path.end())
    throw Error(Fault::invalid, "package '" + package + "' depends on itself");
  path.push_back(package);
  auto names = at->second.dependencies;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const auto& name : names) {
    const auto dependency = graph.find(name);
    if (dependency == graph.end()) continue;
    if (++nodes > most_nodes)
      throw Error(Fault::invalid, "the dependencies of package '" + path.front() + "' are more than " +
                                      std::to_string(most_nodes));
    Json entry = {name, dependency->second.version};
    if (Json deeper = tree_of(graph, name, path, nodes); !deeper.empty()) entry.push_back(std::move(deeper));
    tree.push_back(std::move(entry));
  }
  path.pop_back();
  return tree;
}

}  // namespace

std::string dependency_key(const DependencyGraph& graph, const std::string& package) {
  std::vector<std::string> path;
  int nodes = 0;
  return tree_of(graph, package, path, nodes).dump();
}

}  // namespace slipway::director
