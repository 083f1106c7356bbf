#pragma once

#include <string>

#include "test/e2e/lab_world.hpp"

namespace slipway::test {

// Debian's rsyslogd on the lab's host, over TLS: it keeps what it is sent. It ends with the lab.
class SyslogServer {
 public:
  SyslogServer(LabWorld& lab, int port);
  // The operator's: all deployments get the job syslog_forwarder, by a runtime config.
  void have_all_send_here();
  // A tenant's: the cluster gets it as a sink of that name.
  void be_sink_of(const std::string& cluster, const std::string& sink);
  std::string received() const;  // a message a line

 private:
  void start();
  LabWorld& lab_;
  int port_;
  std::filesystem::path folder_;
  std::string ca_pem_;
};

}  // namespace slipway::test
