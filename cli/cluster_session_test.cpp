#include "cli/cluster_session.hpp"

#include <doctest/doctest.h>

#include <iostream>

#include "base/digest.hpp"
#include "base/file.hpp"

namespace slipway::cli::cluster_session_test {

namespace {

namespace fs = std::filesystem;

constexpr const char* nobody_there = "https://127.0.0.1:1";

Terminal with_home(const TempDir& home) {
  return {std::cin, std::cout, std::cerr, false, [&home](const char* name) -> std::optional<std::string> {
            if (std::string(name) != "PKS_HOME") return std::nullopt;
            return home.path().string();
          }};
}

std::string token(Timestamp expires) {
  return base64url_encode("{}") + "." + base64url_encode(dump({{"exp", to_epoch_seconds(expires)}})) + ".";
}

fs::path only_session(const TempDir& home) {
  fs::path found;
  for (const auto& file : fs::directory_iterator(home.path() / "issuers")) {
    if (file.path().extension() == ".yml") found = file.path();
  }
  return found;
}

}  // namespace

TEST_CASE("a token that holds for a while yet is given without a word to the issuer, and to its own user only") {
  const TempDir home;
  ManualClock clock;
  const auto terminal = with_home(home);
  const ClusterSession naomi(terminal, nobody_there, "clusters", "external:naomi");
  CHECK_FALSE(naomi.token(clock));
  const auto text = token(clock.now() + std::chrono::minutes(10));
  naomi.save({nobody_there, "", "clusters"}, {text, "refresh"});
  REQUIRE(naomi.token(clock));
  CHECK(naomi.token(clock)->text == text);
  CHECK(to_epoch_seconds(naomi.token(clock)->expires) == to_epoch_seconds(clock.now()) + 600);
  const auto mode = fs::status(only_session(home)).permissions() & fs::perms::all;
  CHECK(mode == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK_FALSE(ClusterSession(terminal, nobody_there, "clusters", "external:alana").token(clock));
  CHECK_FALSE(ClusterSession(terminal, nobody_there, "others", "external:naomi").token(clock));
  CHECK_FALSE(ClusterSession(terminal, "https://127.0.0.1:2", "clusters", "external:naomi").token(clock));
  clock.advance(std::chrono::minutes(10) - std::chrono::seconds(20));
  CHECK_THROWS_AS(naomi.token(clock), Error);  // the issuer is away
}

TEST_CASE("without a refresh token a session ends with its token") {
  const TempDir home;
  ManualClock clock;
  const ClusterSession session(with_home(home), nobody_there, "clusters", "external:naomi");
  session.save({nobody_there, "", "clusters"}, {token(clock.now() + std::chrono::minutes(10)), ""});
  CHECK(session.token(clock));
  clock.advance(std::chrono::minutes(10));
  CHECK_FALSE(session.token(clock));
}

TEST_CASE("a broken session is told, not guessed at") {
  const TempDir home;
  ManualClock clock;
  const ClusterSession session(with_home(home), nobody_there, "clusters", "external:naomi");
  for (const auto* text : {"no token", "a.b.c", "e30.e30.", "e30.W10."}) {
    INFO(text);
    session.save({nobody_there, "", "clusters"}, {text, "refresh"});
    CHECK_THROWS_AS(session.token(clock), Error);
  }
  write_file_atomically(only_session(home), "issuer: [1]\n");
  CHECK_THROWS_AS(session.token(clock), Error);
}

}  // namespace slipway::cli::cluster_session_test
