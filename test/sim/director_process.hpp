#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/http/client.hpp"
#include "cpi/simulated/simulated_cpi.hpp"
#include "test/sim/network.hpp"
#include "test/sim/referee.hpp"

namespace slipway::sim {

// The director as a process that lives, dies and is started again: its task queue, bodies, stores, locks and REST
// API are the real ones. What a life leaves is on the ground: the store's file, blobs, cloud and agents.
class DirectorProcess {
 public:
  DirectorProcess(VirtualTime& time, Trace& trace, test::DirectorWorld& ground, Network& network, Referee& referee,
                  std::uint64_t seed);
  ~DirectorProcess();

  void start();
  void kill();
  // It dies at the `effect`-th thing it does to the world from now on, before it or after it.
  void kill_at(int effect, bool after);
  bool lives() const;
  std::vector<std::string> care_to_do() const;  // by its schedule, sooner or later
  std::function<void(bool lives)> changed;  // it has just been started, or died

  // As its API answers; of the calling thread, which waits. Fault::retryable when nobody listens,
  // Fault::outcome_unknown when it died over it.
  http::ClientResponse serve(const http::ClientRequest& request, const std::string& user, const std::string& scope);

  void set_cpi_faults(cpi::FaultPlan plan);

 private:
  struct Life;
  void died(int number);

  VirtualTime& time_;
  Trace& trace_;
  test::DirectorWorld& ground_;
  Network& network_;
  Referee& referee_;
  const std::uint64_t seed_;
  cpi::FaultPlan faults_;
  int lives_ = 0;
  std::shared_ptr<Life> life_;
};

}  // namespace slipway::sim
