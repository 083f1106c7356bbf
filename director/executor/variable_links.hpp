#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "director/executor/services.hpp"

// What the values of variables depend on besides their definitions. The manifest is read as it was given:
// its placeholders can only be filled in once there are values.
namespace slipway::director {

// The number of a network, or of a group by its key.
using NumberOf = std::function<std::int64_t(DnsNumberKind kind, const std::string& name)>;

// The name under which DNS finds the instances of the group that provides a link of type "address", which is
// how a certificate consumes it: a short one where the manifest's features ask for that. Providers are the manifest's
// custom ones; nullopt when there is none.
std::optional<std::string> address_of_link(const Json& manifest, const std::string& link, const std::string& domain,
                                           const NumberOf& number_of);

// Whether some VM of the deployment runs on a stemcell that the manifest does not ask for any more.
bool stemcell_changes(Stores& stores, const std::string& deployment, const Json& manifest);

}  // namespace slipway::director
