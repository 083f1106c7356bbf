#include "stemcells/agent/metadata_service.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/file.hpp"
#include "base/json.hpp"
#include "stemcells/agent/settings.hpp"
#include "test/clouds/instance_metadata.hpp"
#include "test/free_port.hpp"

using namespace slipway;
using namespace slipway::agent;
using namespace std::chrono_literals;

namespace metadata_service_test {

namespace net = boost::asio;

constexpr const char* token_path = "/latest/api/token";
constexpr const char* user_data = "/latest/user-data";
constexpr auto no_patience = 0ms;

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Answers PUT and GET with bytes that were decided before, whatever is asked, and keeps the questions.
class Impostor {
 public:
  Impostor(std::string put, std::string get)
      : put_(std::move(put)), get_(std::move(get)), thread_([this] { serve(); }) {}
  ~Impostor() {
    ending_ = true;
    net::ip::tcp::socket last(io_);
    boost::system::error_code ignored;
    last.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  MetadataService service() const {
    return {.uri = "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()), .token_path = token_path};
  }
  std::vector<std::string> questions() {
    const std::lock_guard lock(mutex_);
    return questions_;
  }

 private:
  void serve() {
    for (;;) {
      auto client = acceptor_.accept();
      if (ending_) return;
      boost::system::error_code ignored;
      std::string head;
      net::read_until(client, net::dynamic_buffer(head), "\r\n\r\n", ignored);
      {
        // Before the answer, after which whoever asked may look.
        const std::lock_guard lock(mutex_);
        questions_.push_back(head);
      }
      net::write(client, net::buffer(head.starts_with("PUT") ? put_ : get_), ignored);
    }
  }

  std::string put_, get_;
  std::mutex mutex_;
  std::vector<std::string> questions_;
  std::atomic<bool> ending_ = false;
  net::io_context io_;
  net::ip::tcp::acceptor acceptor_{io_, {net::ip::address_v4::loopback(), 0}};
  std::thread thread_;
};

// The fault and text of what reading throws.
struct Complaint {
  Fault fault = Fault::internal;
  std::string text;
};
Complaint complaint_of(const MetadataService& service, std::chrono::milliseconds patience = no_patience) {
  try {
    read_metadata(service, user_data, patience);
  } catch (const Error& error) {
    return {error.fault(), error.what()};
  }
  FAIL("accepted");
  return {};
}

Complaint complaint_of(const std::string& put, const std::string& get) {
  Impostor impostor(put, get);
  return complaint_of(impostor.service());
}

TEST_CASE("user data is read with a token, without one it is refused") {
  test::InstanceMetadata ec2("127.0.0.1", 0, R"({"agent_id":"a-1"})");
  CHECK(read_metadata({.uri = ec2.url(), .token_path = token_path}, user_data, no_patience) == R"({"agent_id":"a-1"})");
  CHECK(ec2.exchanges() == std::vector<std::string>{"PUT /latest/api/token 200", "GET /latest/user-data 200"});
  CHECK(complaint_of({.uri = ec2.url()}).fault == Fault::forbidden);
}

TEST_CASE("headers of agent.json are sent, and what would be another header is not") {
  Impostor impostor(ok("token"), ok("{}"));
  auto service = impostor.service();
  service.headers = {{"Metadata-Flavor", "Any"}};
  read_metadata(service, user_data, no_patience);
  for (const auto& question : impostor.questions())
    CHECK(question.find("Metadata-Flavor: Any\r\n") != std::string::npos);
  for (const auto& [name, value] : std::map<std::string, std::string>{{"A", "b\r\nC: d"}, {"A:b", "c"}, {"", "x"}}) {
    service.headers = {{name, value}};
    CHECK(complaint_of(service).fault == Fault::invalid);
  }
}

TEST_CASE("a service that comes late is waited for") {
  const int port = test::free_port();
  std::unique_ptr<test::InstanceMetadata> ec2;
  std::thread later([&] {
    std::this_thread::sleep_for(500ms);
    ec2 = std::make_unique<test::InstanceMetadata>("127.0.0.1", port, "{}");
  });
  const std::string uri = "http://127.0.0.1:" + std::to_string(port);
  CHECK(read_metadata({.uri = uri, .token_path = token_path}, user_data, 20s) == "{}");
  later.join();
}

TEST_CASE("nobody answers: the patience ends, and a service that is ill is asked again meanwhile") {
  const auto nobody = complaint_of({.uri = "http://127.0.0.1:" + std::to_string(test::free_port())}, 500ms);
  CHECK(nobody.fault == Fault::retryable);
  Impostor ill("HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", "");
  CHECK(complaint_of(ill.service(), 700ms).text.find("HTTP status 503") != std::string::npos);
  CHECK(ill.questions().size() >= 2);
}

TEST_CASE("a service that takes the question and says nothing holds nobody up") {
  net::io_context io;
  const net::ip::tcp::acceptor silent(io, {net::ip::address_v4::loopback(), 0});
  const auto begin = std::chrono::steady_clock::now();
  const auto uri = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  CHECK(complaint_of({.uri = uri}).fault == Fault::retryable);
  CHECK(std::chrono::steady_clock::now() - begin < 20s);
}

TEST_CASE("what a service refuses is not asked again") {
  for (const auto& [status, fault] : std::map<int, Fault>{
           {401, Fault::forbidden}, {403, Fault::forbidden}, {404, Fault::not_found}, {302, Fault::invalid}}) {
    CAPTURE(status);
    const auto refusal =
        "HTTP/1.1 " + std::to_string(status) + " No\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n";
    Impostor impostor(ok("token"), refusal);
    CHECK(complaint_of(impostor.service(), 5s).fault == fault);
    CHECK(impostor.questions().size() == 2);
  }
}

TEST_CASE("a token that would be another header, or too long a one, is none") {
  for (const std::string& token :
       {std::string("a\r\nX-Evil: b"), std::string("two words"), std::string(), std::string("\x01\xff")}) {
    CAPTURE(token);
    Impostor impostor(ok(token), ok("{}"));
    CHECK(complaint_of(impostor.service()).fault == Fault::invalid);
    CHECK(impostor.questions().size() == 1);
  }
  CHECK(complaint_of(ok(std::string(2000, 'a')), ok("{}")).fault == Fault::invalid);
}

TEST_CASE("what is no answer is bounded in size and time, and nothing of it is quoted") {
  const std::string secret = "not-for-logs";
  std::map<std::string, std::string> answers{
      {"no HTTP", secret + "\r\n\r\n"},
      {"a document beyond the limit",
       "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + secret + std::string(1999988, ' ')},
      {"chunks beyond the limit",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + secret + std::string(0x200000, ' ')},
      {"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + secret},
      {"a header without end", "HTTP/1.1 200 OK\r\nA: " + secret + std::string(100000, 'a')}};
  for (const auto& [what, answer] : answers) {
    CAPTURE(what);
    const auto complaint = complaint_of(ok("token"), answer);
    CHECK(complaint.fault == Fault::invalid);
    CHECK(complaint.text.find(secret) == std::string::npos);
    CHECK(complaint.text.find(user_data) != std::string::npos);
  }
  CHECK(complaint_of(ok("token"), "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + secret).fault == Fault::retryable);
}

TEST_CASE("an address that is none, and a path that is none, are told before anybody is asked") {
  for (const char* uri :
       {"", "https://169.254.169.254", "http://metadata.example", "http://127.0.0.1:0", "http://127.0.0.1:99999",
        "http://127.0.0.1:8a", "http://127.0.0.1/latest", "http://", "http://user@127.0.0.1"}) {
    CAPTURE(uri);
    const auto complaint = complaint_of({.uri = uri});
    CHECK(complaint.fault == Fault::invalid);
    CHECK(complaint.text.find("http://ADDRESS[:PORT]") != std::string::npos);
  }
  CHECK_THROWS_AS(read_metadata({.uri = "http://127.0.0.1:1"}, "no slash", no_patience), Error);
  CHECK_THROWS_AS(read_metadata({.uri = "http://127.0.0.1:1"}, "/a b\r\nX: y", no_patience), Error);
}

// agent.json's sources, as in the stemcells.
AgentConfig config_with(const Json& sources) {
  return parse_agent_config({{"Infrastructure", {{"Settings", {{"Sources", sources}}}}}});
}

Json source_of(const std::string& uri) {
  return {{"Type", "HTTP"}, {"URI", uri}, {"TokenPath", token_path}, {"UserDataPath", user_data}};
}

TEST_CASE("settings come by HTTP, are saved, and nonsense makes room for the next source") {
  const TempDir folder;
  const Paths paths{.base = folder.path()};
  std::filesystem::create_directories(paths.bosh());
  const Json settings{{"agent_id", "a-1"}, {"mbus", "nats://root:1"}};
  test::InstanceMetadata good("127.0.0.1", 0, dump(settings));
  test::InstanceMetadata odd("127.0.0.1", 0, R"({"agent_id":"../secret-42"})");
  test::InstanceMetadata script("127.0.0.1", 0, "#!/bin/sh secret-43");

  CHECK(fetch_boot_settings(config_with({source_of(odd.url()), source_of(script.url()), source_of(good.url())}), paths,
                            no_patience) == settings);
  const Json instance{
      {"Type", "InstanceMetadata"}, {"URI", good.url()}, {"TokenPath", token_path}, {"SettingsPath", user_data}};
  CHECK(fetch_boot_settings(config_with(Json::array({instance})), paths, no_patience) == settings);
  // What an earlier boot saved serves where nothing else does.
  CHECK(fetch_boot_settings(config_with(Json::array({source_of(script.url())})), paths, no_patience) == settings);

  std::filesystem::remove(paths.settings());
  try {
    fetch_boot_settings(config_with({source_of(script.url()), {{"Type", "CDROM"}, {"FileName", "../env"}}}), paths,
                        no_patience);
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("not JSON") != std::string::npos);
    CHECK(text.find("FileName '../env'") != std::string::npos);
    CHECK(text.find("secret-43") == std::string::npos);
  }
}

TEST_CASE("a CD-ROM drive that does not come is told by its name") {
  const TempDir folder;
  const Json cdrom{{"Type", "CDROM"}, {"FileName", "env"}, {"DiskPaths", {"/dev/no-such-drive"}}};
  try {
    fetch_boot_settings(config_with(Json::array({cdrom})), {.base = folder.path()}, 200ms);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("there is no drive /dev/no-such-drive") != std::string::npos);
  }
}

}  // namespace metadata_service_test
