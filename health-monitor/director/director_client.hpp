#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/http/client.hpp"
#include "base/secret.hpp"
#include "base/tls.hpp"
#include "health-monitor/inventory/fleet.hpp"
#include "health-monitor/monitor.hpp"

namespace slipway::health {

struct BusIdentity {
  std::string url, ca_pem;
  tls::KeyPair identity;
  std::chrono::seconds lifetime{0};
};

// How repairs are asked for; another director ignores what it does not know of it.
struct RepairOptions {
  std::chrono::milliseconds state_wait{2000};  // for a silent agent to answer the director after all
  std::chrono::seconds reboot_wait{60};        // for an agent after its VM's reboot
  int full_disk_percent = 97;                  // used so far, a disk is full; beyond 100: none is
};

// The director, through its REST API only. Faults as http::Client tells them; 5xx and 429 are
// retryable too. Thread-safe.
class DirectorClient {
 public:
  DirectorClient(http::ClientConfig config, const std::string& user, const Secret& password);
  // Over another wire, as in simulation.
  using Send = std::function<http::ClientResponse(const http::ClientRequest&)>;
  DirectorClient(Send send, Secret authorization);

  Fleet fleet() const;
  // Nothing when there is no such deployment any more.
  std::optional<Deployment> deployment(const std::string& name) const;

  BusIdentity bus_identity() const;
  // Whether `holder` is the one that acts, for so long. Zero seconds: it gives that up.
  struct Lease {
    bool yours = false;
    bool paused = false;  // resurrection, for all
  };
  Lease lease(const std::string& holder, std::chrono::seconds duration) const;

  // The task, or nothing when the director wants no repairs now.
  std::optional<std::string> repair(const RepairOrder& order, const RepairOptions& options) const;
  // A repair of the deployment that is queued or runs, whoever asked for it.
  std::optional<std::string> repair_under_way(const std::string& deployment) const;
  struct TaskEnd {
    bool done = false;
    std::string result;
  };
  // Answers when the task has ended or after `wait`, then with nothing. `version` is 0 at first.
  std::optional<TaskEnd> watch(const std::string& task, std::uint64_t& version, std::chrono::seconds wait) const;

  void record_event(const Json& event) const;

 private:
  http::ClientResponse send(http::ClientRequest request) const;
  std::vector<Deployment> deployments() const;
  std::vector<Instance> instances(const std::string& deployment) const;
  const Send send_;
  Secret authorization_;
};

}  // namespace slipway::health
