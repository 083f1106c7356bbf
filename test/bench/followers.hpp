#pragma once

#include <cstdint>
#include <functional>
#include <string>

// The other side of goal 9: many clients that follow one output, in one thread of one process.
namespace slipway::bench {

enum class Manner {
  raw,   // the lines come over the socket as they are
  feed,  // one request, whose answer ends with the output
  poll,  // as the bosh CLI: every 500 ms the task's state, then the output from where it was
};

struct FollowersPlan {
  Manner manner;
  int port;
  std::string state;   // target of the task
  std::string output;  // target of its output
  int followers;
  int lines;
};

// A line is `{"n":N,"at":T,…}`: N counts from 0, T is CLOCK_MONOTONIC in microseconds.
std::string line_of(int number);

struct Seen {
  std::int64_t wrong = 0;  // lines lost, repeated or out of order
  double median_ms = 0, p99_ms = 0;
};

// Connects, calls `ready` once each follower is subscribed, and returns when each has had the last
// line. Fault::internal after two minutes, or when the server answers anything unexpected.
Seen follow(const FollowersPlan& plan, const std::function<void()>& ready);

}  // namespace slipway::bench
