#pragma once

#include <string>

#include "base/json.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi {

// The request asks for what no CPI can answer: "InvalidCall" on the wire.
class InvalidCall : public Error {
 public:
  explicit InvalidCall(const std::string& message) : Error(Fault::invalid, message) {}
};

// Calls `method` of `cpi` with the wire's `arguments` and returns the wire's result.
// Throws InvalidCall for an unknown method and for arguments of the wrong number or type
// (all problems at once), before `cpi` is touched; CpiError as the method does.
// `idempotency_key` is the request context's, for create_disk.
Json call_method(Cpi& cpi, const std::string& method, const Json& arguments, const std::string& idempotency_key = {});

}  // namespace slipway::cpi
