#include "health-monitor/detect/liveness.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::health;
using namespace std::chrono_literals;

namespace liveness_test {

namespace {

using Names = std::vector<std::string>;

// One second of beats, three of patience; time moves in steps of the judge's own.
struct World {
  LivenessSettings settings{.interval = 1s, .timeout = 3s, .grace = 5s, .unmanaged_after = 20s, .sample_every = 10s};
  Liveness liveness{settings};
  Instant now{1h};
  bool bus_answers = true;

  explicit World(const Names& agents) {
    liveness.bus_proved(now);
    liveness.judge(now);  // hears for the first time: a grace begins
    liveness.expect(agents, now);
  }
  // Until `then`; each in `beating` beats once a second.
  struct Seen {
    Names silent, unmanaged;
    int probes = 0;
    bool deaf = false;
    Instant silent_at{};
  };
  Seen run(Duration duration, const Names& beating, const Names& answering = {}) {
    Seen seen;
    const auto end = now + duration;
    auto next_beat = now;
    for (; now < end; now += settings.judge_every()) {
      if (bus_answers) liveness.bus_proved(now);
      if (now >= next_beat) {
        for (const auto& agent : beating) liveness.heard(agent, 1, now);
        next_beat += 1s;
      }
      const auto judgement = liveness.judge(now);
      for (const auto& agent : judgement.silent) {
        seen.silent.push_back(agent);
        seen.silent_at = now;
      }
      for (const auto& agent : judgement.unmanaged) seen.unmanaged.push_back(agent);
      for (const auto& agent : judgement.probe) {
        ++seen.probes;
        if (std::find(answering.begin(), answering.end(), agent) != answering.end()) liveness.heard(agent, 1, now);
      }
      seen.deaf = judgement.deaf;
    }
    return seen;
  }
};

}  // namespace

TEST_CASE("an agent that falls silent is called so after the timeout, not earlier and hardly later") {
  World world({"a", "b"});
  CHECK(world.run(20s, {"a", "b"}).silent.empty());
  const auto last_beat = world.now - 1s;
  const auto seen = world.run(10s, {"a"});
  CHECK(seen.silent == Names{"b"});  // once
  CHECK(seen.silent_at >= last_beat + 3s);
  CHECK(seen.silent_at <= last_beat + 3s + 2 * world.settings.judge_every());
  CHECK_FALSE(world.liveness.is_alive("b"));
  world.run(1s, {"a", "b"});
  CHECK(world.liveness.is_alive("b"));
}

TEST_CASE("an agent whose beats are lost and who answers probes is not down") {
  World world({"a"});
  world.run(10s, {"a"});
  const auto seen = world.run(60s, {}, {"a"});
  CHECK(seen.silent.empty());
  CHECK(seen.probes > 40);
  CHECK(seen.probes < 60);  // one answer is worth a beat
}

TEST_CASE("one who is dead is probed often enough before it is called so, and not afterwards") {
  World world({"a"});
  world.run(10s, {"a"});
  CHECK(world.run(3s, {}).probes >= 8);
  CHECK(world.run(60s, {}).probes <= 2);
}

TEST_CASE("nobody is judged before the grace is over: not at the start and not after a deafness") {
  World world({"a"});
  CHECK(world.run(4900ms, {}).silent.empty());
  CHECK(world.run(300ms, {}).silent == Names{"a"});
  SUBCASE("a bus that does not answer makes nobody silent, however long") {
    world.run(2s, {"a"});
    world.bus_answers = false;
    auto seen = world.run(60s, {});
    CHECK(seen.deaf);
    CHECK(seen.silent.empty());
    CHECK(seen.probes <= 8);  // until the deafness is noticed
    world.bus_answers = true;
    seen = world.run(4900ms, {});
    CHECK_FALSE(seen.deaf);
    CHECK(seen.silent.empty());
    CHECK(world.run(300ms, {}).silent == Names{"a"});
  }
}

TEST_CASE("a monitor that was not run for a while blames nobody for it") {
  World world({"a"});
  world.run(10s, {"a"});
  world.now += 1h;
  world.liveness.bus_proved(world.now);
  CHECK(world.run(4900ms, {}).silent.empty());
  CHECK(world.run(300ms, {}).silent == Names{"a"});
}

TEST_CASE("an agent that is new is given the grace to speak for the first time") {
  World world({"a"});
  world.run(10s, {"a"});
  world.liveness.expect({"a", "new"}, world.now);
  CHECK(world.run(4900ms, {"a"}).silent.empty());
  CHECK(world.run(300ms, {"a"}).silent == Names{"new"});
}

TEST_CASE("an agent nobody knows is told once, and only when it stays") {
  World world({"a"});
  CHECK(world.run(19s, {"a", "ghost"}).unmanaged.empty());
  CHECK(world.run(60s, {"a", "ghost"}).unmanaged == Names{"ghost"});
  SUBCASE("and is an agent like any other once the director knows it") {
    world.liveness.expect({"a", "ghost"}, world.now);
    CHECK(world.liveness.is_alive("ghost"));
    CHECK(world.liveness.counts().unmanaged == 0);
  }
}

TEST_CASE("an agent nobody knows that went away again is not told") {
  World world({"a"});
  world.run(15s, {"a", "compiler"});
  CHECK(world.run(60s, {"a"}).unmanaged.empty());
}

TEST_CASE("who is overdue and does not answer is a suspect before the timeout") {
  World world({"a", "b", "c"});
  world.run(10s, {"a", "b", "c"});
  world.run(300ms, {"a"});
  CHECK(world.liveness.suspects(world.now).empty());
  world.run(1s, {"a"});
  auto suspects = world.liveness.suspects(world.now);
  std::sort(suspects.begin(), suspects.end());
  CHECK(suspects == Names{"b", "c"});
}

TEST_CASE("a heartbeat is looked into when it is due or when it says something else") {
  World world({"a"});
  CHECK(world.liveness.heard("a", 7, world.now));
  CHECK_FALSE(world.liveness.heard("a", 7, world.now + 1s));
  CHECK(world.liveness.heard("a", 8, world.now + 2s));
  CHECK_FALSE(world.liveness.heard("a", 8, world.now + 11s));
  CHECK(world.liveness.heard("a", 8, world.now + 12s));
  CHECK(job_state_fingerprint(R"({"job":"x","job_state":"running"})") !=
        job_state_fingerprint(R"({"job":"x","job_state":"failing"})"));
  CHECK(job_state_fingerprint(R"({"job_state":"running","a":1})") ==
        job_state_fingerprint(R"({"job_state":"running","a":2})"));
  CHECK(job_state_fingerprint("") == 0);
  CHECK(job_state_fingerprint(R"("job_state":"unending)") != 0);
}

}  // namespace liveness_test
