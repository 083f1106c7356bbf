#include "base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cstdio>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace slipway {

namespace {

spdlog::level::level_enum level_named(std::string_view name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  throw Error(Fault::invalid, "log level \"" + std::string(name) + "\" is none of debug, info, warn, error");
}

std::string timestamp() {
  const auto now = SystemClock().now();
  auto text = to_rfc3339(now);
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(now.time_since_epoch().count() % 1000));
  text.replace(text.size() - 1, 1, fraction);
  return text;
}

void append(std::string& line, std::string_view key, std::string_view value) {
  line += line.empty() ? '{' : ',';
  line += dump(Json(key));
  line += ':';
  line += dump(Json(value));
}

bool is_reserved(std::string_view key) {
  static constexpr std::array<std::string_view, 4> reserved = {"time", "level", "component", "event"};
  for (const auto name : reserved) {
    if (key == name) return true;
  }
  return false;
}

void write(spdlog::logger& logger, spdlog::level::level_enum level, std::string_view name, std::string_view event,
           Log::Fields fields) {
  if (!logger.should_log(level)) return;
  std::string line;
  append(line, "time", timestamp());
  append(line, "level", name);
  append(line, "component", logger.name());
  append(line, "event", event);
  for (const auto& [key, value] : fields) {
    // A line never has one key twice.
    append(line, is_reserved(key) ? std::string(key) + "_" : std::string(key), value);
  }
  line += '}';
  logger.log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

Log Log::to(const std::string& component, const std::string& path, std::string_view level) {
  const auto threshold = level_named(level);
  try {
    spdlog::sink_ptr sink;
    if (path.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    }
    auto logger = std::make_shared<spdlog::logger>(component, std::move(sink));
    logger->set_level(threshold);
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::trace);
    return Log(std::move(logger));
  } catch (const spdlog::spdlog_ex& failure) {
    throw Error(Fault::internal, std::string("opening the log: ") + failure.what());
  }
}

Log Log::discard() {
  auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::null_sink_mt>());
  logger->set_level(spdlog::level::off);
  return Log(std::move(logger));
}

void Log::debug(std::string_view event, Fields fields) const {
  write(*logger_, spdlog::level::debug, "debug", event, fields);
}
void Log::info(std::string_view event, Fields fields) const {
  write(*logger_, spdlog::level::info, "info", event, fields);
}
void Log::warn(std::string_view event, Fields fields) const {
  write(*logger_, spdlog::level::warn, "warn", event, fields);
}
void Log::error(std::string_view event, Fields fields) const {
  write(*logger_, spdlog::level::err, "error", event, fields);
}

}  // namespace slipway
