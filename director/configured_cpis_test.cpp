#include "director/configured_cpis.hpp"

#include <doctest/doctest.h>

#include "base/yaml.hpp"
#include "director/store/fixture.hpp"

using namespace slipway;
using namespace slipway::director;

namespace {

struct Fixture : StoreFixture {
  SystemClock clock;
  Stores stores{db, Secret(std::string(32, 'k'))};
  DirectorConfig config;

  Fixture() {
    config.name = "test";
    config.uuid = "uuid";
    config.cpi_timeout_seconds = 10;
    config.cpi_command = {"/bin/false"};
    // Answers with its own request, which is no answer, so that the request turns up in the error.
    config.cpi_programs = {{"/var/vcap/jobs/echo_cpi/bin/cpi", {"/bin/cat"}}};
  }
  void put(const std::string& yaml, const std::string& name = "default") {
    stores.configs.put("cpi", name, yaml, {}, now);
  }
  static CpiConfig parse(const std::string& yaml) {
    return parse_cpi_config({{"default", parse_yaml(yaml, "cpi config")}});
  }
};

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("without a CPI config there is the default CPI, with one there are its entries") {
  Fixture f;
  ConfiguredCpis cpis(f.config, f.stores, f.clock);
  CHECK(cpis.names() == std::vector<std::string>{""});
  f.put("cpis: [{name: a, type: echo, migrated_from: [{name: old}]}]");
  f.put("cpis: [{name: b, type: echo}]", "more");
  CHECK(cpis.names() == std::vector<std::string>{"a", "b"});
  CHECK(cpis.current_name("old") == "a");
  CHECK(cpis.current_name("") == "");
  CHECK(cpis.open("old", {}) != nullptr);
  CHECK(cpis.open("", {}) != nullptr);
  CHECK(error_of([&] { cpis.open("c", {}); }).find("'a' and 'b'") != std::string::npos);
}

TEST_CASE("a program that the director's configuration does not list is never run") {
  Fixture f;
  ConfiguredCpis cpis(f.config, f.stores, f.clock);
  for (const std::string entry : {"{name: a, type: other}", "{name: a, type: echo, exec_path: /bin/cat}",
                                  "{name: a, type: echo, exec_path: /var/vcap/jobs/echo_cpi/bin/../bin/cpi}",
                                  "{name: a, type: ../../tmp/x}"}) {
    CAPTURE(entry);
    const auto yaml = "cpis: [" + entry + "]";
    const auto text = error_of([&] { cpis.check(Fixture::parse(yaml)); });
    CHECK(text.find("cpis[0].exec_path") != std::string::npos);
    CHECK(text.find("/var/vcap/jobs/echo_cpi/bin/cpi") != std::string::npos);
    f.put(yaml);  // as if the file had allowed it once
    CHECK(error_of([&] { cpis.open("a", {}); }).find("may not run") != std::string::npos);
  }
  CHECK_NOTHROW(cpis.check(Fixture::parse("cpis: [{name: a, type: echo}]")));
}

TEST_CASE("properties reach the program on standard input, and neither its arguments nor a log") {
  Fixture f;
  f.stores.variable_values.put("/cloud/account", "s3cr3t-of-a-variable", f.now);
  f.put("cpis: [{name: a, type: echo, properties: {account: ((/cloud/account)), password: plain-password, region: here}}]");
  ConfiguredCpis cpis(f.config, f.stores, f.clock);
  std::string log;
  const auto text = error_of([&] {
    cpis.open("a", {.log = [&](const std::string& line) { log += line + "\n"; }, .cancelled = {}})->info();
  });
  CHECK(text.find("invalid response") != std::string::npos);
  for (const auto& shown : {text, log}) {
    CHECK(shown.find("s3cr3t-of-a-variable") == std::string::npos);
    CHECK(shown.find("plain-password") == std::string::npos);
  }
  CHECK(log.find("\"region\"") != std::string::npos);
  CHECK(log.find("\"here\"") == std::string::npos);
}
