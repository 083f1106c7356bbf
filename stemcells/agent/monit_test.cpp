#include "stemcells/agent/monit.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "stemcells/agent/supervisor.hpp"

using namespace slipway;
using namespace slipway::agent;

namespace monit_test {

TEST_CASE("an empty monit file has no processes") {
  CHECK(parse_monit("", "m").processes.empty());
  CHECK(parse_monit("# only a comment\n\n", "m").processes.empty());
}

TEST_CASE("the form that nearly all releases use is read") {
  const auto file = parse_monit(R"(check process etcd
  with pidfile /var/vcap/sys/run/bpm/etcd/etcd.pid
  start program "/var/vcap/jobs/bpm/bin/bpm start etcd -p 'the one'"
    with timeout 60 seconds
  stop program "/var/vcap/jobs/bpm/bin/bpm stop etcd"
  group vcap
)", "m");
  REQUIRE(file.processes.size() == 1);
  const auto& process = file.processes[0];
  CHECK(process.name == "etcd");
  CHECK(process.pid_file == "/var/vcap/sys/run/bpm/etcd/etcd.pid");
  CHECK(process.start.argv == std::vector<std::string>{"/var/vcap/jobs/bpm/bin/bpm", "start", "etcd", "-p", "the one"});
  CHECK(process.start.timeout_seconds == 60);
  CHECK(process.stop.timeout_seconds == 30);
  CHECK(file.warnings.empty());
}

TEST_CASE("clauses may share a line, span lines and use single quotes") {
  const auto file = parse_monit(
      "check process a with pidfile /p/a start program '/bin/a' stop program '/bin/b' group vcap "
      "check process b pidfile /p/b start program = \"/bin/b x\" as uid vcap and gid vcap stop program = \"/bin/b y\" "
      "depends on a if failed\n host 127.0.0.1\n port 80 protocol http and request \"/x\"\n with timeout 5 seconds "
      "for 3 cycles then restart depends a",
      "m");
  REQUIRE(file.processes.size() == 2);
  CHECK(file.processes[1].start.user == "vcap");
  CHECK(file.processes[1].start.group == "vcap");
  CHECK(file.processes[1].depends_on == std::vector<std::string>{"a", "a"});
  CHECK(file.warnings.empty());
  REQUIRE(file.processes[1].checks.size() == 1);
  CHECK(file.processes[1].checks[0].port == 80);
}

std::vector<ConnectionCheck> checks_of(const std::string& rule) {
  return parse_monit("check process a with pidfile /p start program \"/a\" if failed " + rule, "m").processes.at(0).checks;
}

TEST_CASE("rules of connections are read in the forms that releases use") {
  const auto http = checks_of("host 127.0.0.2 port 8080 protocol http and request \"/Healthz?Full=1\" with timeout 20 seconds "
                              "for 3 cycles then restart");
  REQUIRE(http.size() == 1);
  CHECK(http[0].host == "127.0.0.2");
  CHECK(http[0].port == 8080);
  CHECK(http[0].protocol == ConnectionCheck::Protocol::http);
  CHECK(http[0].request == "/Healthz?Full=1");
  CHECK(http[0].timeout_seconds == 20);
  CHECK(http[0].failures == 3);
  CHECK(http[0].cycles == 3);
  CHECK(http[0].action == ConnectionCheck::Action::restart);

  const auto plain = checks_of("port 22 then alert");
  REQUIRE(plain.size() == 1);
  CHECK(plain[0].protocol == ConnectionCheck::Protocol::any);
  CHECK(plain[0].action == ConnectionCheck::Action::alert);
  CHECK(plain[0].failures == 1);
  CHECK(checks_of("port 443 type tcpssl protocol http for 2 times within 5 cycles then restart").at(0).protocol ==
        ConnectionCheck::Protocol::https);
  CHECK(checks_of("port 443 protocol https for 2 times within 5 cycles then restart").at(0).cycles == 5);
  CHECK(checks_of("unixsocket /var/vcap/sys/run/Some.sock with timeout 15 seconds for 5 cycles then restart").at(0).unix_socket ==
        "/var/vcap/sys/run/Some.sock");
}

TEST_CASE("a rule of connections that would not be watched as it is meant is a warning") {
  for (const char* rule :
       {"port 80 protocol mysql then restart", "port 0 then restart", "port 65536 then restart", "port x then restart",
        "port 80 type udp then restart", "port 80 for 0 cycles then restart", "port 80 for 65 cycles then restart",
        "port 80 for 3 times within 2 cycles then restart", "port 80 with timeout 0 seconds then restart", "then restart",
        "port 80 unixsocket /x then restart", "unixsocket x then restart", "port 80 request \"/x\" then restart",
        "port 80 protocol http request \"x\" then restart", "port 80 protocol http request \"/x y\" then restart",
        "port 80 send \"x\" expect \"y\" then restart", "port 80 then exec \"/bin/x\"", "port 80 then stop", "port then restart"}) {
    CAPTURE(rule);
    const auto file = parse_monit(std::string("check process a with pidfile /p start program \"/a\" if failed ") + rule, "m");
    CHECK(file.processes.at(0).checks.empty());
    REQUIRE(file.warnings.size() == 1);
    CHECK(file.warnings[0].find("not watched: if failed") != std::string::npos);
  }
}

TEST_CASE("memory and restart rules become limits") {
  const auto file = parse_monit(R"(check process a with pidfile /p/a
  start program "/bin/a"  stop program "/bin/a"
  if totalmem > 512 Mb for 2 cycles then alert
  if totalmem > 3500 Mb for 15 cycles then restart
  if 5 restarts within 15 cycles then timeout
)", "m");
  REQUIRE(file.processes.size() == 1);
  CHECK(*file.processes[0].memory_limit == "3500M");
  REQUIRE(file.processes[0].restart_limit);
  CHECK(file.processes[0].restart_limit->restarts == 5);
  CHECK(file.processes[0].restart_limit->cycles == 15);
  CHECK(*parse_monit("check process a with pidfile /p start program \"/a\" if totalmem > 75% for 1 cycles then restart",
                     "m").processes[0].memory_limit == "75%");
}

TEST_CASE("checks of files and hosts are passed over with a warning") {
  const auto file = parse_monit(
      "check file f with path /x if timestamp > 1 minute then exec \"/bin/y\" "
      "check process a with pidfile /p start program \"/a\" stop program \"/a\"", "m");
  CHECK(file.processes.size() == 1);
  CHECK_FALSE(file.warnings.empty());
}

TEST_CASE("what cannot be supervised is refused with its place") {
  for (const char* text : {"check process a start program \"/a\"", "check process a with pidfile p start program \"/a\"",
                           "check process a with pidfile /p", "check process a with pidfile /p start program \"a\"",
                           "check process", "check process a with pidfile /p start program \"unclosed",
                           "check process a with pidfile /p start program \"/a\" if x",
                           "check process a matching \"x\" start program \"/a\""}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_monit(text, "web/monit"), Error);
  }
}

TEST_CASE("a timeout of no time, or of more than a day, is the default and a warning") {
  for (const char* timeout : {"0 seconds", "-5 seconds", "86401 seconds", "2000000000 minutes", "99999999999999999999", "soon"}) {
    CAPTURE(timeout);
    const auto file = parse_monit(std::string("check process a with pidfile /p start program \"/a\" with timeout ") + timeout, "m");
    CHECK(file.processes.at(0).start.timeout_seconds == 30);
    CHECK(!file.warnings.empty());
  }
  const auto file = parse_monit("check process a with pidfile /p start program \"/a\" with timeout 1440 minutes", "m");
  CHECK(file.processes.at(0).start.timeout_seconds == 86400);
  CHECK(file.warnings.empty());
}

TEST_CASE("a unit quotes what systemd would expand") {
  const MonitProcess process{.name = "a b", .pid_file = "/p",
                             .start = {.argv = {"/bin/sh", "-c", "echo \"$HOME\" 100% \\"}}};
  const std::string unit = render_unit(process, true, "/agent");
  CHECK(unit.find(R"(ExecStart="/agent" "--start-program" "/p" "30" "/bin/sh" "-c" "echo \"$$HOME\" 100%% \\")") != std::string::npos);
  CHECK(unit.find("Restart=always") != std::string::npos);
  CHECK(render_unit(process, false, "/agent").find("Restart=no") != std::string::npos);
  CHECK(unit_name("a b") == "bosh-job-a\\x20b.service");
}

TEST_CASE("dependencies start first and a cycle does no harm") {
  const auto process = [](const char* name, std::vector<std::string> on) {
    return MonitProcess{.name = name, .depends_on = std::move(on)};
  };
  const auto ordered = in_start_order({process("a", {"b", "nobody"}), process("b", {"c"}), process("c", {"a"})});
  REQUIRE(ordered.size() == 3);
  CHECK(ordered[0].name == "c");
  CHECK(ordered[2].name == "a");
}

TEST_CASE("one word tells the state of all processes") {
  const ProcessStatus running{.name = "a", .state = "running"}, starting{.name = "b", .state = "starting"},
      failing{.name = "c", .state = "failing"};
  CHECK(job_state({}, false) == "running");
  CHECK(job_state({}, true) == "stopped");
  CHECK(job_state({running}, false) == "running");
  CHECK(job_state({running, starting}, false) == "starting");
  CHECK(job_state({starting, failing, running}, false) == "failing");
  CHECK(job_state({failing}, true) == "stopped");
}

}  // namespace monit_test
