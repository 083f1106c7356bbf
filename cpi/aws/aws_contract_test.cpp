#include "cpi/aws/aws_account.hpp"
#include "cpi/contract/exec_client.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::aws;

namespace {

AwsAccount& account() {
  static AwsAccount account;
  return account;
}

suite::Subject by_exec() {
  static const auto cpi = std::make_shared<ExecCpi>(ExecOptions{
      .command = {SLIPWAY_CPI_AWS, account().config_file(account().config())}, .director_uuid = "d-1"});
  return account().subject(cpi);
}

suite::Subject by_role() {
  static const auto cpi = [] {
    auto config = account().config();
    config["role_arn"] = account()["role_arn"];
    config.update(account().assumer());
    return std::shared_ptr<Cpi>(account().in_process(config));
  }();
  return account().subject(cpi);
}

}  // namespace

SLIPWAY_CPI_CONTRACT("AWS on moto, by exec over TLS", by_exec)
SLIPWAY_CPI_CONTRACT("AWS on moto, in process with an assumed role", by_role)
