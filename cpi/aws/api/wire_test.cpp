#include <doctest/doctest.h>

#include "cpi/aws/api/aws_error.hpp"
#include "cpi/aws/api/query.hpp"
#include "cpi/aws/api/reply.hpp"

using namespace slipway;
using namespace slipway::cpi::aws;

TEST_CASE("parameters are flat, counted from one and escaped as AWS wants them") {
  const auto query = Query("RunInstances")
                         .set("ImageId", "ami-1")
                         .set("MinCount", 1)
                         .set("EbsOptimized", true)
                         .set_if("KeyName", "")
                         .list("SecurityGroupId", {"sg-1", "sg-2"})
                         .filter("tag:a b", {"x&y", "ü~"})
                         .filter("vpc-id", {"vpc-1"})
                         .tag_specification("instance", {{"k", "v*"}})
                         .tag_specification("volume", {});
  CHECK(query.body("2016-11-15") ==
        "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&EbsOptimized=true"
        "&SecurityGroupId.1=sg-1&SecurityGroupId.2=sg-2"
        "&Filter.1.Name=tag%3Aa%20b&Filter.1.Value.1=x%26y&Filter.1.Value.2=%C3%BC~"
        "&Filter.2.Name=vpc-id&Filter.2.Value.1=vpc-1"
        "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1."
        "Value=v%2A");
}

TEST_CASE("tags are cut to what EC2 takes, at the border of a character") {
  Tags tags{{"aws:mine", "v"}, {"", "v"}, {std::string(126, 'k') + "ü", std::string(254, 'v') + "€"}};
  const auto cut = tags_for_ec2(tags);
  REQUIRE(cut.size() == 1);
  CHECK(cut.begin()->first == std::string(126, 'k'));
  CHECK(cut.begin()->second == std::string(254, 'v'));
  for (int i = 0; i < 80; ++i) tags["key" + std::to_string(i)] = "v";
  CHECK(tags_for_ec2(tags).size() == 50);
}

TEST_CASE("a reply is read by local names, whatever its namespace and whatever else is in it") {
  const auto reply = Reply::parse(
      "<?xml version=\"1.0\"?><e:R xmlns:e=\"http://ec2.amazonaws.com/doc/2013-10-15\"><!-- c --><new>?</new>"
      "<e:set><e:item><e:id>a&amp;b</e:id><n>7</n><yes>true</yes></e:item><other/><item><id>b</id></item></"
      "e:set></e:R>");
  CHECK(reply.name() == "R");
  const auto items = reply.items("set");
  REQUIRE(items.size() == 2);
  CHECK(items[0].text("id") == "a&b");
  CHECK(items[0].integer("n") == 7);
  CHECK(items[0].truth("yes"));
  CHECK_FALSE(items[1].integer("n"));
  CHECK(items[1].text("no/such/path").empty());
  CHECK(reply.items("nowhere").empty());
  CHECK_FALSE(reply.at("nowhere").exists());
}

TEST_CASE("hostile XML is refused or harmless") {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  CHECK_THROWS_AS(Reply::parse(deep), Error);
  for (int i = 0; i < 100'000; ++i) deep += "</a>";
  CHECK_THROWS_AS(Reply::parse(deep), Error);
  CHECK_THROWS_AS(Reply::parse(std::string(17u << 20, ' ')), Error);
  for (const char* bad :
       {"", " ", "<", "<a", "<a></b>", "<a><b></a>", "text", "{\"a\":1}", "<!-- only -->", "<a>\xff<"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(Reply::parse(bad), Error);
  }
  const auto reply = Reply::parse(
      "<!DOCTYPE r [<!ENTITY e \"many\"><!ENTITY f \"&e;&e;&e;\"><!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
      "<r><a>&f;</a><b>&x;</b></r>");
  CHECK(reply.text("a") == "&f;");
  CHECK(reply.text("b") == "&x;");
  CHECK_FALSE(Reply::parse("<r><n>99999999999999999999</n></r>").integer("n"));
  CHECK_FALSE(Reply::parse("<r><n>7x</n></r>").integer("n"));
}

TEST_CASE("errors are read in the forms that AWS has for them") {
  const auto read = [](int status, const std::string& body, http::Headers headers = {}) {
    return read_error({.status = status, .headers = std::move(headers), .body = body}, "Call");
  };
  const auto ec2 =
      read(400,
           "<Response><Errors><Error><Code>InvalidVolume.NotFound</Code><Message>The volume does not "
           "exist.</Message></Error></Errors><RequestID>r</RequestID></Response>");
  CHECK(ec2.aws_code() == "InvalidVolume.NotFound");
  CHECK(ec2.fault() == Fault::internal);
  CHECK(std::string(ec2.what()) == "Call: InvalidVolume.NotFound: The volume does not exist.");
  const auto sts =
      read(403,
           "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no"
           "</Message></Error></ErrorResponse>");
  CHECK(sts.fault() == Fault::forbidden);
  CHECK(read(503, "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>")
            .fault() == Fault::retryable);
  CHECK(
      read(500, "<Response><Errors><Error><Code>InternalError</Code></Error></Errors></Response>").fault() ==
      Fault::outcome_unknown);
  const auto ebs = read(404, "{\"Message\":\"no such snapshot\",\"Reason\":\"SNAPSHOT_NOT_FOUND\"}",
                        {{"x-amzn-ErrorType", "ResourceNotFoundException:http://"}});
  CHECK(ebs.aws_code() == "ResourceNotFoundException");
  CHECK(std::string(ebs.what()).find("no such snapshot") != std::string::npos);
}

TEST_CASE("what is no error of AWS's is told by its status, in one line") {
  const http::ClientResponse balancer{.status = 502, .headers = {}, .body = "<html><h1>Bad Gateway</h1>"};
  const auto error = read_error(balancer, "Call");
  CHECK(error.fault() == Fault::outcome_unknown);
  CHECK(std::string(error.what()) == "Call: HTTP status 502");
  const http::ClientResponse lines{.status = 400,
                                   .headers = {},
                                   .body = "<Response><Errors><Error><Code>C</Code><Message>a\nb\x01" +
                                           std::string(5000, 'c') + "</Message></Error></Errors></Response>"};
  const std::string text = read_error(lines, "Call").what();
  CHECK(text.size() < 1200);
  CHECK(text.find('\n') == std::string::npos);
}
