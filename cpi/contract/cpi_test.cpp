#include "cpi/contract/cpi.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::cpi;

TEST_CASE("every error type survives the wire") {
  for (const auto type : {ErrorType::vm_creation_failed, ErrorType::vm_not_found, ErrorType::disk_not_found,
                          ErrorType::disk_not_attached, ErrorType::no_disk_space, ErrorType::network_not_found,
                          ErrorType::not_implemented, ErrorType::not_supported, ErrorType::cloud_error,
                          ErrorType::cpi_error, ErrorType::unknown}) {
    CHECK(error_type_from_wire(to_wire(type)) == type);
  }
  CHECK(to_wire(ErrorType::vm_not_found) == "Bosh::Clouds::VMNotFound");
  CHECK(error_type_from_wire("VMNotFound") == ErrorType::unknown);
  CHECK(error_type_from_wire("Bosh::Clouds::") == ErrorType::unknown);
}

TEST_CASE("a fault says what the director can do about a CPI error") {
  CHECK(CpiError(ErrorType::vm_not_found, "", true).fault() == Fault::not_found);
  CHECK(CpiError(ErrorType::no_disk_space, "").fault() == Fault::exhausted);
  CHECK(CpiError(ErrorType::cloud_error, "", true).fault() == Fault::retryable);
  CHECK(CpiError(ErrorType::cloud_error, "").fault() == Fault::internal);
}
