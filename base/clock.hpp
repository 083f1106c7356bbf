#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

namespace slipway {

using Duration = std::chrono::nanoseconds;
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;  // wall clock, UTC
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;  // never jumps

// Time is an interface so that the real code runs in simulation.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
  virtual Instant monotonic() const = 0;

  // Waits on `condition` (with `lock` held) until notified or until `deadline`.
  // Spurious wake-ups happen: callers loop on their predicate.
  virtual void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                          Instant deadline) = 0;

  void sleep_for(Duration duration);
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  Instant monotonic() const override;
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                  Instant deadline) override;
};

// A clock for tests: stands still until told. A wait moves it to the deadline at once and
// gives other threads a turn; a wait until Instant::max() really waits for a notification.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp{std::chrono::hours{24 * 365 * 50}});
  Timestamp now() const override;
  Instant monotonic() const override;
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                  Instant deadline) override;
  void advance(Duration by);

 private:
  mutable std::mutex mutex_;
  Timestamp start_;
  Duration elapsed_{};
};

std::string to_rfc3339(Timestamp time);               // 2026-01-02T03:04:05Z
std::string to_director_time(Timestamp time);         // 2026-01-02 03:04:05 UTC
Timestamp parse_rfc3339(const std::string& text);     // Fault::invalid when it is none
std::int64_t to_epoch_seconds(Timestamp time);
Timestamp from_epoch_seconds(std::int64_t seconds);

}  // namespace slipway
