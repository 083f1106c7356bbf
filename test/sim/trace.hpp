#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace slipway::sim {

// What happened, line by line. Two runs of one seed have the same lines, and so the same digest.
class Trace {
 public:
  // Every line as it comes; empty: only the last ones are kept.
  std::function<void(const std::string&)> show;

  void line(Instant now, std::string_view who, std::string_view what);
  // A fault struck: counted by its name, so that one that never does is seen.
  void fault(Instant now, const std::string& name, std::string_view what);

  std::uint64_t digest() const { return digest_; }
  std::uint64_t lines() const { return lines_; }
  const std::map<std::string, int>& faults() const { return faults_; }
  std::string last_lines() const;

 private:
  std::uint64_t digest_ = 14695981039346656037u, lines_ = 0;
  std::map<std::string, int> faults_;
  std::deque<std::string> last_;
};

}  // namespace slipway::sim
