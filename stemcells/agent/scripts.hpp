#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/apply_spec.hpp"

namespace slipway::agent {

using Cancelled = std::function<bool()>;

// Runs bin/<script> of every job that has it, all at once; output is appended to
// sys/log/<job>/<script>.{stdout,stderr}.log. Throws "N of M <script> scripts failed. Failed
// Jobs: a, b." (sorted) when any ends badly. Source: contracts/agent-cpi.md section 4.
void run_scripts(const Paths& paths, const std::vector<std::string>& jobs, const std::string& script,
                 const std::map<std::string, std::string>& environment);

struct ErrandResult {
  int exit_code = 0;
  std::string standard_output, standard_error;  // each at most 256 KiB: the beginning is dropped
};
ErrandResult run_errand(const Paths& paths, const std::string& job, const Cancelled& cancelled);

// The words a drain script gets.
struct DrainParameters {
  std::string job_change;       // job_new, job_changed, job_unchanged, job_shutdown, job_check_status
  std::string hash_change;      // hash_new, hash_changed, hash_unchanged
  std::vector<std::string> updated_packages;
  Json job_state = Json::object();       // BOSH_JOB_STATE
  Json job_next_state = Json::object();  // BOSH_JOB_NEXT_STATE, empty object: not set
};
DrainParameters drain_for_shutdown(const Json& current_spec);
DrainParameters drain_for_update(const Json& current_spec, const Json& new_spec);

// Runs the drain scripts of all jobs at once, each as often as it asks for by a negative
// number, and waits as long as they say. `clock` does the waiting. Throws when a script
// printed no integer; Fault::cancelled when `cancelled` became true.
void run_drain(const Paths& paths, const std::vector<std::string>& jobs, const DrainParameters& parameters,
               Clock& clock, const Cancelled& cancelled, const NodeLog& log);
// What a drain script printed. Nothing when it is no integer.
std::optional<long> drain_seconds(const std::string& printed);

// Names of the jobs in a stored spec, in their order.
std::vector<std::string> job_names(const Json& spec);

}  // namespace slipway::agent
