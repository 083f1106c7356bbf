#pragma once

#include <memory>

#include "base/log.hpp"
#include "health-monitor/plugins/plugin.hpp"

namespace slipway::health {

struct ProcessOptions {
  std::vector<std::string> command;  // argv; the environment is empty but for PATH
  bool heartbeats = true;
};

// A program of the operator's that gets a line of JSON on its standard input for each notice and, if it
// wants to, each heartbeat that is looked into: as BOSH's json plugin. Started again when it ends; what
// could not be written to it is written to the next one. What it says on standard error goes to the log;
// on standard output it must say nothing, nobody reads it.
std::unique_ptr<Plugin> make_process(ProcessOptions options, Log log);

}  // namespace slipway::health
