#pragma once

#include <memory>
#include <string>

#include "base/file.hpp"
#include "cpi/aws/aws_cpi.hpp"
#include "cpi/contract/suite.hpp"
#include "test/clouds/fault_proxy.hpp"

namespace slipway::cpi::aws {

// For tests: the account that test/clouds/with-moto simulates, behind a proxy with TLS.
class AwsAccount {
 public:
  AwsAccount();

  std::string operator[](const char* name) const;  // what serve.py wrote of the account
  test::FaultProxy& proxy() { return proxy_; }
  const std::string& image() const { return image_; }  // a heavy stemcell's

  // The CPI's configuration: the rights of the documented policy, through the proxy.
  Json config() const;
  Json assumer() const {
    return world_.at("assumer");
  }  // keys that may assume the CPI's role, and nothing else
  std::string config_file(const Json& config);  // a file that holds it
  std::unique_ptr<Cpi> in_process(const Json& config);
  Json next_network();  // manual, with an address nobody uses
  Json vm_properties() const;
  suite::Subject subject(std::shared_ptr<Cpi> cpi);

  // Looking past the CPI, with a user that may do all.
  const Api& observer() const { return *observer_; }
  std::vector<Instance> instances(const std::string& agent) const {
    return instances_of_agent(*observer_, agent);
  }
  // Of this kind, what carries a tag of ours: "volumeSet" of "DescribeVolumes".
  std::vector<Reply> tagged(const std::string& action, const std::string& list, const std::string& tag) const;

 private:
  static Json read_world();

  const Json world_ = read_world();
  TempDir folder_{"aws"};
  test::FaultProxy proxy_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<Api> observer_;
  std::string image_;
  int files_ = 0;
};

}  // namespace slipway::cpi::aws
