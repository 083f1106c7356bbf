#pragma once

#include <memory>

#include "base/log.hpp"
#include "pks-api/config.hpp"

namespace slipway::pks {

// The running API: both ports listen when the constructor returns, and what was in progress
// is being carried on.
class Daemon {
 public:
  Daemon(const PksConfig& config, Log log);
  ~Daemon();  // ends requests; operations stay in the store for the next start

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Files and plans the configuration names, read and checked; Fault::invalid or not_found.
void check_files(const PksConfig& config);

}  // namespace slipway::pks
