#include "cpi/contract/redaction.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using slipway::cpi::Redactor;

TEST_CASE("members that name a secret are hidden and everything else is readable") {
  const Json request{{"region", "eu-1"}, {"access_key_id", "AKIA-1234"}, {"db", {{"Password", "hunter22"}, {"user", "u"}}}};
  const auto shown = Redactor(request).json(request);
  CHECK(shown["region"] == "eu-1");
  CHECK(shown["access_key_id"] == "<redacted>");
  CHECK(shown["db"]["Password"] == "<redacted>");
  CHECK(shown["db"]["user"] == "u");
}

TEST_CASE("a secret is hidden wherever it is repeated") {
  const Json request{{"token", "abcdef123"}};
  const Redactor redactor(request);
  CHECK(redactor.text("curl -H abcdef123abcdef123 done") == "curl -H <redacted><redacted> done");
  CHECK(redactor.json(Json{{"message", "got abcdef123"}})["message"] == "got <redacted>");
}

TEST_CASE("a short secret does not make the log unreadable") {
  CHECK(Redactor(Json{{"password", "p"}}).text("a plain reply") == "a plain reply");
}

TEST_CASE("each line of a PEM block is a secret of its own") {
  const Json request{{"cert", {{"private_key", "-----BEGIN-----\nAAAABBBB\nCCCCDDDD\n"}}}};
  CHECK(Redactor(request).text("x AAAABBBB y CCCCDDDD") == "x <redacted> y <redacted>");
}
