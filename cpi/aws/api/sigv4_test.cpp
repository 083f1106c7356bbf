#include "cpi/aws/api/sigv4.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::cpi::aws;

// Requests and signatures of AWS's published Signature Version 4 test suite (aws-sig-v4-test-suite).
namespace {

const Timestamp suite_time = from_epoch_seconds(1440938160);  // 2015-08-30T12:36:00Z

Credentials suite_credentials(const std::string& token = {}) {
  return {.access_key_id = "AKIDEXAMPLE",
          .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
          .session_token = Secret(token)};
}

std::string signature(UnsignedRequest request, const std::string& token = {}) {
  request.headers["Host"] = "example.amazonaws.com";
  sign(request, suite_credentials(token), {"us-east-1", "service"}, suite_time);
  const auto& text = request.headers["Authorization"];
  return text.substr(text.rfind('=') + 1);
}

}  // namespace

TEST_CASE("requests of AWS's test suite get the signatures it publishes") {
  CHECK(signature({.method = "GET"}) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(signature({.method = "POST"}) == "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  CHECK(signature({.method = "GET", .query = "Param2=value2&Param1=value1"}) ==
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  CHECK(signature({.method = "POST", .headers = {{"My-Header1", "value1"}}}) ==
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
  CHECK(signature({.method = "POST", .headers = {{"My-Header1", "VALUE1"}}}) ==
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d");
  CHECK(signature(
            {.method = "GET", .headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}}) ==
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  CHECK(signature({.method = "POST",
                   .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                   .body = "Param1=value1"}) ==
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST_CASE("a session token is sent and signed") {
  const std::string token =
      "AQoDYXdzEPT//////////"
      "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflf"
      "KD8YUuwthAx7mSEI/qkPpKPi/"
      "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd"
      "8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+"
      "scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3i"
      "SIlTJabIQwj2ICCR/oLxBA==";
  CHECK(signature({.method = "POST"}, token) ==
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

TEST_CASE("the header names scope and signed headers") {
  UnsignedRequest request{.method = "GET", .headers = {{"Host", "example.amazonaws.com"}}};
  sign(request, suite_credentials(), {"us-east-1", "service"}, suite_time);
  CHECK(request.headers["X-Amz-Date"] == "20150830T123600Z");
  CHECK(request.headers["Authorization"] ==
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST_CASE("another region, service, day, body or key is another signature") {
  const auto of = [](const std::string& region, const std::string& service, Timestamp now,
                     const std::string& body, const std::string& key) {
    UnsignedRequest request{.method = "POST", .headers = {{"Host", "h"}}, .body = body};
    sign(request, {.access_key_id = "A", .secret_access_key = Secret(key)}, {region, service}, now);
    return request.headers["Authorization"].substr(request.headers["Authorization"].rfind('=') + 1);
  };
  const auto plain = of("r", "ec2", suite_time, "b", "k");
  CHECK(of("r", "ec2", suite_time, "b", "k") == plain);
  CHECK(of("s", "ec2", suite_time, "b", "k") != plain);
  CHECK(of("r", "ebs", suite_time, "b", "k") != plain);
  CHECK(of("r", "ec2", suite_time + std::chrono::hours(24), "b", "k") != plain);
  CHECK(of("r", "ec2", suite_time, "c", "k") != plain);
  CHECK(of("r", "ec2", suite_time, "b", "l") != plain);
}

TEST_CASE("a path that would have to be escaped is refused, not signed wrongly") {
  UnsignedRequest request{.method = "GET", .path = "/snapshots/a b"};
  CHECK_THROWS_AS(sign(request, suite_credentials(), {"r", "ebs"}, suite_time), Error);
}
