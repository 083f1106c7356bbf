#include <iostream>

#include "base/log.hpp"
#include "cpi/contract/server.hpp"
#include "cpi/libvirt/libvirt_cpi.hpp"

// slipway-cpi-libvirt CONFIG: one CPI request on stdin, the response on stdout.
int main(int argc, char** argv) {
  using namespace slipway;
  const std::string argument = argc == 2 ? argv[1] : "";
  if (argument == "--help" || argument.empty()) {
    (argument.empty() ? std::cerr : std::cout)
        << "usage: slipway-cpi-libvirt CONFIG   one CPI request on stdin, the response on stdout\n"
           "       slipway-cpi-libvirt --config-reference\n"
           "example: echo '{\"method\":\"info\",\"arguments\":[],\"context\":{}}' | slipway-cpi-libvirt cpi.yml\n";
    return argument.empty() ? 2 : 0;
  }
  if (argument == "--config-reference") {
    std::cout << cpi::libvirt_config_reference();
    return 0;
  }
  return cpi::serve_stdio([&](const Json&) -> std::unique_ptr<cpi::Cpi> {
    return std::make_unique<cpi::LibvirtCpi>(cpi::load_libvirt_config(argument), Log::to("cpi-libvirt"));
  });
}
