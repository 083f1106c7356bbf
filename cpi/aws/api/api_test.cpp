#include "cpi/aws/api/api.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <mutex>

#include "base/http/server.hpp"

using namespace slipway;
using namespace slipway::cpi::aws;

namespace {

const std::string throttled =
    "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow</Message></Error></Errors></"
    "Response>";
const std::string broken =
    "<Response><Errors><Error><Code>InternalError</Code><Message>oh</Message></Error></Errors></Response>";

// A service that answers from a list, and remembers what it was asked.
struct World {
  std::mutex mutex;
  std::deque<http::Response> answers;
  std::vector<std::string> bodies;
  std::vector<http::Headers> headers;
  http::Server server{{}, [this](http::Request& request) { return answer(request); }, Log::discard()};
  ManualClock clock;
  SeededRandom random{7};
  std::shared_ptr<CredentialsSource> credentials =
      std::make_shared<StaticCredentials>(Credentials{.access_key_id = "AKID",
                                                      .secret_access_key = Secret("very-secret-key"),
                                                      .session_token = Secret("very-secret-token")});

  http::Response answer(http::Request& request) {
    std::lock_guard lock(mutex);
    bodies.push_back(request.body->read_all(1 << 20));
    headers.push_back(request.headers);
    if (answers.empty()) return http::Response::text(200, "<ThingResponse><id>1</id></ThingResponse>");
    auto next = answers.front();
    answers.pop_front();
    return next;
  }
  void will_answer(int status, const std::string& body, const std::string& retry_after = {}) {
    auto response = http::Response::text(status, body);
    if (!retry_after.empty()) response.headers["Retry-After"] = retry_after;
    answers.push_back(response);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  Api api(int max_retries = 4) {
    ApiConfig config{.region = "r", .endpoints = {}, .ca_pem = {}, .max_retries = max_retries};
    for (const auto service : {Service::ec2, Service::sts, Service::ebs}) config.endpoints[service] = url();
    return Api(config, credentials, clock, random, Log::discard());
  }
};

}  // namespace

TEST_CASE("throttling is waited out, with pauses that grow") {
  World world;
  for (int i = 0; i < 4; ++i) world.will_answer(503, throttled);
  const auto start = world.clock.monotonic();
  CHECK(world.api().ec2(Query("Thing"), Repeat::once).text("id") == "1");
  CHECK(world.bodies.size() == 5);
  // 250 ms doubled four times, each at least by half: 125 + 250 + 500 + 1000.
  const auto waited = world.clock.monotonic() - start;
  CHECK(waited >= std::chrono::milliseconds(1875));
  CHECK(waited <= std::chrono::milliseconds(3750));
}

TEST_CASE("Retry-After is respected") {
  World world;
  world.will_answer(503, throttled, "7");
  const auto start = world.clock.monotonic();
  world.api().ec2(Query("Thing"));
  CHECK(world.clock.monotonic() - start >= std::chrono::seconds(7));
}

TEST_CASE("throttling that does not end comes out as such") {
  World world;
  for (int i = 0; i < 3; ++i) world.will_answer(503, throttled);
  const auto api = world.api(2);
  try {
    api.ec2(Query("Thing"));
    FAIL("no error");
  } catch (const AwsError& error) {
    CHECK(error.aws_code() == "RequestLimitExceeded");
    CHECK(error.fault() == Fault::retryable);
  }
  CHECK(world.bodies.size() == 3);
}

TEST_CASE("a call whose outcome is unknown is repeated only when that is safe") {
  for (const auto& [status, body] : std::vector<std::pair<int, std::string>>{
           {500, broken}, {200, "<Thing"}, {200, "<Other/>"}, {502, "<html>"}}) {
    CAPTURE(body);
    World world;
    world.will_answer(status, body);
    CHECK(world.api().ec2(Query("Thing"), Repeat::safe).text("id") == "1");
    CHECK(world.bodies.size() == 2);
    CHECK(world.bodies[0] == world.bodies[1]);

    World other;
    other.will_answer(status, body);
    const auto api = other.api();
    try {
      api.ec2(Query("Thing"), Repeat::once);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::outcome_unknown);
    }
    CHECK(other.bodies.size() == 1);
  }
}

TEST_CASE("a refusal is not repeated") {
  World world;
  world.will_answer(
      400, "<Response><Errors><Error><Code>InvalidParameterValue</Code></Error></Errors></Response>");
  const auto api = world.api();
  CHECK_THROWS_AS(api.ec2(Query("Thing")), AwsError);
  CHECK(world.bodies.size() == 1);
}

TEST_CASE("errors that repeat the request's secrets do not hand them on") {
  World world;
  world.will_answer(
      403,
      "<Response><Errors><Error><Code>SignatureDoesNotMatch</Code><Message>The Canonical String should "
      "have been x-amz-security-token:very-secret-token "
      "very-secret-key</Message></Error></Errors></Response>");
  const auto api = world.api();
  try {
    api.ec2(Query("Thing"));
    FAIL("no error");
  } catch (const AwsError& error) {
    const std::string text = error.what();
    CHECK(text.find("Canonical") != std::string::npos);
    CHECK(text.find("very-secret") == std::string::npos);
  }
  CHECK(world.headers[0]["X-Amz-Security-Token"] == "very-secret-token");
  CHECK(world.headers[0]["Authorization"].find("very-secret") == std::string::npos);
}

TEST_CASE("all pages are read, and a service that sends the same one for ever is stopped") {
  World world;
  world.will_answer(
      200, "<ThingResponse><set><item><id>1</id></item></set><nextToken>t1</nextToken></ThingResponse>");
  world.will_answer(200, "<ThingResponse><set><item><id>2</id></item></set><nextToken/></ThingResponse>");
  const auto api = world.api();
  const auto items = api.pages(Query("Thing"), "set");
  REQUIRE(items.size() == 2);
  CHECK(items[1].text("id") == "2");
  CHECK(world.bodies[1].find("NextToken=t1") != std::string::npos);
  for (int i = 0; i < 2; ++i)
    world.will_answer(200, "<ThingResponse><nextToken>same</nextToken></ThingResponse>");
  CHECK_THROWS_AS(api.pages(Query("Thing"), "set"), Error);
}

TEST_CASE("expired credentials are got anew, once") {
  World world;
  int fetched = 0;
  world.credentials = std::make_shared<LentCredentials>(world.clock, [&] {
    return Credentials{.access_key_id = "AKID" + std::to_string(++fetched),
                       .secret_access_key = Secret("very-secret-key")};
  });
  world.will_answer(400, "<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>");
  world.api().ec2(Query("Thing"));
  CHECK(fetched == 2);
  CHECK(world.headers[1]["Authorization"].find("AKID2") != std::string::npos);
}

TEST_CASE("lent credentials are renewed five minutes before they end") {
  ManualClock clock;
  int fetched = 0;
  LentCredentials lent(clock, [&] {
    ++fetched;
    return Credentials{.access_key_id = "A", .expires = clock.now() + std::chrono::hours(1)};
  });
  lent.get();
  clock.advance(std::chrono::minutes(54));
  lent.get();
  CHECK(fetched == 1);
  clock.advance(std::chrono::minutes(2));
  lent.get();
  CHECK(fetched == 2);
}

TEST_CASE("a role is assumed with the credentials at hand") {
  World world;
  world.will_answer(
      200,
      "<AssumeRoleResponse "
      "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>"
      "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
      "<Expiration>2030-01-02T03:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>");
  const auto lent = world.api().assume_role("arn:aws:iam::1:role/r", "me", "outside");
  CHECK(lent.access_key_id == "ASIA1");
  CHECK(lent.session_token.reveal() == "t");
  CHECK(to_rfc3339(*lent.expires) == "2030-01-02T03:04:05Z");
  CHECK(world.bodies[0].find("ExternalId=outside") != std::string::npos);
}

TEST_CASE("an instance's role is asked for by IMDSv2: a session token first") {
  std::atomic<int> without_token{0};
  http::Server metadata(
      {},
      [&](http::Request& request) {
        const std::string roles = "/latest/meta-data/iam/security-credentials/";
        if (request.method == "PUT" && request.path == "/latest/api/token") {
          return request.headers.contains("X-aws-ec2-metadata-token-ttl-seconds")
                     ? http::Response::text(200, "session")
                     : http::Response::text(400, "");
        }
        if (request.headers["X-aws-ec2-metadata-token"] != "session") {
          ++without_token;
          return http::Response::text(401, "");
        }
        if (request.path == roles) return http::Response::text(200, "node-role\n");
        if (request.path == roles + "node-role") {
          return http::Response::text(
              200,
              R"({"Code":"Success","AccessKeyId":"ASIA2","SecretAccessKey":"s","Token":"t","Expiration":"2030-01-02T03:04:05Z"})");
        }
        return http::Response::text(404, "");
      },
      Log::discard());
  const auto lent = instance_profile("http://127.0.0.1:" + std::to_string(metadata.port()))();
  CHECK(lent.access_key_id == "ASIA2");
  CHECK(lent.session_token.reveal() == "t");
  CHECK(without_token == 0);
}

TEST_CASE("regions have their own endpoints, those in China another domain") {
  CHECK(default_endpoint(Service::ec2, "eu-central-1") == "https://ec2.eu-central-1.amazonaws.com");
  CHECK(default_endpoint(Service::elbv2, "us-east-2") ==
        "https://elasticloadbalancing.us-east-2.amazonaws.com");
  CHECK(default_endpoint(Service::ebs, "cn-north-1") == "https://ebs.cn-north-1.amazonaws.com.cn");
}
