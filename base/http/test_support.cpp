#include "base/http/test_support.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fstream>
#include <stdexcept>

namespace slipway::http {
namespace {

Timestamp now() { return SystemClock().now(); }

tls::CertificateRequest request_for(const std::string& name, tls::Usage usage) {
  tls::CertificateRequest request;
  request.subject = {.common_name = name, .organization = "Test"};
  if (usage == tls::Usage::server) request.alternative_names = {"127.0.0.1", "localhost"};
  request.usage = usage;
  return request;
}

}  // namespace

const TestPki& TestPki::shared() {
  static const TestPki pki;
  return pki;
}

TestPki::TestPki() {
  ca_ = tls::create_ca({.common_name = "test CA", .organization = "Test"}, std::chrono::hours(24), now());
  const auto other =
      tls::create_ca({.common_name = "other CA", .organization = "Test"}, std::chrono::hours(24), now());
  const auto server = tls::issue(ca_, request_for("server", tls::Usage::server), now());
  client_ = tls::issue(ca_, request_for("worker", tls::Usage::client), now());
  foreign_ = tls::issue(other, request_for("worker", tls::Usage::client), now());
  write_file_atomically(folder_.path() / "server.pem", server.certificate_pem);
  write_file_atomically(folder_.path() / "server.key", server.private_key_pem.reveal(), 0600);
  write_file_atomically(folder_.path() / "ca.pem", ca_.certificate_pem);
}

ServerConfig TestPki::server() const {
  ServerConfig config;
  config.certificate_file = folder_.path() / "server.pem";
  config.private_key_file = folder_.path() / "server.key";
  return config;
}

ServerConfig TestPki::server_that_knows_clients(bool required) const {
  auto config = server();
  config.client_ca_file = folder_.path() / "ca.pem";
  config.client_certificate_required = required;
  return config;
}

ClientConfig TestPki::client(int port) const {
  ClientConfig config;
  config.base_url = "https://127.0.0.1:" + std::to_string(port);
  config.ca_pem = ca_.certificate_pem;
  return config;
}

ClientConfig TestPki::known_client(int port) const {
  auto config = client(port);
  config.client_certificate_pem = client_.certificate_pem;
  config.client_private_key_pem = client_.private_key_pem;
  return config;
}

ClientConfig TestPki::foreign_client(int port) const {
  auto config = client(port);
  config.client_certificate_pem = foreign_.certificate_pem;
  config.client_private_key_pem = foreign_.private_key_pem;
  return config;
}

RawClient::RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error("connect failed");
  const timeval limit{20, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

RawClient::~RawClient() { ::close(socket_); }

void RawClient::send(std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string RawClient::read_until(std::string_view end) {
  std::string all;
  char c = 0;
  while (!all.ends_with(end) && ::recv(socket_, &c, 1, 0) == 1) all += c;
  return all;
}

std::string RawClient::read_to_end() {
  std::string all;
  char buffer[4096];
  for (;;) {
    const auto size = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (size < 0) throw std::runtime_error("the connection was not closed in good order");
    if (size == 0) return all;
    all.append(buffer, static_cast<std::size_t>(size));
  }
}

long memory_kib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":")) return std::stol(line.substr(key.size() + 1));
  throw std::runtime_error("no " + key);
}

}  // namespace slipway::http
