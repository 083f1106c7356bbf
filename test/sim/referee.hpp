#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpi/simulated/interposed_cpi.hpp"
#include "test/sim/network.hpp"
#include "test/sim/trace.hpp"

namespace slipway::sim {

// A rule of the world was broken: the simulation ends.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Knows what must never happen, and looks after every event. Looks only.
class Referee {
 public:
  Referee(VirtualTime& time, Trace& trace, test::DirectorWorld& ground, Network& network);

  // After every event and every turn. Throws Broken.
  void look();

  // Told by the director's wires.
  void store_changed(std::string_view statement);
  void cpi_asked(const cpi::CallOnItsWay& call);   // whether it can reach the cloud or not
  void cpi_called(const cpi::CallOnItsWay& call);  // right before its effect
  // A client has the number of a task.
  void acknowledged(director::TaskId task, const std::string& what);
  // The operator wants these instances no more: what becomes of their disks is his affair.
  void given_up(const std::string& deployment) { given_up_.insert(deployment); }

  // When all faults are over and everybody is at rest: what is not as it shall be.
  std::vector<std::string> unrest();
  std::vector<std::string> shortcomings();

 private:
  struct Known {
    std::string what;
    director::TaskState state = director::TaskState::queued;
    bool final = false;
  };
  void look_at_tasks();
  void look_at_disks();
  void remember_data();
  void expect_audible_is_spared(const cpi::CallOnItsWay& call);
  void expect_disks_were_to_go(const cpi::VmCid& vm);
  void expect_disk_is_free(const cpi::DiskCid& disk);
  void look_for_secrets(std::vector<std::string>& found);

  VirtualTime& time_;
  Trace& trace_;
  test::DirectorWorld& ground_;
  Network& network_;
  bool tasks_changed_ = true, disks_changed_ = true;
  std::map<director::TaskId, Known> tasks_;
  std::map<std::string, std::string> origins_;  // by instance: the disk its data were first written to
  std::set<std::string> given_up_;
  std::set<std::pair<cpi::VmCid, cpi::DiskCid>> taken_off_;  // or tried to
};

}  // namespace slipway::sim
