#pragma once

#include <string>
#include <vector>

#include "test/scenario/director/director_world.hpp"

// What the tests of cloud check and of the health monitor's repairs do and look at, mostly about server/0 of the
// deployment "dep".
namespace slipway::test::problems {

using director::ProblemRecord;
using director::ProblemType;
using director::VmRecord;

// The tasks. With the same number they are one that goes on.
std::vector<ProblemRecord> scan(DirectorWorld& world);  // what is open after it
std::string resolve(DirectorWorld& world, const Json& resolutions, director::TaskId task = 0,
                    const Json& overrides = Json::object());
// All that is open, by one resolution; null is the default one.
Json all_by(DirectorWorld& world, const Json& resolution);
std::string scan_and_fix(DirectorWorld& world, const Json& jobs, director::TaskId task = 0);

void silence(DirectorWorld& world);

cpi::DiskCid disk_of(DirectorWorld& world, int index);
bool runs(DirectorWorld& world, int index);
bool said(const DirectorWorld& world, const std::string& text);

// What shall have become of it.
void is_untouched(DirectorWorld& world, const VmRecord& before);
void is_made_anew(DirectorWorld& world, const VmRecord& before);
void is_rebooted(DirectorWorld& world, const VmRecord& before);

}  // namespace slipway::test::problems
