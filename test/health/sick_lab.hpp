#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "test/e2e/lab_world.hpp"

namespace slipway::test {

// A lab with a cluster of three etcd members in containers, the means to hurt them, and eyes for what is
// done about it.
class SickLab : public LabWorld {
 public:
  static SickLab& get();  // one for all cases; REQUIREs that it could be set up

  const std::string& deployment() const { return deployment_; }
  Json instances();
  Json instance(int index);
  static std::string name_of(const Json& instance) { return "etcd/" + instance.at("id").get<std::string>(); }

  // Each zone has one libvirt host, all on one storage. The third one can get another, h4, for virtual machines, which
  // can be lost: nobody reaches it then, and what runs there runs on until its fence device ends it.
  void add_fourth_host();
  void lose_host();
  void bring_host_back();
  bool host_was_switched_off() const;
  std::string host_of(const Json& instance) const;
  // By the director, where the cloud finds a place.
  void recreate(const Json& instance);

  // All three members say they are well, and what was written at the start is there.
  bool is_well();

  // What the monitor has written to its log since `begin()`, told by what happened ("silent", "reboot",
  // "hold" …); `name` empty: about anything.
  struct Said {
    Timestamp at{};
    std::string action, instance, summary;
  };
  std::vector<Said> said_since(Timestamp begin, const std::string& name = {});
  bool was_said(Timestamp begin, const std::string& action, const std::string& name = {});
  // The director's tasks of repair so far.
  std::size_t repairs();
  // Actions of the events that the director keeps of an instance, since then.
  std::set<std::string> events_since(Timestamp begin, const std::string& name);

  // One failure from the blow until the cluster is well again, without a hand. Prints a row of the table
  // in docs/explanation/health-monitor.md.
  struct Course {
    std::vector<Said> said;
    std::size_t repairs = 0;  // tasks
  };
  Course suffer(const std::string& failure, const std::string& name, const std::function<void()>& blow);

 private:
  SickLab();
  Json monitor_log();
  std::string deployment_;
};

Timestamp now();

}  // namespace slipway::test
