#include "health-monitor/plugins/plugins.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/http/server.hpp"
#include "base/http/test_support.hpp"
#include "base/process.hpp"
#include "base/random.hpp"
#include "base/tls.hpp"
#include "health-monitor/plugins/email.hpp"
#include "health-monitor/plugins/event_log.hpp"
#include "health-monitor/plugins/process.hpp"
#include "health-monitor/plugins/prometheus.hpp"
#include "health-monitor/plugins/webhook.hpp"

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace {

Notice notice(const std::string& id, int severity = 2) {
  return {.kind = Notice::Kind::decision,
          .id = id,
          .severity = severity,
          .action = "replace",
          .title = "replace etcd/" + id,
          .summary = "its agent is not heard",
          .source = "demo: etcd/" + id,
          .deployment = "demo",
          .instance = "etcd/" + id,
          .at = from_epoch_seconds(1'700'000'000)};
}

template <class Holds>
bool soon(Holds holds) {
  for (int i = 0; i < 500; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

// One plugin only.
std::unique_ptr<Plugins> running(std::unique_ptr<Plugin> plugin) {
  std::vector<std::unique_ptr<Plugin>> list;
  list.push_back(std::move(plugin));
  return std::make_unique<Plugins>(std::move(list), Log::discard());
}

// Python's aiosmtpd as a child.
class SmtpServer {
 public:
  explicit SmtpServer(std::vector<std::string> arguments = {}) {
    ChildProcess::Options options;
    options.argv = {SLIPWAY_SMTP_SERVER};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    child_ = std::make_unique<ChildProcess>(options);
    port = std::stoi(line());
  }
  Json mail() { return parse_json(line(), "mail"); }
  int port = 0;

 private:
  std::string line() {
    std::string text;
    for (;;) {
      const auto byte = child_->read_exactly(1, 20s);
      if (byte == "\n") return text;
      text += byte;
    }
  }
  std::unique_ptr<ChildProcess> child_;
};

EmailOptions mail_options(int port) {
  return {.host = "127.0.0.1",
          .port = port,
          .tls = MailTls::none,
          .from = "monitor@lab",
          .to = {"a@lab", "b@lab"},
          .pause = 0s};
}

}  // namespace

TEST_CASE("a mail reaches a real server, with all that came up together and nothing that is not grave") {
  SmtpServer server;
  auto email = make_email(mail_options(server.port));
  email->tell({notice("one"), notice("two", 1), notice("mere news", 5)});
  const auto mail = server.mail();
  CHECK(mail["from"] == "monitor@lab");
  CHECK(mail["to"] == Json{"a@lab", "b@lab"});
  const auto text = mail["text"].get<std::string>();
  CHECK(text.find("Subject: [slipway] replace etcd/two (and 1 more)\r\n") != std::string::npos);
  CHECK(text.find("To: a@lab, b@lab\r\n") != std::string::npos);
  CHECK(text.find("replace etcd/one") != std::string::npos);
  CHECK(text.find("2023-11-14T22:13:20Z") != std::string::npos);
  CHECK(text.find("mere news") == std::string::npos);
}

TEST_CASE("mail goes over TLS with a password to a server that is who it says, and to no other") {
  TempDir folder;
  SystemClock clock;
  tls::CertificateRequest request;
  request.subject.common_name = "127.0.0.1";
  request.alternative_names = {"127.0.0.1"};
  const auto pair = tls::self_signed(request, clock.now());
  const auto file = [&](const char* name, const std::string& text) {
    write_file_atomically(folder.path() / name, text, 0600);
    return (folder.path() / name).string();
  };
  const auto certificate = file("server.crt", pair.certificate_pem);
  SmtpServer server({"--certificate", certificate, "--key", file("server.key", pair.private_key_pem.reveal()), "--user",
                     "monitor", "--password", "secret"});
  auto options = mail_options(server.port);
  options.tls = MailTls::starttls;
  options.user = "monitor";
  options.password = Secret("secret");
  const auto fault_of = [&](const EmailOptions& with) {
    try {
      make_email(with)->tell({notice("one")});
    } catch (const Error& error) {
      return error.fault();
    }
    return Fault::cancelled;
  };
  CHECK(fault_of(options) == Fault::invalid);  // signed by nobody we know
  options.ca_file = certificate;
  auto wrong = options;
  wrong.password = Secret("guessed");
  CHECK(fault_of(wrong) == Fault::invalid);
  make_email(options)->tell({notice("one")});
  CHECK(server.mail()["tls"] == true);
}

TEST_CASE("a server that is away is tried again") {
  auto options = mail_options(1);  // nobody listens there
  try {
    make_email(options)->tell({notice("one")});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::retryable);
  }
}

TEST_CASE("what an agent wrote cannot add a header to a mail") {
  auto hostile = notice("one");
  hostile.title = "x\r\nBcc: everybody@example.com\r\n\r\nbody";
  const auto mail = mail_of({hostile}, mail_options(25), Timestamp{});
  CHECK(mail.find("\r\nBcc") == std::string::npos);
  CHECK(mail.find("Subject: [slipway] x  Bcc: everybody@example.com    body\r\n") != std::string::npos);
}

TEST_CASE("a webhook gets each notice as JSON, once, even when the receiver fails in between") {
  std::mutex mutex;
  std::vector<Json> got;
  std::vector<std::string> authorizations;
  int calls = 0;
  http::Server server(
      {},
      [&](http::Request& request) {
        std::lock_guard lock(mutex);
        if (++calls == 2) return http::Response::empty(503);
        got.push_back(request.json_body());
        authorizations.push_back(request.headers["Authorization"]);
        CHECK(request.target == "/hook?a=b");
        return http::Response::empty(204);
      },
      Log::discard());
  const auto url = "http://127.0.0.1:" + std::to_string(server.port()) + "/hook?a=b";
  auto plugins = running(make_webhook({.url = url, .authorization = Secret("Bearer token")}));
  for (const auto* id : {"one", "two", "three"}) plugins->tell(notice(id));
  plugins->tell(notice("news", 5));
  REQUIRE(soon([&] {
    std::lock_guard lock(mutex);
    return got.size() >= 3;
  }));
  std::lock_guard lock(mutex);
  REQUIRE(got.size() == 3);
  CHECK(got[0] == to_json(notice("one")));
  CHECK(got[1]["id"] == "two");
  CHECK(got[2]["id"] == "three");
  CHECK(authorizations[0] == "Bearer token");
}

TEST_CASE("a webhook that refuses for good loses the notice, and it is counted") {
  http::Server server({}, [](http::Request&) { return http::Response::empty(403); }, Log::discard());
  auto plugins = running(make_webhook({.url = "http://127.0.0.1:" + std::to_string(server.port())}));
  plugins->tell(notice("one"));
  CHECK(soon([&] { return plugins->counts()[0].lost == 1; }));
}

TEST_CASE("a program gets a line of JSON for each notice and heartbeat, also after it has ended") {
  TempDir folder;
  const auto out = (folder.path() / "lines").string();
  const auto program = (folder.path() / "program").string();
  // Takes one line and ends.
  write_file_atomically(program, "#!/bin/sh\nread -r line\nprintf '%s\\n' \"$line\" >> " + out + "\n", 0700);
  auto plugins = running(make_process({.command = {program}}, Log::discard()));
  CHECK(plugins->want_heartbeats());
  const auto lines = [&] {
    std::vector<Json> all;
    if (!std::filesystem::exists(out)) return all;
    std::istringstream text(read_file(out));
    for (std::string line; std::getline(text, line);) all.push_back(parse_json(line, "line"));
    return all;
  };
  plugins->tell(notice("one"));
  REQUIRE(soon([&] { return lines().size() == 1; }));
  CHECK(lines()[0] == to_json(notice("one")));
  HeartbeatSample sample{.agent = "a1", .deployment = "demo", .group = "etcd", .instance_id = "i1", .index = 2};
  sample.payload = {{"job_state", "running"}, {"vitals", {{"load", {"0.1"}}}}};
  REQUIRE(soon([&] {
    plugins->tell(sample);  // one that is written while the program ends is lost with it
    return lines().size() >= 2;
  }));
  CHECK(lines()[1]["kind"] == "heartbeat");
  CHECK(lines()[1]["index"] == "2");
  CHECK(lines()[1]["job_state"] == "running");
  CHECK(lines()[1]["vitals"]["load"][0] == "0.1");
}

TEST_CASE("a program that reads nothing delays neither the monitor nor its end") {
  auto plugins = running(make_process({.command = {"/bin/sleep", "1000"}}, Log::discard()));
  auto large = notice("one");
  large.summary = std::string(1 << 20, 'x');
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) plugins->tell(large);
  CHECK(std::chrono::steady_clock::now() - begun < 1s);
  plugins.reset();
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
}

TEST_CASE("events wait for a director that is away, and none is written twice") {
  std::mutex mutex;
  std::vector<std::string> recorded;
  int calls = 0;
  auto plugins = running(make_event_log([&](const Json& event) {
    std::lock_guard lock(mutex);
    if (++calls == 2) throw Error(Fault::retryable, "away");
    recorded.push_back(event.at("object_name"));
  }));
  plugins->tell(notice("one"));
  plugins->tell(notice("two"));
  plugins->tell(notice("three"));
  REQUIRE(soon([&] {
    std::lock_guard lock(mutex);
    return recorded.size() >= 3;
  }));
  std::lock_guard lock(mutex);
  CHECK(recorded == std::vector<std::string>{"etcd/one", "etcd/two", "etcd/three"});
}

TEST_CASE("an event says what was decided and why, an alert as BOSH's event logger writes it") {
  const auto decision = event_of(notice("one"));
  CHECK(decision["action"] == "replace");
  CHECK(decision["object_type"] == "repair");
  CHECK(decision["instance"] == "etcd/one");
  CHECK(decision["context"]["reason"] == "its agent is not heard");
  auto alert = notice("one");
  alert.kind = Notice::Kind::alert;
  const auto event = event_of(alert);
  CHECK(event["action"] == "create");
  CHECK(event["object_type"] == "alert");
  CHECK(event["context"]["message"] ==
        "replace etcd/one. Alert @ 2023-11-14 22:13:20 UTC, severity 2: its agent is not heard");
}

TEST_CASE("figures are Prometheus' text, with labels that cannot break out") {
  Monitor::Figures figures;
  figures.agents.alive = 3;
  figures.leading = true;
  figures.failing["a\"b\nc"] = 1;
  figures.repairs_begun["reboot"] = 2;
  const auto text = prometheus_text(figures, {{"webhook", 5, 1}});
  for (const auto* line : {"slipway_health_leading 1\n", "slipway_health_agents{state=\"alive\"} 3\n",
                           "slipway_health_failing_instances{deployment=\"a\\\"b c\"} 1\n",
                           "slipway_health_repairs_begun_total{rung=\"reboot\"} 2\n",
                           "slipway_health_notices_lost_total{plugin=\"webhook\"} 1\n"})
    CHECK_MESSAGE(text.find(line) != std::string::npos, line, text);
}
