#pragma once

#include "director/planner/resolve.hpp"

namespace slipway::director {

// The manifest with each addon's jobs added to the groups it is meant for.
Manifest with_addons(const Manifest& manifest, const ChosenVersions& resolution, const std::vector<std::string>& teams,
                     Problems& problems);

}  // namespace slipway::director
