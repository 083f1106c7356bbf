// Our builder's stemcell on a simulated account: test/clouds/with-stemcell and with-moto start it.
#include <doctest/doctest.h>

#include "cpi/aws/aws_account.hpp"
#include "cpi/aws/names.hpp"
#include "test/clouds/built_stemcell.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::aws;

namespace aws_stemcell_test {

std::string registered_as(const std::vector<test::ProxiedRequest>& requests) {
  for (const auto& request : requests) {
    if (request.body.find("Action=RegisterImage") != std::string::npos) return request.body;
  }
  return {};
}

TEST_CASE("the stemcell that our builder makes becomes an image that instances are made of, and goes without a trace") {
  const test::BuiltStemcell stemcell;
  AwsAccount account;
  auto config = account.config();
  // Past the proxy, which keeps all that passes it.
  config["ebs_endpoint"] = account["endpoint"];
  const auto cpi = account.in_process(config);
  CHECK(stemcell.has_format(cpi->info().stemcell_formats));

  const auto cid =
      cpi->create_stemcell(stemcell.image.string(), stemcell.manifest["cloud_properties"], {{"director", "d"}});
  const auto image = find_image(account.observer(), cid);
  REQUIRE(image);
  REQUIRE(image->snapshots.size() == 1);
  const auto snapshots =
      account.observer().ec2(Query("DescribeSnapshots").list("SnapshotId", image->snapshots)).items("snapshotSet");
  REQUIRE(snapshots.size() == 1);
  CHECK(snapshots[0].text("status") == "completed");
  // moto keeps nothing of what it was told about the machine.
  const auto registration = registered_as(account.proxy().take_requests());
  for (const char* word :
       {"Architecture=x86_64", "BootMode=uefi-preferred", "RootDeviceName=%2Fdev%2Fxvda", "VirtualizationType=hvm"}) {
    CAPTURE(word);
    CHECK(registration.find(word) != std::string::npos);
  }
  // Again is the same, without a byte sent.
  CHECK(cpi->create_stemcell(stemcell.image.string(), stemcell.manifest["cloud_properties"], {}) == cid);

  CreateVm request;
  request.agent = {"of-our-stemcell"};
  request.stemcell = cid;
  request.cloud_properties = account.vm_properties();
  request.networks = {{"default", account.next_network()}};
  const auto vm = cpi->create_vm(request).vm;
  CHECK(cpi->has_vm(vm));
  cpi->delete_vm(vm);
  cpi->delete_stemcell(cid);
  CHECK_FALSE(find_image(account.observer(), cid));
  CHECK(account.tagged("DescribeSnapshots", "snapshotSet", stemcell_tag).empty());
}

}  // namespace aws_stemcell_test
