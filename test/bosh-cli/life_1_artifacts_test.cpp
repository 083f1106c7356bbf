#include <doctest/doctest.h>

#include "test/bosh-cli/bosh_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace life_1_artifacts_test {

namespace {

std::string stemcell_name = "slipway-libvirt-debian-bookworm";

}  // namespace

TEST_CASE("the director says who it is and who is logged in") {
  auto& lab = BoshLab::get();
  const auto row = lab.must_bosh({"env"}).rows().at(0);
  CHECK(row.at("user") == "admin");
  CHECK(row.at("uuid").size() == 36);
  lab.must_bosh({"log-in"});
  lab.bosh_fails({"log-in"}, {{"BOSH_CLIENT_SECRET", "wrong"}});
  CHECK(lab.bosh_fails({"deployments"}, {{"BOSH_CLIENT_SECRET", "wrong"}}).says("401"));
}

TEST_CASE("configs show what changes before they change, and are kept with their history") {
  auto& lab = BoshLab::get();
  const auto cloud = (lab.root() / "examples/cloud-config.yml").string();
  CHECK(lab.must_bosh({"update-cloud-config", cloud}).added("azs:"));
  CHECK_FALSE(lab.must_bosh({"update-cloud-config", cloud}).added("azs:"));
  CHECK(lab.must_bosh({"cloud-config"}).says("compilation:"));

  const auto first = lab.write("runtime.yml", runtime_config("1.0.0", "one")).string();
  lab.must_bosh({"update-runtime-config", first, "--name", "marks"});
  const auto second = lab.write("runtime.yml", runtime_config("1.0.0", "two")).string();
  const auto changed = lab.must_bosh({"update-runtime-config", second, "--name", "marks"});
  CHECK(changed.removed("mark: \"<redacted>\""));
  CHECK(changed.added("mark: \"<redacted>\""));

  const auto current = lab.must_bosh({"configs"});
  CHECK(current.rows_with("type", "cloud").size() == 1);
  REQUIRE(current.rows_with("name", "marks").size() == 1);
  CHECK(current.rows_with("name", "marks").at(0).at("id").back() == '*');

  const auto history = lab.must_bosh({"configs", "--recent=10", "--name", "marks"}).rows();
  REQUIRE(history.size() == 2);
  auto newest = history.at(0).at("id"), oldest = history.at(1).at("id");
  if (newest.back() != '*') std::swap(newest, oldest);
  newest.pop_back();
  const auto diff = lab.must_bosh({"diff-config", "--from-id", oldest, "--to-id", newest}).rows().at(0).at("diff");
  CHECK(diff.find("mark: one") != std::string::npos);
  CHECK(diff.find("mark: two") != std::string::npos);
  CHECK(lab.bosh_fails({"diff-config", "--from-id", oldest, "--to-id", "987654"}).says("987654"));
}

TEST_CASE("a CPI config shows what changes without its properties, and is deleted as any other") {
  auto& lab = BoshLab::get();
  const auto file = lab.write("cpi.yml", "cpis:\n- {name: other, type: libvirt, properties: {token: secret}}\n").string();
  const auto said = lab.must_bosh({"update-cpi-config", file});
  CHECK(said.added("- name: other"));
  CHECK_FALSE(said.says("token: secret"));
  CHECK(lab.must_bosh({"cpi-config"}).says("name: other"));
  lab.must_bosh({"delete-config", "--type", "cpi", "--name", "default"});
  CHECK(lab.must_bosh({"configs", "--type", "cpi"}).rows().empty());
}

TEST_CASE("a generic config is deleted by name and is then no longer listed") {
  auto& lab = BoshLab::get();
  const auto file = lab.write("resurrection.yml", "rules: [{enabled: false}]\n").string();
  lab.must_bosh({"update-config", "--type", "resurrection", "--name", "off", file});
  CHECK(lab.must_bosh({"configs", "--type", "resurrection"}).rows().size() == 1);
  lab.must_bosh({"delete-config", "--type", "resurrection", "--name", "off"});
  CHECK(lab.must_bosh({"configs", "--type", "resurrection"}).rows().empty());
}

TEST_CASE("a stemcell is uploaded by file or URL, skipped where it is there, and replaced on demand") {
  auto& lab = BoshLab::get();
  const auto file = (lab.root() / "build/stemcells" / (stemcell_name + "-1.0.tgz")).string();
  lab.must_bosh({"upload-stemcell", file});
  const auto skipped = lab.must_bosh({"upload-stemcell", file});
  CHECK(skipped.says("Stemcell '" + stemcell_name + "/1.0' already exists."));
  CHECK_FALSE(skipped.says("Task "));
  lab.must_bosh({"upload-stemcell", file, "--fix"});

  const auto url = lab.serve_files() + "/second-stemcell.tgz";
  CHECK(lab.bosh_fails({"upload-stemcell", url, "--sha1", std::string(40, '0')}).says("Task "));
  lab.must_bosh({"upload-stemcell", url});
  lab.must_bosh({"upload-stemcell", url, "--name", stemcell_name, "--version", "1.1"});

  const auto listed = lab.must_bosh({"stemcells"}).rows();
  REQUIRE(listed.size() == 2);
  CHECK(column(listed, "version") == std::vector<std::string>{"1.1", "1.0"});
  CHECK(listed.at(0).at("os") == "debian-bookworm");

  // The same image in both: the first deploy shows that the other's is still there.
  lab.must_bosh({"delete-stemcell", stemcell_name + "/1.1"});
  CHECK(column(lab.must_bosh({"stemcells"}).rows(), "version") == std::vector<std::string>{"1.0"});
}

TEST_CASE("of a second version of a release only what is new is stored again") {
  auto& lab = BoshLab::get();
  const auto first = (lab.files() / "life-1.0.0.tgz").string();
  lab.must_bosh({"upload-release", first});
  lab.must_bosh({"upload-release", first, "--fix"});
  lab.must_bosh({"upload-release", first});
  lab.must_bosh({"upload-release", (lab.files() / "life-2.0.0.tgz").string()});

  const auto listed = lab.must_bosh({"releases"}).rows();
  CHECK(column(listed, "version") == std::vector<std::string>{"2.0.0", "1.0.0"});
  CHECK(column(listed, "commit_hash") == std::vector<std::string>{"c2.0.0", "c1.0.0"});

  const auto blobs_of = [&](const std::string& version) {
    std::map<std::string, std::string> blobs;
    for (const auto& row : lab.must_bosh({"inspect-release", "life/" + version}).rows(1)) {
      CHECK(row.at("compiled_for") == "(source)");
      blobs[row.at("package").substr(0, row.at("package").find('/'))] = row.at("blobstore_id");
    }
    return blobs;
  };
  const auto old_blobs = blobs_of("1.0.0"), new_blobs = blobs_of("2.0.0");
  CHECK(old_blobs.at("words") == new_blobs.at("words"));
  CHECK(old_blobs.at("speaker") != new_blobs.at("speaker"));

  const auto jobs = lab.must_bosh({"inspect-release", "life/1.0.0"}).rows();
  REQUIRE(jobs.size() == 5);
  for (const auto& job : jobs) {
    if (job.at("job").rfind("server/", 0) == 0) CHECK(job.at("links_provided").find("server") != std::string::npos);
    if (job.at("job").rfind("client/", 0) == 0) CHECK(job.at("links_consumed").find("server") != std::string::npos);
  }
}

}  // namespace life_1_artifacts_test
