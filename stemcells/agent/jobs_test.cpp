#include "stemcells/agent/jobs.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"

using namespace slipway;
using namespace slipway::agent;
namespace fs = std::filesystem;

namespace jobs_test {

namespace {

struct Node {
  TempDir folder;
  Paths paths{.base = folder.path() / "vcap"};
  fs::path store = folder.path() / "store";
  Blobs blobs{{.provider = "local", .options = {{"blobstore_path", store.string()}}}, paths};
  JobInstaller installer{blobs, paths, NodeLog::discard()};
  int next_id = 0;

  Node() {
    fs::create_directories(store);
    create_layout(paths);
  }

  Json blob(const std::map<std::string, std::string>& files) {
    const std::string id = "blob-" + std::to_string(++next_id);
    ArchiveWriter writer(store / id);
    for (const auto& [name, content] : files) writer.add(name, content);
    writer.finish();
    return {{"blobstore_id", id}, {"sha1", sha256_of_file((store / id).string())}};
  }

  Json spec(const Json& archive, const Json& packages, const std::vector<std::string>& jobs) {
    Json templates = Json::array();
    for (const auto& job : jobs) templates.push_back({{"name", job}, {"version", "1"}});
    return {{"deployment", "dep"}, {"id", "i-1"}, {"job", {{"templates", templates}}}, {"packages", packages},
            {"rendered_templates_archive", archive}, {"configuration_hash", "h"}};
  }

  static Json package(Json blob, const std::string& version) {
    blob["version"] = version;
    return blob;
  }
};

}  // namespace

TEST_CASE("an apply lays out jobs and packages and a second one changes nothing") {
  Node node;
  const Json archive = node.blob({{"./web/monit", ""}, {"./web/bin/ctl", "x"}, {"./web/config/a", "y"}});
  const Json ruby = Node::package(node.blob({{"bin/ruby", "r"}}), "3");
  const ApplySpec spec = parse_apply_spec(node.spec(archive, {{"ruby", ruby}}, {"web"}));
  node.installer.apply(spec);
  node.installer.apply(spec);
  CHECK(fs::read_symlink(node.paths.job("web")).parent_path() == node.paths.data() / "jobs/web");
  CHECK(read_file(node.paths.job("web") / "packages/ruby/bin/ruby") == "r");
  CHECK(read_file(node.paths.packages() / "ruby/bin/ruby") == "r");
  CHECK(fs::is_directory(node.paths.run() / "web"));
  CHECK(read_file(node.paths.instance() / "id") == "i-1");
  CHECK(fs::is_empty(node.paths.tmp()));
}

TEST_CASE("a job that stays gets its new packages; what nobody uses any more goes") {
  Node node;
  const Json archive = node.blob({{"web/monit", ""}, {"old/monit", ""}});
  const Json one = Node::package(node.blob({{"v", "1"}}), "1");
  const Json two = Node::package(node.blob({{"v", "2"}}), "2");
  node.installer.apply(parse_apply_spec(node.spec(archive, {{"p", one}, {"q", one}}, {"web", "old"})));
  node.installer.apply(parse_apply_spec(node.spec(archive, {{"p", two}}, {"web"})));
  CHECK(read_file(node.paths.job("web") / "packages/p/v") == "2");
  CHECK_FALSE(fs::exists(node.paths.job("web") / "packages/q"));
  CHECK_FALSE(fs::exists(node.paths.job("old")));
  CHECK_FALSE(fs::exists(node.paths.data() / "packages/q"));
  CHECK(std::distance(fs::directory_iterator(node.paths.data() / "packages/p"), fs::directory_iterator()) == 1);
}

TEST_CASE("a spec without configuration hash is stored and applies nothing") {
  Node node;
  Json spec = node.spec({{"blobstore_id", ""}, {"sha1", ""}}, Json::object(), {});
  spec["configuration_hash"] = "";
  node.installer.apply(parse_apply_spec(spec));
  CHECK(fs::is_empty(node.paths.jobs()));
}

TEST_CASE("a wrong digest is refused and leaves neither file nor link") {
  Node node;
  Json ruby = Node::package(node.blob({{"bin/ruby", "r"}}), "3");
  ruby["sha1"] = std::string(40, '0');
  const Json archive = node.blob({{"web/monit", ""}});
  CHECK_THROWS_AS(node.installer.apply(parse_apply_spec(node.spec(archive, {{"ruby", ruby}}, {"web"}))), Error);
  CHECK(fs::is_empty(node.paths.packages()));
  CHECK(fs::is_empty(node.paths.jobs()));
  CHECK(fs::is_empty(node.paths.tmp()));
}

TEST_CASE("a job that the archive lacks and a monit file that cannot be read fail the apply") {
  Node node;
  const Json archive = node.blob({{"web/monit", "check process"}});
  CHECK_THROWS_AS(node.installer.apply(parse_apply_spec(node.spec(archive, Json::object(), {"other"}))), Error);
  CHECK_THROWS_AS(node.installer.apply(parse_apply_spec(node.spec(archive, Json::object(), {"web"}))), Error);
}

TEST_CASE("names that leave their folder are refused") {
  Node node;
  const Json archive = node.blob({{"web/monit", ""}});
  CHECK_THROWS_AS(parse_apply_spec(node.spec(archive, Json::object(), {"../web"})), Error);
  CHECK_THROWS_AS(parse_apply_spec(node.spec(archive, {{"a/b", Node::package(archive, "1")}}, {"web"})), Error);
  CHECK_THROWS_AS(node.blobs.get({.blobstore_id = "../x", .digest = std::string(40, '0')}, node.paths.tmp() / "x"), Error);
}

}  // namespace jobs_test
