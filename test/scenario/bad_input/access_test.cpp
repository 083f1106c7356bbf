#include <doctest/doctest.h>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "test/scenario/bad_input/director_process.hpp"
#include "test/scenario/bad_input/samples.hpp"

using namespace slipway;
using namespace slipway::test;
using namespace std::chrono_literals;

namespace {

std::string token(const tls::RsaKey& key, std::int64_t expires_in, const std::string& scope = "bosh.admin",
                  const std::string& algorithm = "RS256") {
  const Json claims = {{"user_name", "ann"}, {"scope", {scope}}, {"exp", to_epoch_seconds(SystemClock().now()) + expires_in}};
  const auto message = base64url_encode(Json{{"alg", algorithm}}.dump()) + "." + base64url_encode(claims.dump());
  return "bearer " + message + "." + base64url_encode(tls::rs256_sign(key.private_key_pem, message));
}

}  // namespace

TEST_CASE("only a token of a trusted key that has not expired opens the director") {
  DirectorProcess director;
  const auto status = [&](const std::string& authorization, const std::string& method = "GET",
                          const std::string& target = "/deployments") {
    return director.send_as(authorization, method, target).status;
  };
  const auto& trusted = director.token_key();
  CHECK(status(token(trusted, 600)) == 200);
  CHECK(status(token(trusted, -1)) == 401);
  CHECK(status(token(tls::create_rsa_key(), 600)) == 401);
  CHECK(status(token(trusted, 600, "bosh.admin", "none")) == 401);
  auto forged = token(trusted, 600);
  forged[forged.find('.') + 5] ^= 1;
  CHECK(status(forged) == 401);
  CHECK(status("bearer ") == 401);
  CHECK(status("bearer a.b.c") == 401);
  CHECK(status("Basic " + base64_encode("admin:guess")) == 401);
  CHECK(status("") == 401);
  const auto reader = director.send_as(token(trusted, 600, "bosh.read"), "DELETE", "/deployments/dep");
  CHECK(reader.status == 401);
  CHECK(reader.body.find("bosh.admin") != std::string::npos);
}

TEST_CASE("a second director on the same store is refused, told who runs there, and changes nothing") {
  DirectorProcess director;
  const auto second = director.second();
  CHECK(second.exit_code == 1);
  CAPTURE(second.standard_error);
  CHECK(second.standard_error.find("another director") != std::string::npos);
  CHECK(second.standard_error.find("director.db.lock") != std::string::npos);
  CHECK(director.running());
  CHECK(director.get("/deployments").empty());
  CHECK(director.upload("/releases", SampleRelease{}.bytes()).state == "done");
}
