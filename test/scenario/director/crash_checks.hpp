#pragma once

#include <functional>
#include <string>

#include "test/scenario/director/crash_course.hpp"

// What the tests of a director's death share: tasks on the deployment "dep", what it is to be like afterwards,
// and the courses themselves.
namespace slipway::test {

// What simple_manifest() asks for.
struct Wanted {
  int instances = 2;
  std::string property = "one";
  int disk_mib = 1024;
  std::string stemcell = "1.0";
  std::size_t orphans = 0;
  int post_deploys = 1;  // of each instance, as its agent counts them
  bool swap = false;     // create-swap-delete
  NamedDisks named = {};  // in the place of the one disk
  bool short_names = false;
};

Findings missed_of(DirectorWorld& world, const Wanted& wanted);

std::function<void(DirectorWorld&)> deployed(const Wanted& wanted);
std::function<Json(DirectorWorld&)> always(const Json& arguments);
std::function<Findings(DirectorWorld&)> missed_unless(std::function<bool(DirectorWorld&)> reached);

Scenario deploy(const Wanted& wanted, const Json& options = Json::object());
Scenario change(const std::string& state, std::function<Findings(DirectorWorld&)> missed);
Scenario after(const Wanted& before, Scenario scenario);

// Fails the test for whatever goes wrong, and when fewer than `at_least` accidents happened.
void survives_deaths(const Scenario& scenario, int at_least);
void is_fenced(const Scenario& scenario, int at_least);

}  // namespace slipway::test
