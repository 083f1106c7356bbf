#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/http/client.hpp"

namespace slipway::cpi::aws {

// A refusal by one of AWS's services. `code` is the service's own, such as "InvalidVolume.NotFound".
// fault(): retryable for throttling, outcome_unknown for failures inside AWS, unauthenticated
// and forbidden for what concerns credentials, else internal.
class AwsError : public Error {
 public:
  AwsError(Fault fault, int status, std::string aws_code, const std::string& message)
      : Error(fault, message), status_(status), code_(std::move(aws_code)) {}
  int status() const noexcept { return status_; }
  const std::string& aws_code() const noexcept { return code_; }
  bool is(std::string_view prefix) const { return std::string_view(code_).starts_with(prefix); }

 private:
  int status_;
  std::string code_;
};

// Reads the error of a reply that is not 2xx: the XML of the Query APIs, the JSON of EBS, or
// neither (a balancer in between). `what` says which call it was.
AwsError read_error(const http::ClientResponse& response, const std::string& what);

bool is_throttling(std::string_view aws_code);

}  // namespace slipway::cpi::aws
