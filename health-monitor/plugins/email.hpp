#pragma once

#include <memory>

#include "base/secret.hpp"
#include "health-monitor/plugins/plugin.hpp"

namespace slipway::health {

enum class MailTls { none, starttls, implicit };

struct EmailOptions {
  std::string host;
  int port = 25;
  MailTls tls = MailTls::starttls;
  std::string ca_file;  // empty: the system's authorities
  std::string user;     // empty: no login
  Secret password;
  std::string from;
  std::vector<std::string> to;     // not empty
  int least_severe = 3;            // notices of this severity and worse (smaller) are sent
  std::chrono::seconds pause{10};  // between two mails: what comes up meanwhile is in the next one
};

// Mails by SMTP. What has come up together is one mail.
std::unique_ptr<Plugin> make_email(EmailOptions options);

// The mail's text with its headers, lines ended by CR LF.
std::string mail_of(const std::vector<Notice>& notices, const EmailOptions& options, Timestamp now);

}  // namespace slipway::health
