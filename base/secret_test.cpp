#include "base/secret.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace slipway;

namespace secret_test {

TEST_CASE("secrets compare by content") {
  CHECK(Secret("abc").equals(Secret("abc")));
  CHECK_FALSE(Secret("abc").equals(Secret("abd")));
  CHECK_FALSE(Secret("abc").equals(Secret("ab")));
  CHECK(Secret().equals(Secret("")));
}

TEST_CASE("a secret does not turn into text by accident") {
  CHECK_FALSE(std::is_convertible_v<Secret, std::string>);
  CHECK_FALSE(std::is_convertible_v<std::string, Secret>);
  CHECK(Secret("s3cret").reveal() == "s3cret");
}

TEST_CASE("a moved or copied secret still holds its text") {
  Secret original("a text that is long enough to live on the heap");
  Secret copy = original;
  const Secret moved = std::move(original);
  CHECK(moved.equals(copy));
}

}  // namespace secret_test
