#include <doctest/doctest.h>

#include <iostream>
#include <map>

#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/credentials.hpp"

namespace slipway::cli::credentials_test {

namespace {

Terminal with_environment(std::map<std::string, std::string> variables) {
  return {std::cin, std::cout, std::cerr, false, [variables](const char* name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end()) return std::nullopt;
            return found->second;
          }};
}

}  // namespace

TEST_CASE("what was saved is loaded again, readable by its owner only") {
  namespace fs = std::filesystem;
  const TempDir home;
  const CredentialsFile file(with_environment({{"HOME", home.path().string()}}));
  CHECK(file.folder() == home.path() / ".pks");
  CHECK_FALSE(file.load());
  file.save({"https://h:9021", "https://h:8443", "alana", "pks_cli", "access", "refresh", "-----BEGIN\nX\n", true});
  const auto loaded = file.load();
  REQUIRE(loaded);
  CHECK(loaded->access_token == "access");
  CHECK(loaded->ca == "-----BEGIN\nX\n");
  CHECK(loaded->skip_ssl_validation);
  const auto mode = fs::status(file.folder() / "creds.yml").permissions() & fs::perms::all;
  CHECK(mode == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(read_file(file.folder() / "creds.yml").starts_with("access_token: access\n"));
  file.remove();
  CHECK_FALSE(file.load());
}

TEST_CASE("PKS_HOME goes before HOME, and one of them is needed") {
  CHECK(CredentialsFile(with_environment({{"PKS_HOME", "/x"}, {"HOME", "/y"}})).folder() == "/x");
  CHECK_THROWS_AS(CredentialsFile(with_environment({})), UsageError);
}

TEST_CASE("a broken file is told, not guessed at") {
  const TempDir home;
  const CredentialsFile file(with_environment({{"PKS_HOME", home.path().string()}}));
  write_file_atomically(home.path() / "creds.yml", "api: [1]\n");
  CHECK_THROWS_AS(file.load(), Error);
}

}  // namespace slipway::cli::credentials_test
