#include <doctest/doctest.h>

#include "pks-api/fleets/fleets.hpp"

namespace slipway::pks::next_step_test {

namespace {

// A letter a member: q queued, r running, s succeeded, f failed, x dropped; capitals are canaries.
FleetTask fleet(const std::string& letters, int in_flight = 2, const std::string& status = "in progress") {
  FleetTask task;
  task.status = status;
  task.max_in_flight = in_flight;
  for (const char letter : letters) {
    FleetMember member;
    member.is_canary = letter < 'a';
    switch (letter | 0x20) {
      case 'q':
        member.state = "queued";
        break;
      case 'r':
        member.state = in_progress;
        break;
      case 's':
        member.state = succeeded;
        break;
      case 'f':
        member.state = failed;
        break;
      default:
        member.state = "queued";
        break;
    }
    member.ended_at = std::string("sfxSFX").find(letter) != std::string::npos ? 1 : 0;
    task.members.push_back(member);
  }
  return task;
}

using Members = std::vector<std::size_t>;

}  // namespace

TEST_CASE("canaries go one at a time, and nothing else before they are done") {
  CHECK(next_step(fleet("QQqq")).begin == Members{0});
  CHECK(next_step(fleet("RQqq")).begin == Members{});
  CHECK(next_step(fleet("SQqq")).begin == Members{1});
  CHECK(next_step(fleet("SRqq")).begin == Members{});
  CHECK(next_step(fleet("SSqq")).begin == Members{2, 3});
}

TEST_CASE("so many run at once, and one that fails stops no other") {
  CHECK(next_step(fleet("qqqq", 3)).begin == Members{0, 1, 2});
  CHECK(next_step(fleet("rrqq", 2)).begin == Members{});
  CHECK(next_step(fleet("frqq", 2)).begin == Members{2});
  CHECK(next_step(fleet("fsqq", 1)).begin == Members{2});
  CHECK_FALSE(next_step(fleet("fsrr")).ended);
  CHECK(next_step(fleet("fsss")).ended);
}

TEST_CASE(
    "after a canary that failed, or when it is canceled, what is queued is dropped and what runs is waited "
    "for") {
  CHECK(next_step(fleet("FQqq")).drop == Members{1, 2, 3});
  CHECK(next_step(fleet("FXxx")).ended);
  const auto canceled = next_step(fleet("rqq", 2, "canceled"));
  CHECK(canceled.drop == Members{1, 2});
  CHECK(canceled.begin.empty());
  CHECK_FALSE(canceled.ended);
  CHECK(next_step(fleet("sxx", 2, "canceled")).ended);
}

TEST_CASE("while it is paused nothing is begun, and it has ended only when nothing is left") {
  const auto paused = [](const std::string& letters) {
    auto task = fleet(letters);
    task.wish = "pause";
    return task;
  };
  CHECK(next_step(paused("qqrs")).begin.empty());
  CHECK(next_step(paused("qqrs")).drop.empty());
  CHECK_FALSE(next_step(paused("qs")).ended);
  CHECK(next_step(paused("fs")).ended);
  CHECK(next_step(paused("FQq")).drop == Members{1, 2});  // it would not go on either
  CHECK(phase_of(paused("rq")) == "pausing");
  CHECK(phase_of(paused("sq")) == "paused");
}

}  // namespace slipway::pks::next_step_test
