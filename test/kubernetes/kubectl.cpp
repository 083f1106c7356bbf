#include "test/kubernetes/kubectl.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

namespace slipway::test {

std::vector<std::string> kubernetes_versions(const std::filesystem::path& checkout) {
  std::istringstream lines(read_file(checkout / "releases/kubernetes/versions"));
  std::vector<std::string> versions;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, version;
    if (words >> name >> version && name.starts_with("kubernetes-")) versions.push_back(version);
  }
  REQUIRE_FALSE(versions.empty());
  return versions;
}

std::string minor_of(const std::string& version) { return version.substr(0, version.rfind('.')); }

Kubectl::Kubectl(Lab& lab, std::string kubeconfig) : lab_(lab), kubeconfig_(std::move(kubeconfig)) {
  const auto version = kubernetes_versions(lab.root()).front();
  program_ =
      (lab.root() / "build/blobs" / ("kubernetes-" + minor_of(version)) / "kubernetes/kubectl").string();
}

Lab::Outcome Kubectl::run(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {program_, "--kubeconfig=" + kubeconfig_, "--request-timeout=60s"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return lab_.in_lab(std::move(argv));
}

std::string Kubectl::must(const std::vector<std::string>& arguments) {
  const auto outcome = run(arguments);
  INFO("kubectl " << join_words(arguments) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

Json Kubectl::objects(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"get", "--output=json"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return parse_json(must(words), "kubectl").at("items");
}

void Kubectl::apply(const std::string& yaml) {
  const auto file = lab_.state() / "kubernetes/object.yml";
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(file, yaml);
  must({"apply", "--filename", file.string()});
}

std::vector<Json> instances_of(Lab& lab, const std::string& deployment, const std::string& group) {
  std::vector<Json> found;
  for (auto& instance : lab.director("/deployments/" + deployment + "/instances")) {
    if (instance.at("job") == group) found.push_back(instance);
  }
  return found;
}

}  // namespace slipway::test
