#pragma once

#include <map>
#include <string>

#include "test/sim/director_process.hpp"
#include "test/sim/referee.hpp"

namespace slipway::sim {

// Who wants something of the director: deployments that grow, shrink and change, recreations, cancellations. What
// is wanted in the end is asked for again, once all faults are over, until it is there.
class Operator {
 public:
  Operator(VirtualTime& time, Trace& trace, DirectorProcess& director, Referee& referee, std::uint64_t seed);

  // Threads of the world: the first until `until`, the second until everything is as wanted.
  void work_until(Instant until);
  void put_in_order(Instant until);
  bool content() const { return content_; }

 private:
  struct Wanted {
    int instances = 3;
    int disk_mib = 1024;
    test::NamedDisks named = {};  // in the place of the one disk
    int property = 0;
  };
  std::string manifest_of(const std::string& deployment) const;
  // The task it became; empty when that is not known, or it was refused.
  std::optional<director::TaskId> ask(const std::string& method, const std::string& target, const std::string& body,
                                      const std::string& what);
  std::optional<http::ClientResponse> send(http::ClientRequest request);
  std::string state_of(director::TaskId task);
  bool deploy(const std::string& deployment, bool fix);
  void do_something();

  VirtualTime& time_;
  Trace& trace_;
  DirectorProcess& director_;
  Referee& referee_;
  Dice dice_;
  ProcessClock clock_;
  std::map<std::string, Wanted> wanted_;
  director::TaskId last_ = 0;
  int requests_ = 0;
  bool content_ = false;
};

}  // namespace slipway::sim
