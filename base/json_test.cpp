#include "base/json.hpp"

#include <doctest/doctest.h>

using namespace slipway;

namespace json_test {

TEST_CASE("valid JSON is parsed") {
  const auto value = parse_json(R"({"a": [1, -2, 3.5, true, null, "é"]})", "body");
  CHECK(value["a"][1] == -2);
  CHECK(value["a"][5] == "é");
}

TEST_CASE("what is not JSON is refused with its source and without its content") {
  for (const auto* text : {"", "{", "[1,]", "{\"a\":}", "{'a':1}", "nul", "1 2", "\"\x01\"", "\"\xff\"", "1e999999"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_json(text, "body"), Error);
  }
  try {
    (void)parse_json(R"({"password": "hunter2" oops})", "body");
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    const std::string what = error.what();
    CHECK(what.starts_with("body: not JSON: parse error at line 1, column"));
    CHECK(what.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("text behind a NUL byte is not overlooked") {
  CHECK_THROWS_AS(parse_json(std::string_view("{}\0garbage", 10), "body"), Error);
}

TEST_CASE("limits of size and depth hold") {
  CHECK_THROWS_AS(parse_json("[1,2,3]", "body", {.max_bytes = 6}), Error);
  CHECK_NOTHROW(parse_json("[[[]]]", "body", {.max_depth = 3}));
  CHECK_THROWS_AS(parse_json("[[[[]]]]", "body", {.max_depth = 3}), Error);
  CHECK_NOTHROW(parse_json(R"(["[[[[[[\"[[["])", "body", {.max_depth = 1}));
  CHECK_THROWS_AS(parse_json(std::string(1'000'000, '['), "body"), Error);
}

TEST_CASE("invalid UTF-8 is replaced when it is written") {
  CHECK(dump(Json("a\xff"
                  "b")) == "\"a\xEF\xBF\xBD"
                           "b\"");
}

TEST_CASE("a reader returns what an object holds") {
  const auto json = parse_json(R"({"s":"x","i":5,"b":true,"o":{"k":1},"a":[1],"l":["p","q"],"n":null})", "t");
  Problems problems;
  JsonReader in(json, "", problems);
  CHECK(in.string("s") == "x");
  CHECK(in.integer("i", 0, 10) == 5);
  CHECK(in.boolean("b"));
  CHECK(in.object("o")["k"] == 1);
  CHECK(in.array("a").size() == 1);
  CHECK(in.strings_or_empty("l") == std::vector<std::string>{"p", "q"});
  CHECK(in.string_or("n", "fallback") == "fallback");
  CHECK(in.integer_or("absent", 3, 0, 10) == 3);
  CHECK(in.boolean_or("absent", true));
  CHECK(in.find("absent") == nullptr);
  CHECK_FALSE(in.has("n"));
  in.refuse_unknown();
  CHECK(problems.empty());
}

TEST_CASE("a reader reports every problem with its place and goes on") {
  const auto json = parse_json(R"({"s":1,"i":"5","big":11,"huge":18446744073709551615,"f":1.5,"b":"yes","l":["p",2],"x":1})", "t");
  Problems problems;
  JsonReader in(json, "networks[0]", problems);
  CHECK(in.string("s").empty());
  in.string("missing");
  in.integer("i", 0, 10);
  in.integer("big", 0, 10);
  in.integer("huge", 0, 10);
  in.integer("f", 0, 10);
  in.boolean("b");
  in.strings_or_empty("l");
  in.object("l");
  in.refuse_unknown();
  REQUIRE(problems.items().size() == 10);
  CHECK(problems.items()[0].place == "networks[0].s");
  CHECK(problems.items()[0].message == "must be text, not a number");
  CHECK(problems.items()[1].message == "is required");
  CHECK(problems.items()[3].message == "must be between 0 and 10");
  CHECK(problems.items()[7].place == "networks[0].l[1]");
  CHECK(problems.items()[9].place == "networks[0].x");
  CHECK(problems.items()[9].message == "unknown key; allowed: s, missing, i, big, huge, f, b, l");
}

TEST_CASE("reading something that is no object is one problem and then reads as empty") {
  Problems problems;
  const Json list = Json::array();
  JsonReader in(list, "vm", problems);
  CHECK(in.string_or("a", "x") == "x");
  in.refuse_unknown();
  REQUIRE(problems.items().size() == 1);
  CHECK(problems.items()[0].message == "must be a mapping, not a list");
}

}  // namespace json_test
