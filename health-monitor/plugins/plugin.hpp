#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace slipway::health {

// Something that happened, or that was decided. Severity as BOSH counts: 1 alert, 2 critical, 3 error,
// 4 warning; here also 5, for what is only told.
struct Notice {
  enum class Kind {
    alert,     // of an agent, of the director, or of what we see ourselves
    decision,  // to repair or not to
  };
  Kind kind = Kind::alert;
  std::string id;
  int severity = 4;
  std::string action;  // what happened, one word: "silent", "back", "replace", "hold" …
  std::string title, summary, source;
  std::string deployment, instance;  // instance: "group/id"; both may be empty
  Timestamp at{};
};
// As BOSH's plugins get it, with `action`, `instance` and the kind "decision" added.
Json to_json(const Notice& notice);

// A heartbeat that was looked into, as BOSH's plugins get it.
struct HeartbeatSample {
  std::string agent, deployment, group, instance_id;
  int index = 0;
  std::vector<std::string> teams;
  Json payload;  // what the agent sent
  Timestamp at{};
};
Json to_json(const HeartbeatSample& sample);

// Who is told. Each has a thread of its own (plugins.hpp) and may take its time.
class Plugin {
 public:
  virtual ~Plugin() = default;
  virtual std::string name() const = 0;
  // All that has come up since the last call, in order. Fault::retryable: the same are told again later;
  // any other error: they are lost.
  virtual void tell(const std::vector<Notice>& notices) = 0;
  virtual bool wants_heartbeats() const { return false; }
  virtual void tell_heartbeats(const std::vector<HeartbeatSample>&) {}
  virtual std::chrono::milliseconds pause_between() const { return std::chrono::milliseconds{0}; }
  // From another thread, at the end: a tell() that hangs returns.
  virtual void abandon() {}
};

}  // namespace slipway::health
