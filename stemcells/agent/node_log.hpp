#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace slipway::agent {

// The agent's log: the same lines as base/log.hpp (one JSON object each, to standard error,
// which the journal keeps), without the logging library: on each of a thousand nodes that
// and the shared libraries it needs would cost two megabytes. Thread-safe.
class NodeLog {
 public:
  using Field = std::pair<std::string_view, std::string>;
  using Fields = std::initializer_list<Field>;

  static NodeLog to_stderr() { return NodeLog(true); }
  static NodeLog discard() { return NodeLog(false); }

  void info(std::string_view event, Fields fields = {}) const { write("info", event, fields); }
  void warn(std::string_view event, Fields fields = {}) const { write("warn", event, fields); }
  void error(std::string_view event, Fields fields = {}) const { write("error", event, fields); }

 private:
  explicit NodeLog(bool enabled) : enabled_(enabled) {}
  void write(std::string_view level, std::string_view event, Fields fields) const;
  bool enabled_;
};

}  // namespace slipway::agent
