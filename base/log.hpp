#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace spdlog {
class logger;
}

namespace slipway {

// Structured log: one JSON object a line (time, level, event, fields). `event` is a
// stable dotted name ("agent.silent"); what varies goes into fields. Thread-safe.
class Log {
 public:
  using Field = std::pair<std::string_view, std::string>;
  using Fields = std::initializer_list<Field>;

  // `path` empty: standard error. `level`: debug, info, warn, error.
  static Log to(const std::string& component, const std::string& path = {}, std::string_view level = "info");
  static Log discard();

  void debug(std::string_view event, Fields fields = {}) const;
  void info(std::string_view event, Fields fields = {}) const;
  void warn(std::string_view event, Fields fields = {}) const;
  void error(std::string_view event, Fields fields = {}) const;

 private:
  explicit Log(std::shared_ptr<spdlog::logger> logger) : logger_(std::move(logger)) {}
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace slipway
