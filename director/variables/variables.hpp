#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "director/store/stores.hpp"

namespace slipway::director {

// Manifest variables: `((name))`, `((name.key))`, `((/absolute/name))`.
// Source: contracts/director-api.md section 7.
class Variables {
 public:
  Variables(VariableValues& values, std::string director_name, Clock& clock)
      : values_(values), director_name_(std::move(director_name)), clock_(clock) {}

  // Makes what the manifest's `variables` section asks for and the store does not have yet
  // (certificate incl. CA and alternative names, password, rsa, ssh); converge by need.
  // Returns the ids the deployment is now pinned to.
  std::vector<std::int64_t> generate(const Json& manifest, const std::string& deployment);

  // The manifest with every placeholder replaced. All unknown names at once as Fault::invalid.
  Json interpolate(const Json& manifest, const std::string& deployment) const;

  std::string absolute(const std::string& name, const std::string& deployment) const;

 private:
  VariableValues& values_;
  std::string director_name_;
  Clock& clock_;
};

}  // namespace slipway::director
