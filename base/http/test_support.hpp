#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/http/client.hpp"
#include "base/http/server.hpp"
#include "base/tls.hpp"

namespace slipway::http {

// For tests: a CA with a server's and a client's certificate, made once for the program.
class TestPki {
 public:
  static const TestPki& shared();
  ServerConfig server() const;  // TLS on a free port of the loopback
  ServerConfig server_that_knows_clients(bool required) const;
  ClientConfig client(int port) const;          // trusts the CA
  ClientConfig known_client(int port) const;    // has a certificate for "worker"
  ClientConfig foreign_client(int port) const;  // has one of another CA
 private:
  TestPki();
  TempDir folder_;
  tls::KeyPair ca_, client_, foreign_;
};

// For tests: a socket that says exactly what the test says.
class RawClient {
 public:
  explicit RawClient(int port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  void send(std::string_view text);  // a closed connection is no error
  std::string read_until(std::string_view end);
  std::string read_to_end();

 private:
  int socket_;
};

long memory_kib(const std::string& key);  // a line of /proc/self/status, such as "VmRSS"

}  // namespace slipway::http
