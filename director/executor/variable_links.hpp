#pragma once

#include <optional>
#include <string>

#include "base/json.hpp"
#include "director/executor/services.hpp"

// What the values of variables depend on besides their definitions. The manifest is read as it was given:
// its placeholders can only be filled in once there are values.
namespace slipway::director {

// The name under which DNS finds the instances of the group that provides a link of type "address", which is
// how a certificate consumes it. Providers are the manifest's custom ones; nullopt when there is none.
std::optional<std::string> address_of_link(const Json& manifest, const std::string& link, const std::string& domain);

// Whether some VM of the deployment runs on a stemcell that the manifest does not ask for any more.
bool stemcell_changes(Stores& stores, const std::string& deployment, const Json& manifest);

}  // namespace slipway::director
