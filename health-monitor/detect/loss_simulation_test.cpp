#include <doctest/doctest.h>

#include <cmath>

#include "base/random.hpp"
#include "health-monitor/detect/liveness.hpp"

// How often an agent that is well is called silent because messages are lost, each for itself. At the
// loss that is asked about nothing of the kind happens within any time a test has, so it is counted at a
// loss that is far higher and weighed by how likely each lost message would have been (importance
// sampling). The detector is the real one.

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace loss_simulation_test {

namespace {

const LivenessSettings settings{.interval = 1s, .timeout = 3s, .grace = 5s};

double uniform(Random& random) { return static_cast<double>(random.next() >> 11) * 0x1p-53; }

struct Loss {
  double asked;  // the loss the answer is for
  double drawn;  // the loss that is simulated
};

// From a message that was heard until the next one or until the alarm.
class Episode {
 public:
  Episode(Random& random, Loss loss, bool probes_work) : random_(random), loss_(loss), probes_work_(probes_work) {}

  // 0 unless it ended with an alarm; else how many times likelier or less likely that would have been.
  double run() {
    Instant now{1h};
    Liveness liveness(settings);
    liveness.bus_proved(now);
    liveness.judge(now);
    liveness.expect({"a"}, now);
    for (int i = 0; i < 20; ++i) {  // behind the grace, and well
      now += 500ms;
      liveness.bus_proved(now);
      liveness.heard("a", 0, now);
      liveness.judge(now);
    }
    auto beat = now + part_of(1s);
    std::vector<Instant> answers;
    for (;; now += settings.judge_every()) {
      liveness.bus_proved(now);
      if (now >= beat) {
        if (arrives()) return 0;
        beat += 1s;
      }
      for (const auto answer : answers)
        if (now >= answer) return 0;
      const auto judgement = liveness.judge(now);
      if (!judgement.silent.empty()) return weight_;
      if (!judgement.probe.empty() && probes_work_ && arrives() && arrives()) answers.push_back(now + 20ms);
    }
  }

 private:
  bool arrives() {
    const bool lost = uniform(random_) < loss_.drawn;
    weight_ *= lost ? loss_.asked / loss_.drawn : (1 - loss_.asked) / (1 - loss_.drawn);
    return !lost;
  }
  Duration part_of(Duration whole) {
    return Duration(static_cast<Duration::rep>(uniform(random_) * static_cast<double>(whole.count())));
  }
  Random& random_;
  Loss loss_;
  bool probes_work_;
  double weight_ = 1;
};

// An episode lasts a beat or less, so there are about as many as beats.
double alarms_per_node_hour(Loss loss, bool probes_work, int episodes) {
  SeededRandom random(20260101);
  double sum = 0;
  for (int i = 0; i < episodes; ++i) sum += Episode(random, loss, probes_work).run();
  return sum / episodes * 3600;
}

}  // namespace

TEST_CASE("the weighed count agrees with the plain one where both can be had") {
  const double plain = alarms_per_node_hour({0.6, 0.6}, true, 40000);
  const double weighed = alarms_per_node_hour({0.6, 0.75}, true, 40000);
  CHECK(plain > 0);
  MESSAGE("alarms a node-hour at 60 % loss: counted ", plain, ", weighed ", weighed);
  CHECK(std::abs(std::log(plain / weighed)) < std::log(1.5));
}

TEST_CASE("false alarms stay below one in a million node-hours at 5 % loss, with three beats of a second") {
  const double rate = alarms_per_node_hour({0.05, 0.8}, true, 20000);
  MESSAGE("false alarms a node-hour at 5 % loss, with probes: ", rate);
  CHECK(rate > 0);
  CHECK(rate < 1e-6);
}

TEST_CASE("counting missed beats alone could not promise that") {
  const double rate = alarms_per_node_hour({0.05, 0.5}, false, 20000);
  MESSAGE("false alarms a node-hour at 5 % loss, without probes: ", rate);
  CHECK(rate > 0.1);
}

}  // namespace loss_simulation_test
