#include "director/domain/names.hpp"

#include <doctest/doctest.h>

using namespace slipway::director;

namespace names_test {

TEST_CASE("a canonical name is what DNS would make of it") {
  CHECK(canonical_name("Etcd_Node") == "etcd-node");
  CHECK(canonical_name("a.b c!") == "abc");
  CHECK(is_dns_label("etcd-node"));
  CHECK_FALSE(is_dns_label("-x"));
  CHECK_FALSE(is_dns_label("x-"));
  CHECK_FALSE(is_dns_label(""));
  CHECK_FALSE(is_dns_label(std::string(64, 'a')));
}

TEST_CASE("names are listed in quotes and long lists are cut") {
  CHECK(quoted_list({}) == "none");
  CHECK(quoted_list({"a"}) == "'a'");
  CHECK(quoted_list({"a", "b", "c"}) == "'a', 'b' and 'c'");
  CHECK(quoted_list(std::vector<std::string>(30, "x")).ends_with("and 10 more"));
}

TEST_CASE("a version wish is exact text, 'latest', or the latest of a line") {
  CHECK(version_matches("latest", "7"));
  CHECK(version_matches("1.2", "1.2"));
  CHECK_FALSE(version_matches("1.2", "1.2.0"));
  CHECK(version_matches("1.latest", "1.5"));
  CHECK(version_matches("1.latest", "1"));
  CHECK(version_matches("1.latest", "1+dev.3"));
  CHECK_FALSE(version_matches("1.latest", "11.5"));
  CHECK(is_version_pattern("3.latest"));
  CHECK_FALSE(is_version_pattern("3.1"));
}

}  // namespace names_test
