#include "base/clock.hpp"

#include <cstdio>
#include <thread>

#include "base/error.hpp"

namespace slipway {

using namespace std::chrono;

void Clock::sleep_for(Duration duration) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto deadline = monotonic() + duration;
  while (monotonic() < deadline) wait_until(lock, never, deadline);
}

Timestamp SystemClock::now() const { return floor<milliseconds>(system_clock::now()); }
Instant SystemClock::monotonic() const { return steady_clock::now(); }

void SystemClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                             Instant deadline) {
  condition.wait_until(lock, deadline);
}

ManualClock::ManualClock(Timestamp start) : start_(start) {}

Timestamp ManualClock::now() const {
  const std::lock_guard guard(mutex_);
  return start_ + floor<milliseconds>(elapsed_);
}

Instant ManualClock::monotonic() const {
  const std::lock_guard guard(mutex_);
  return Instant{elapsed_};
}

void ManualClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                             Instant deadline) {
  // There is no time to move to: only a notification can end such a wait.
  if (deadline == Instant::max()) {
    condition.wait(lock);
    return;
  }
  {
    const std::lock_guard guard(mutex_);
    if (deadline.time_since_epoch() > elapsed_) elapsed_ = deadline.time_since_epoch();
  }
  // As in a real wait, whoever wants the caller's mutex gets a turn.
  lock.unlock();
  std::this_thread::yield();
  lock.lock();
}

void ManualClock::advance(Duration by) {
  const std::lock_guard guard(mutex_);
  elapsed_ += by;
}

namespace {

std::string format_utc(Timestamp time, const char* pattern) {
  const auto seconds_part = floor<seconds>(time);
  const auto day = floor<days>(seconds_part);
  const year_month_day date(day);
  const hh_mm_ss clock_time(seconds_part - day);
  char text[64];
  std::snprintf(text, sizeof text, pattern, static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock_time.hours().count()),
                static_cast<int>(clock_time.minutes().count()), static_cast<int>(clock_time.seconds().count()));
  return text;
}

// Reads a timestamp from left to right; any mismatch makes it a failure for good.
class TimeScanner {
 public:
  explicit TimeScanner(const std::string& text) : text_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return fail();
      value = value * 10 + (text_[at_++] - '0');
    }
    return value;
  }
  bool take(std::string_view any_of) {
    if (at_ >= text_.size() || any_of.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view any_of) {
    if (!take(any_of)) fail();
  }
  milliseconds fraction() {
    int digits = 0, value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      if (digits < 3) value = value * 10 + (text_[at_] - '0');
      ++digits;
      ++at_;
    }
    if (digits == 0) fail();
    for (; digits < 3; ++digits) value *= 10;
    return milliseconds(value);
  }
  bool good_to_the_end() const { return good_ && at_ == text_.size(); }

 private:
  int fail() {
    good_ = false;
    return 0;
  }
  const std::string& text_;
  std::size_t at_ = 0;
  bool good_ = true;
};

}  // namespace

std::string to_rfc3339(Timestamp time) { return format_utc(time, "%04d-%02u-%02uT%02d:%02d:%02dZ"); }
std::string to_director_time(Timestamp time) { return format_utc(time, "%04d-%02u-%02u %02d:%02d:%02d UTC"); }

Timestamp parse_rfc3339(const std::string& text) {
  TimeScanner in(text);
  const int y = in.number(4);
  in.expect("-");
  const int mo = in.number(2);
  in.expect("-");
  const int d = in.number(2);
  in.expect("Tt ");
  const int h = in.number(2);
  in.expect(":");
  const int mi = in.number(2);
  in.expect(":");
  const int s = in.number(2);
  const milliseconds fraction = in.take(".") ? in.fraction() : milliseconds(0);
  minutes offset{0};
  bool offset_good = true;
  if (!in.take("Zz")) {
    const int sign = in.take("-") ? -1 : 1;
    if (sign > 0) in.expect("+");
    const int oh = in.number(2);
    in.expect(":");
    const int om = in.number(2);
    offset_good = oh <= 23 && om <= 59;
    offset = minutes(sign * (oh * 60 + om));
  }
  const year_month_day date(year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d)));
  const bool good = in.good_to_the_end() && date.ok() && h <= 23 && mi <= 59 && s <= 60 && offset_good;
  if (!good) throw Error(Fault::invalid, "not an RFC 3339 time: \"" + text.substr(0, 64) + "\"");
  return Timestamp(sys_days(date)) + hours(h) + minutes(mi) + seconds(s) + fraction - offset;
}

std::int64_t to_epoch_seconds(Timestamp time) { return floor<seconds>(time).time_since_epoch().count(); }
Timestamp from_epoch_seconds(std::int64_t value) { return Timestamp(seconds(value)); }

}  // namespace slipway
