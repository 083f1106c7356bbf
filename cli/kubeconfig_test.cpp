#include "cli/kubeconfig.hpp"

#include <doctest/doctest.h>

#include <iostream>
#include <map>

#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::cli::kubeconfig_test {

namespace {

namespace fs = std::filesystem;

Terminal with_environment(std::map<std::string, std::string> variables) {
  return {std::cin, std::cout, std::cerr, false, [variables](const char* name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end()) return std::nullopt;
            return found->second;
          }};
}

Json config(const std::string& cluster, const std::string& token) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters",
       Json::array({{{"name", cluster}, {"cluster", {{"server", "https://" + cluster + ":8443"}}}}})},
      {"contexts", Json::array({{{"name", cluster}, {"context", {{"cluster", cluster}, {"user", "u"}}}}})},
      {"current-context", cluster},
      {"users", Json::array({{{"name", "u"}, {"user", {{"token", token}}}}})}};
}

}  // namespace

TEST_CASE("a cluster is added to a kubeconfig, and what was there stays") {
  auto existing = config("other", "old");
  existing["extensions"] = {{{"name", "mine"}}};
  const auto merged = merged_kubeconfig(existing, config("demo", "new"), "file");
  CHECK(merged.at("clusters").size() == 2);
  CHECK(merged.at("contexts")[0].at("name") == "other");
  CHECK(merged.at("users").size() == 1);
  CHECK(merged.at("users")[0].at("user").at("token") == "new");
  CHECK(merged.at("current-context") == "demo");
  CHECK(merged.at("extensions")[0].at("name") == "mine");
  CHECK(merged_kubeconfig(merged, config("demo", "newer"), "file").at("clusters").size() == 2);
}

TEST_CASE("a kubeconfig that lacks lists or is empty is completed, and what is none is refused") {
  CHECK(merged_kubeconfig(Json(), config("demo", "t"), "file").at("kind") == "Config");
  CHECK(merged_kubeconfig({{"clusters", nullptr}, {"users", Json::array({"odd", 7})}}, config("demo", "t"),
                          "file")
            .at("users")
            .size() == 3);
  CHECK_THROWS_AS(merged_kubeconfig("text", config("demo", "t"), "file"), Error);
  CHECK_THROWS_AS(merged_kubeconfig({{"users", 7}}, config("demo", "t"), "file"), Error);
}

TEST_CASE("the file is the first of KUBECONFIG, else below HOME") {
  CHECK(KubeconfigFile(with_environment({{"KUBECONFIG", ":/a:/b"}, {"HOME", "/h"}})).path() == "/a");
  CHECK(KubeconfigFile(with_environment({{"KUBECONFIG", ""}, {"HOME", "/h"}})).path() == "/h/.kube/config");
  CHECK_THROWS_AS(KubeconfigFile(with_environment({})), UsageError);
}

TEST_CASE(
    "a kubeconfig is readable by its owner only, is written through a link, and is left alone when it is "
    "none") {
  const TempDir home;
  ManualClock clock;
  const KubeconfigFile file(with_environment({{"HOME", home.path().string()}}));
  file.merge(config("demo", "t"), clock);
  const auto mode = fs::status(file.path()).permissions() & fs::perms::all;
  CHECK(mode == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK_FALSE(fs::exists(file.path().string() + ".lock"));

  fs::rename(file.path(), home.path() / "elsewhere");
  fs::create_symlink(home.path() / "elsewhere", file.path());
  file.merge(config("two", "t"), clock);
  CHECK(fs::is_symlink(file.path()));
  CHECK(parse_yaml(read_file(home.path() / "elsewhere"), "config").at("clusters").size() == 2);

  write_file_atomically(home.path() / "elsewhere", "clusters: {");
  CHECK_THROWS_AS(file.merge(config("three", "t"), clock), Error);
  CHECK(read_file(home.path() / "elsewhere") == "clusters: {");
  CHECK_FALSE(fs::exists((home.path() / "elsewhere.lock")));
}

TEST_CASE("while somebody else has locked a kubeconfig it is not touched, and the lock is named") {
  const TempDir home;
  ManualClock clock;
  const KubeconfigFile file(with_environment({{"KUBECONFIG", (home.path() / "config").string()}}));
  file.merge(config("demo", "t"), clock);
  write_file_atomically(home.path() / "config.lock", "");
  const auto before = read_file(file.path());
  CHECK_THROWS_WITH_AS(file.merge(config("two", "t"), clock), doctest::Contains("config.lock is there"),
                       Error);
  CHECK(read_file(file.path()) == before);
}

}  // namespace slipway::cli::kubeconfig_test
