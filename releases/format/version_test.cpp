#include "releases/format/version.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"

using namespace slipway;

namespace version_test {

using slipway::releases::Version;

namespace {

bool less(const char* a, const char* b) { return Version::parse(a) < Version::parse(b); }

}  // namespace

TEST_CASE("numbers order by value and words by letters") {
  CHECK(less("1.9", "1.10"));
  CHECK(less("2", "10"));
  CHECK(less("1.alpha", "1.beta"));
  CHECK(less("1.9", "1.a"));
  CHECK(less("99999999999999999998", "99999999999999999999"));
}

TEST_CASE("pre-releases come before and post-releases after the release") {
  CHECK(less("1.0-rc.1", "1.0-rc.2"));
  CHECK(less("1.0-rc.2", "1.0"));
  CHECK(less("1.0", "1.0+dev.1"));
  CHECK(less("1.0+dev.9", "1.0+dev.10"));
  CHECK(less("1.0-rc.1+dev.1", "1.0"));
}

TEST_CASE("missing components count as zero") {
  CHECK(Version::parse("1") == Version::parse("1.0.0"));
  CHECK(less("1", "1.0.1"));
  CHECK(Version::parse("1.01") == Version::parse("1.1"));
}

TEST_CASE("the old dev form reads as a post-release") {
  CHECK(Version::parse("8.1-dev").text() == "8+dev.1");
  CHECK(less("8", "8.1-dev"));
}

TEST_CASE("stemcell versions may use underscores") {
  CHECK(Version::parse_stemcell("621_5") == Version::parse("621.5"));
  CHECK(Version::parse_stemcell("621.5").major() == "621");
}

TEST_CASE("what is no version is refused with the rule") {
  for (const auto* text : {"", ".", "1..2", "1.", "-1", "1+", "1+a+b", "a b", "1/2", "1.0\n"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(Version::parse(text), doctest::Contains("release[-pre][+post]"), Error);
  }
}

}  // namespace version_test
