#pragma once

#include <cstdint>
#include <mutex>

#include "base/json.hpp"
#include "stemcells/agent/paths.hpp"

namespace slipway::agent {

// What a heartbeat tells about the machine. Beside what BOSH's agents tell, a disk that is the machine's own and not a
// folder of its host's is "own". Most numbers are texts, as BOSH's agents send
// them; uptime is not. CPU shares are those since the previous reading. Thread-safe.
class Vitals {
 public:
  explicit Vitals(Paths paths) : paths_(std::move(paths)) {}
  Json read();

 private:
  struct CpuTimes {
    std::uint64_t user = 0, system = 0, wait = 0, total = 0;
  };
  static CpuTimes read_cpu_times();
  Json cpu();

  Paths paths_;
  std::mutex mutex_;
  CpuTimes last_;
};

// Resident memory and its share of the machine's, of one process: {"kb", "percent"}.
Json process_memory(int pid);

}  // namespace slipway::agent
