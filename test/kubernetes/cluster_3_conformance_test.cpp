#include <doctest/doctest.h>

#include <sstream>

#include "base/file.hpp"
#include "test/kubernetes/cluster_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace {

int tests_named() {
  std::istringstream lines(read_file("test/kubernetes/conformance/few.txt"));
  int count = 0;
  for (std::string line; std::getline(lines, line);) count += !line.starts_with("#");
  return count;
}

}  // namespace

TEST_CASE("a test of each kind of upstream's conformance tests passes") {
  auto& lab = ClusterLab::the_one();
  const auto outcome = lab.run({"test/kubernetes/conformance/run", "--name", "kubernetes"});
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.out, std::to_string(tests_named()) + " passed, 0 failed"));
}
