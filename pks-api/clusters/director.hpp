#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/http/client.hpp"
#include "base/secret.hpp"

namespace slipway::pks {

struct DirectorTask {
  std::int64_t id = 0;
  std::string state, result;
  bool is_final() const;
  bool is_done() const { return state == "done"; }
  bool is_cancelled() const { return state == "cancelled"; }
};

struct DirectorInstance {
  std::string id, group;
  std::vector<std::string> ips;
};

// What the health monitor did about an instance, or did not, and why.
struct DirectorRepair {
  Timestamp at{};
  std::string action, instance, reason, error;  // instance: "group/id", or empty: all of the deployment
};

struct CertificateExpiry {
  std::string variable;  // by its full name
  std::string expires;   // RFC 3339
  std::int64_t days_left = 0;
};

// The director, through its REST API only. Faults: retryable and outcome_unknown as
// http::Client tells them (5xx and 429 are retryable too), invalid when the director says
// that the request is wrong, unauthenticated when it does not take our password.
// Thread-safe.
class DirectorClient {
 public:
  DirectorClient(http::ClientConfig config, const std::string& user, const Secret& password);

  std::string name() const;
  // The newest task, in any state, that was submitted with this context id.
  std::optional<DirectorTask> find_task(const std::string& context_id) const;
  std::int64_t deploy(const std::string& manifest, const std::string& context_id) const;
  // With its disks. Nothing when there is no such deployment.
  std::optional<std::int64_t> remove(const std::string& deployment, const std::string& context_id) const;
  void cancel(std::int64_t task) const;  // ended already: no error
  // Ends it as cancelled between two instances. The director may forget this: ask again until it has ended.
  void stop_between_instances(std::int64_t task) const;

  // Answers when the task has changed since `version` (updated), at the latest after
  // `wait_seconds`. `version` becomes 0 where the director does not know long polls.
  // Nothing when there is no such task.
  std::optional<DirectorTask> watch(std::int64_t task, std::uint64_t& version, int wait_seconds) const;
  // The lines of the task's event output that are complete and lie behind `offset` (updated).
  std::vector<std::string> events_since(std::int64_t task, std::uint64_t& offset) const;
  std::vector<DirectorInstance> instances(const std::string& deployment) const;
  // The newest ones first, `most` at most. Waits 3 s at most: they are only shown.
  std::vector<DirectorRepair> repairs(const std::string& deployment, std::size_t most) const;
  Json releases() const;   // [{name, release_versions: [{version}]}]
  Json stemcells() const;  // [{name, operating_system, version}]
  // Those that a deployment runs with, by the full names of their variables; none where the director does not tell.
  std::vector<CertificateExpiry> certificates(const std::string& deployment) const;
  // A variable of the config store, by its full name.
  std::optional<Json> variable(const std::string& name) const;

 private:
  http::ClientResponse send(http::ClientRequest request) const;
  void end_task(const std::string& target) const;
  http::Client client_;
  Secret authorization_;
};

}  // namespace slipway::pks
