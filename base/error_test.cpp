#include "base/error.hpp"

#include <doctest/doctest.h>

using namespace slipway;

namespace error_test {

TEST_CASE("context is put in front of an error and keeps its fault and code") {
  try {
    with_context("deploying etcd/0", [] {
      with_context("creating VM", []() -> void { throw Error(Fault::exhausted, "no space on host h1", 42); });
    });
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "deploying etcd/0: creating VM: no space on host h1");
    CHECK(error.fault() == Fault::exhausted);
    CHECK(error.code() == 42);
  }
}

TEST_CASE("with_context passes a result through") {
  CHECK(with_context("adding", [] { return 1 + 1; }) == 2);
}

TEST_CASE("no problem throws nothing") { CHECK_NOTHROW(Problems().throw_if_any("manifest")); }

TEST_CASE("one problem reads as one line") {
  Problems problems;
  problems.add("name", "is required", 7);
  CHECK_THROWS_WITH(problems.throw_if_any("manifest"), "manifest: name: is required");
}

TEST_CASE("several problems are listed a line each and the first gives the code") {
  Problems problems, others;
  problems.add("name", "is required", 7);
  others.add("", "is odd", 8);
  problems.append(others);
  try {
    problems.throw_if_any("manifest");
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "manifest: 2 problems:\n- name: is required\n- is odd");
    CHECK(error.fault() == Fault::invalid);
    CHECK(error.code() == 7);
  }
}

TEST_CASE("problems may be appended to themselves") {
  Problems problems;
  problems.add("a", "b");
  problems.append(problems);
  CHECK(problems.items().size() == 2);
}

TEST_CASE("every fault has a name of its own") {
  CHECK(to_string(Fault::outcome_unknown) == "outcome_unknown");
  CHECK(to_string(Fault::not_found) == "not_found");
}

}  // namespace error_test
