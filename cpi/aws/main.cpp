#include <iostream>

#include "base/log.hpp"
#include "cpi/aws/aws_cpi.hpp"
#include "cpi/contract/server.hpp"

// slipway-cpi-aws CONFIG: one CPI request on stdin, the response on stdout.
int main(int argc, char** argv) {
  using namespace slipway;
  const std::string argument = argc == 2 ? argv[1] : "";
  if (argument == "--help" || argument.empty()) {
    (argument.empty() ? std::cerr : std::cout)
        << "usage: slipway-cpi-aws CONFIG   one CPI request on stdin, the response on stdout\n"
           "       slipway-cpi-aws --config-reference\n"
           "example: echo '{\"method\":\"info\",\"arguments\":[],\"context\":{}}' | slipway-cpi-aws "
           "cpi.yml\n";
    return argument.empty() ? 2 : 0;
  }
  if (argument == "--config-reference") {
    std::cout << cpi::aws::aws_config_reference();
    return 0;
  }
  SystemClock clock;
  SystemRandom random;
  return cpi::serve_stdio([&](const Json& context) -> std::unique_ptr<cpi::Cpi> {
    auto config = cpi::aws::load_aws_config(argument, context);
    const auto log = Log::to("cpi-aws", "", config.log_calls ? "debug" : "info");
    return std::make_unique<cpi::aws::AwsCpi>(std::move(config), clock, random, log);
  });
}
