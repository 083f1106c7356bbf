#include <iostream>

#include "base/log.hpp"
#include "cpi/contract/server.hpp"
#include "cpi/vsphere/vsphere_cpi.hpp"

// slipway-cpi-vsphere CONFIG: one CPI request on stdin, the response on stdout.
int main(int argc, char** argv) {
  using namespace slipway;
  const std::string argument = argc == 2 ? argv[1] : "";
  if (argument == "--help" || argument.empty()) {
    (argument.empty() ? std::cerr : std::cout)
        << "usage: slipway-cpi-vsphere CONFIG   one CPI request on stdin, the response on stdout\n"
           "       slipway-cpi-vsphere --config-reference\n"
           "example: echo '{\"method\":\"info\",\"arguments\":[],\"context\":{}}' | slipway-cpi-vsphere "
           "cpi.yml\n";
    return argument.empty() ? 2 : 0;
  }
  if (argument == "--config-reference") {
    std::cout << cpi::vsphere::vsphere_config_reference();
    return 0;
  }
  return cpi::serve_stdio([&](const Json& context) -> std::unique_ptr<cpi::Cpi> {
    constexpr std::size_t sessions_kept = 0;  // the process ends with the call
    return std::make_unique<cpi::vsphere::VsphereCpi>(cpi::vsphere::load_vsphere_config(argument, context),
                                                      Log::to("cpi-vsphere"), sessions_kept);
  });
}
