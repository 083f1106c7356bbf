#include <doctest/doctest.h>

#include "test/bosh-cli/bosh_lab.hpp"

using namespace slipway;
using namespace slipway::test;

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
  lab.must_bosh({"delete-release", "life/1.0.0"});
  CHECK(column(lab.must_bosh({"releases"}).rows(), "version") == std::vector<std::string>{"2.0.0"});
  lab.must_bosh({"delete-release", "life"});
  CHECK(lab.must_bosh({"releases"}).rows().empty());
  lab.must_bosh({"delete-stemcell", "slipway-libvirt-debian-bookworm/1.0"});
  CHECK(lab.must_bosh({"stemcells"}).rows().empty());
}

TEST_CASE("after the lab went down nothing of it is left") {
  const auto clean = BoshLab::get().take_down();
  INFO(clean.out << clean.err);
  CHECK(clean.exit_code == 0);
}
