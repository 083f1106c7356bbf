#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

namespace slipway::pks {

// How many requests each route has answered how, and how long that took. Thread-safe.
class RequestCounts {
 public:
  void add(const std::string& method, const std::string& route, int status, std::chrono::nanoseconds took);
  std::string prometheus() const;  // text format 0.0.4

 private:
  struct Times {
    std::uint64_t count = 0;
    double seconds = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, std::uint64_t> answers_;
  std::map<std::pair<std::string, std::string>, Times> times_;
};

// A label's value between its quotes.
std::string label_text(const std::string& text);

}  // namespace slipway::pks
