#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"

namespace slipway::health {

struct LivenessSettings {
  Duration interval = std::chrono::seconds{30};  // between two heartbeats of an agent
  Duration timeout = std::chrono::seconds{90};   // of silence: the agent is down
  Duration grace = std::chrono::seconds{30};     // for all, after anything that kept us from hearing
  Duration unmanaged_after = std::chrono::seconds{120};
  Duration sample_every = std::chrono::seconds{10};  // an agent's heartbeat is looked into this often

  // A heartbeat that is overdue is asked for, again and again until the timeout. One lost message is
  // common, all of these lost one after the other is not: docs/explanation/health-monitor.md has the sum.
  Duration probe_after() const { return interval + interval / 5; }
  Duration probe_every() const;
  // Bus round trips prove that silence is the agent's and not ours.
  Duration ear_check_every() const { return timeout / 6; }
  Duration judge_every() const;
};

// Which agents are heard of. Knows no I/O: time is an argument. Thread-safe; heard() is called for
// every heartbeat of the fleet.
class Liveness {
 public:
  explicit Liveness(LivenessSettings settings) : settings_(settings) {}

  // Whom the director knows. One that is new is not judged before the grace is over.
  void expect(const std::vector<std::string>& agents, Instant now);

  // A heartbeat. `fingerprint` changes whenever what the agent says of its jobs does. True: this one
  // is to be looked into.
  bool heard(std::string_view agent, std::uint64_t fingerprint, Instant now);

  // A round trip to the bus that began at `begun` came back.
  void bus_proved(Instant begun);
  // Nobody is judged until the grace is over: we could not hear, or those who speak could not.
  void forgive(Instant now);

  struct Judgement {
    std::vector<std::string> probe;      // to be asked for a heartbeat now
    std::vector<std::string> silent;     // have just become so
    std::vector<std::string> unmanaged;  // are heard and known to nobody, told once each
    bool deaf = false;                   // the bus does not answer; nobody is judged
  };
  Judgement judge(Instant now);

  // Overdue and without an answer to two probes: they may be down.
  std::vector<std::string> suspects(Instant now) const;
  bool is_alive(const std::string& agent) const;
  bool forgiving(Instant now) const;

  struct Counts {
    std::size_t alive = 0, silent = 0, unheard = 0, unmanaged = 0;
    std::uint64_t heartbeats = 0, probes = 0;
  };
  Counts counts() const;  // looks at every agent
  std::uint64_t heartbeats() const;

 private:
  enum class State { unheard, alive, silent };
  struct Agent {
    State state = State::unheard;
    Instant heard{}, probed{}, sampled{};
    std::uint64_t fingerprint = 0;
    int probes = 0;  // since it was heard
  };
  struct Stranger {
    Instant first{}, last{};
    bool told = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <class Value>
  using ByAgent = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  void note_stranger(std::string_view agent, Instant now);
  void judge_one(const std::string& id, Agent& agent, Instant now, Judgement& judgement);
  void judge_strangers(Instant now, Judgement& judgement);
  void forgive_locked(Instant now);

  const LivenessSettings settings_;
  mutable std::mutex mutex_;
  ByAgent<Agent> agents_;
  ByAgent<Stranger> strangers_;
  Instant judged_from_{}, bus_proved_{}, judged_at_{};
  bool deaf_ = true;  // until the first proof
  std::uint64_t heartbeats_ = 0, probes_ = 0;
};

// Tells a changed `job_state` by a glance, without parsing: a number made of its text.
std::uint64_t job_state_fingerprint(std::string_view heartbeat);

}  // namespace slipway::health
