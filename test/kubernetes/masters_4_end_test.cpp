#include <doctest/doctest.h>

#include "test/kubernetes/masters_lab.hpp"

using namespace slipway;
using namespace slipway::test;

TEST_CASE("nothing is left of a cluster with three masters that was deleted") {
  auto& lab = MastersLab::the_one();
  lab.must_pks({"delete-cluster", MastersLab::cluster, "--wait", "--non-interactive"});
  CHECK(lab.domains() == std::vector<std::string>{});
  const auto clean = lab.take_down();
  INFO(clean.out << clean.err);
  CHECK(clean.exit_code == 0);
}
