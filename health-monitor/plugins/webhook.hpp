#pragma once

#include <memory>

#include "base/http/client.hpp"
#include "health-monitor/plugins/plugin.hpp"

namespace slipway::health {

struct WebhookOptions {
  std::string url;       // https://host:port/path
  std::string ca_pem;    // empty: the system's authorities
  Secret authorization;  // the header's whole value; empty: none
  int least_severe = 4;  // notices of this severity and worse (smaller) are sent
};

// One POST a notice, its body the notice as JSON. Any status of 200 to 299 is success; 4xx means that it
// will not be taken, whatever is tried.
std::unique_ptr<Plugin> make_webhook(WebhookOptions options);

}  // namespace slipway::health
