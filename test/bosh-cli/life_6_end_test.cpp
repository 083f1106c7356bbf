#include <doctest/doctest.h>

#include <filesystem>

#include "test/bosh-cli/bosh_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace life_6_end_test {

TEST_CASE("a release is exported compiled") {
  auto& lab = BoshLab::get();
  const auto folder = lab.files() / "exported";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  lab.must_life({"export-release", "life/2.0.0", "debian-bookworm/1.0", "--dir", folder.string()});
  const auto listed = lab.must({"/bin/sh", "-c", "exec tar --list --gzip --file \"$1\"/*.tgz", "tar", folder.string()});
  CHECK(listed.find("compiled_packages/speaker.tgz") != std::string::npos);
  CHECK(listed.find("compiled_packages/words.tgz") != std::string::npos);
}

TEST_CASE("a clean-up says beforehand what it deletes, and leaves what is in use") {
  auto& lab = BoshLab::get();
  const auto plan = lab.must_bosh({"clean-up", "--all", "--dry-run"});
  CHECK(plan.rows_with("version", "1.0.0").size() == 1);
  CHECK(plan.rows_with("version", "2.0.0").empty());
  CHECK(lab.must_bosh({"releases"}).rows().size() == 2);
  lab.must_bosh({"clean-up"});  // the two newest versions stay
  lab.must_bosh({"clean-up", "--all"});
  CHECK(column(lab.must_bosh({"releases"}).rows(), "version") == std::vector<std::string>{"2.0.0*"});
  CHECK(column(lab.must_bosh({"stemcells"}).rows(), "version") == std::vector<std::string>{"1.0*"});
  CHECK(lab.must_bosh({"disks", "--orphaned"}).rows().empty());
}

TEST_CASE("what is in use is not deleted, and the deployment is deleted with all it had") {
  auto& lab = BoshLab::get();
  CHECK(lab.bosh_fails({"delete-release", "life/2.0.0"}).says("life"));
  CHECK(lab.bosh_fails({"delete-stemcell", "slipway-libvirt-debian-bookworm/1.0"}).says("life"));
  lab.must_life({"delete-deployment"});
  CHECK(lab.must_bosh({"deployments"}).rows().empty());
  CHECK(lab.domains().empty());
  lab.must_life({"delete-deployment", "--force"});  // what is gone counts as deleted
}

TEST_CASE("releases and stemcells are deleted one version at a time or all together") {
  auto& lab = BoshLab::get();
  lab.must_bosh({"upload-release", (lab.files() / "life-1.0.0.tgz").string()});
  lab.must_bosh({"delete-release", "life/1.0.0"});
  CHECK(column(lab.must_bosh({"releases"}).rows(), "version") == std::vector<std::string>{"2.0.0"});
  lab.must_bosh({"delete-release", "life"});
  CHECK(lab.must_bosh({"releases"}).rows().empty());

  // What was exported comes back without sources.
  const auto exported = std::filesystem::directory_iterator(lab.files() / "exported")->path().string();
  lab.must_bosh({"upload-release", exported});
  for (const auto& row : lab.must_bosh({"inspect-release", "life/2.0.0"}).rows(1))
    CHECK(row.at("blobstore_id").empty() == (row.at("compiled_for") == "(source)"));
  lab.must_bosh({"delete-release", "life/2.0.0"});
  CHECK(lab.must_bosh({"releases"}).rows().empty());
  lab.must_bosh({"delete-stemcell", "slipway-libvirt-debian-bookworm/1.0"});
  CHECK(lab.must_bosh({"stemcells"}).rows().empty());
}

TEST_CASE("after the lab went down nothing of it is left") {
  const auto clean = BoshLab::get().take_down();
  INFO(clean.out << clean.err);
  CHECK(clean.exit_code == 0);
}

}  // namespace life_6_end_test
