#pragma once

#include <functional>
#include <iosfwd>
#include <memory>

#include "cpi/contract/cpi.hpp"

namespace slipway::cpi {

// The other end of the wire, for CPIs written in C++: reads one request from `in`, makes the
// Cpi from the request's context, calls the method and prints one response to `out`. Always
// prints a well-formed response, whatever happens, and returns the process's exit code.
int serve_one_call(std::istream& in, std::ostream& out,
                   const std::function<std::unique_ptr<Cpi>(const Json& context)>& make_cpi);

// serve_one_call on the process's stdin and stdout, for a CPI's main: whatever a library
// prints meanwhile goes to stderr, so that stdout holds the response and nothing else. The
// process ends at once when nobody reads stdout any more: the caller has given up, and under
// sudo it has no right to kill.
int serve_stdio(const std::function<std::unique_ptr<Cpi>(const Json& context)>& make_cpi);

}  // namespace slipway::cpi
