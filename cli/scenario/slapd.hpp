#pragma once

#include <memory>
#include <string>

#include "base/file.hpp"
#include "base/process.hpp"
#include "base/tls.hpp"
#include "test/authority.hpp"

namespace slipway::cli {

// Debian's slapd on the loopback, as user nobody, with a certificate of a CA of its own. People alana (in the groups
// operators and "Team Blue"), naomi (in readers) and plain (in none), each with the password NAME-secret; two who
// are called twin.
class Slapd {
 public:
  static constexpr const char* searcher = "cn=searcher,dc=lab";
  static constexpr const char* searcher_password = "searcher-secret";

  Slapd();
  ~Slapd();
  void start();  // returns when it answers
  void stop();
  void replace_group(const std::string& group, const std::string& member);  // while it is stopped
  std::string url() const { return "ldaps://127.0.0.1:" + std::to_string(port_); }
  // Without TLS at first, and no password is taken until it is there.
  std::string start_tls_url() const { return "ldap://127.0.0.1:" + std::to_string(plain_port_); }
  std::string ca_pem() const { return authority_.ca().certificate_pem; }

 private:
  void load(const std::string& ldif);
  void give_to_nobody() const;
  TempDir folder_{"slapd"};
  int port_ = 0, plain_port_ = 0;
  const test::Authority authority_{"LDAP CA"};
  std::string operators_ = "alana";
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace slipway::cli
