#include "pks-api/api/request_counts.hpp"

namespace slipway::pks {

namespace {

std::string labels(const std::string& method, const std::string& route) {
  return "method=\"" + label_text(method) + "\",route=\"" + label_text(route) + "\"";
}

}  // namespace

std::string label_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

void RequestCounts::add(const std::string& method, const std::string& route, int status,
                        std::chrono::nanoseconds took) {
  const std::lock_guard lock(mutex_);
  ++answers_[{method, route, status}];
  auto& times = times_[{method, route}];
  ++times.count;
  times.seconds += std::chrono::duration<double>(took).count();
}

std::string RequestCounts::prometheus() const {
  const std::lock_guard lock(mutex_);
  std::string text =
      "# HELP slipway_pks_requests_total Requests by route and status.\n"
      "# TYPE slipway_pks_requests_total counter\n";
  for (const auto& [key, count] : answers_) {
    const auto& [method, route, status] = key;
    text += "slipway_pks_requests_total{" + labels(method, route) + ",status=\"" + std::to_string(status) +
            "\"} " + std::to_string(count) + "\n";
  }
  text +=
      "# HELP slipway_pks_request_seconds Time that requests took, long polls with their wait.\n"
      "# TYPE slipway_pks_request_seconds summary\n";
  for (const auto& [key, times] : times_) {
    const auto both = "{" + labels(key.first, key.second) + "} ";
    text += "slipway_pks_request_seconds_sum" + both + std::to_string(times.seconds) + "\n";
    text += "slipway_pks_request_seconds_count" + both + std::to_string(times.count) + "\n";
  }
  return text;
}

}  // namespace slipway::pks
