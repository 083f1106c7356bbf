#pragma once

#include <string>

#include "test/e2e/lab_world.hpp"

namespace slipway::test {

// Debian's rsyslogd on the lab's host, over TLS: it keeps what it is sent. With it all deployments have the job
// syslog_forwarder, by a runtime config. It ends with the lab.
class SyslogServer {
 public:
  explicit SyslogServer(LabWorld& lab);
  std::string received() const;  // a message a line

 private:
  void start();
  void have_it_sent_to();
  LabWorld& lab_;
  std::filesystem::path folder_;
  std::string ca_pem_;
};

}  // namespace slipway::test
