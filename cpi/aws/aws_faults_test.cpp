#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "cpi/aws/aws_account.hpp"
#include "cpi/aws/names.hpp"
#include "cpi/contract/exec_client.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::aws;
using Kind = test::NetFault::Kind;

// Every request of each method meets every fault, one at a time. Whatever happens to it, the method succeeds
// or says why not by a type of the contract; nothing is made twice, and after deletion nothing is left.
namespace {

AwsAccount& account() {
  static AwsAccount account;
  return account;
}

Cpi& aws_cpi() {
  static const auto cpi = account().in_process(account().config());
  return *cpi;
}

const std::string throttled =
    "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded."
    "</Message></Error></Errors><RequestID>r</RequestID></Response>";

struct NamedFault {
  const char* name;
  test::NetFault fault;
};

std::vector<NamedFault> all_faults() {
  return {{"RequestLimitExceeded", {.kind = Kind::answer, .status = 503, .body = throttled}},
          {"a balancer's 503",
           {.kind = Kind::answer, .status = 503, .content_type = "text/html", .body = "<html>busy"}},
          {"the request is lost", {.kind = Kind::lose_request}},
          {"the reply is lost", {.kind = Kind::lose_reply}},
          {"the reply is cut", {.kind = Kind::cut_reply}},
          {"the reply is corrupt", {.kind = Kind::corrupt}},
          {"the reply is late", {.kind = Kind::delay, .delay = std::chrono::milliseconds(30)}},
          {"the request comes twice", {.kind = Kind::twice}}};
}

// Runs `action` with the fault at its n-th request. False when it made fewer.
template <class Action>
bool with_fault_at(int n, const test::NetFault& fault, Action&& action) {
  std::atomic<int> count{0};
  account().proxy().set_faults(
      [&](const test::ProxiedRequest&) { return ++count == n ? fault : test::NetFault{}; });
  action();
  account().proxy().set_faults({});
  return count >= n;
}

template <class Action>
void for_each_fault_of_each_request(Action&& action) {
  for (const auto& [name, fault] : all_faults()) {
    CAPTURE(std::string(name));
    int n = 1;
    for (;; ++n) {
      CAPTURE(n);
      REQUIRE(n < 60);
      if (!with_fault_at(n, fault, [&] { action(); })) break;
    }
    CHECK(n > 1);  // at least one request has met it
  }
}

// Deleting what a first, unheard call has deleted already is told as its being gone.
template <class Action>
void done_or(ErrorType gone, Action&& action) {
  try {
    action();
  } catch (const CpiError& error) {
    CAPTURE(error.what());
    CHECK(error.type() == gone);
  }
}

CreateVm vm_request(int networks) {
  static int next = 0;
  CreateVm request;
  request.agent = {"faults-" + std::to_string(++next)};
  request.stemcell = {account()["ami"] + " light"};
  request.cloud_properties = account().vm_properties();
  for (int i = 0; i < networks; ++i) request.networks["n" + std::to_string(i)] = account().next_network();
  return request;
}

std::size_t living(const std::string& agent) {
  const auto all = account().instances(agent);
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [](const Instance& i) { return i.lives(); }));
}

std::size_t volumes_with(const std::string& tag) {
  return account().tagged("DescribeVolumes", "volumeSet", tag).size();
}
std::size_t snapshots_with(const std::string& tag) {
  return account().tagged("DescribeSnapshots", "snapshotSet", tag).size();
}

void nothing_is_left() {
  CHECK(volumes_with(agent_tag) == 0);
  CHECK(volumes_with(disk_size_tag) == 0);
  CHECK(snapshots_with(request_tag) == 0);
  CHECK(snapshots_with(stemcell_tag) == 0);
  CHECK(account().tagged("DescribeNetworkInterfaces", "networkInterfaceSet", agent_tag).empty());
}

struct Disk {
  DiskCid cid = aws_cpi().create_disk(64, Json::object(), std::nullopt);
  ~Disk() {
    try {
      aws_cpi().delete_disk(cid);
    } catch (const Error& error) {
      MESSAGE(std::string(error.what()));
    }
  }
};

}  // namespace

TEST_CASE("create_vm makes one VM whatever happens to one of its requests") {
  for (const int networks : {1, 2}) {
    CAPTURE(networks);
    for_each_fault_of_each_request([&] {
      const auto request = vm_request(networks);
      const auto vm = aws_cpi().create_vm(request).vm;
      CHECK(living(request.agent.value) == 1);
      account().proxy().set_faults({});
      aws_cpi().delete_vm(vm);
    });
  }
  nothing_is_left();
}

TEST_CASE("delete_vm leaves nothing whatever happens to one of its requests") {
  for_each_fault_of_each_request([&] {
    static VmCid vm;
    static std::string agent;
    // Made without faults: those are for the deletion.
    account().proxy().take_requests();
    const auto clean = account().in_process([] {
      auto config = account().config();
      for (const auto* endpoint : {"ec2_endpoint", "elb_endpoint", "sts_endpoint", "ebs_endpoint"})
        config[endpoint] = account()["endpoint"];
      return config;
    }());
    const auto request = vm_request(1);
    agent = request.agent.value;
    vm = clean->create_vm(request).vm;
    done_or(ErrorType::vm_not_found, [&] { aws_cpi().delete_vm(vm); });
    CHECK(living(agent) == 0);
  });
  nothing_is_left();
}

TEST_CASE("create_disk makes one disk, with a key and without, and delete_disk removes it") {
  int number = 0;
  for (const bool keyed : {true, false}) {
    CAPTURE(keyed);
    for_each_fault_of_each_request([&] {
      const auto key = keyed ? "faults/" + std::to_string(++number) : std::string();
      const auto disk = aws_cpi().create_disk(64, Json::object(), std::nullopt, key);
      CHECK(volumes_with(disk_size_tag) == 1);
      done_or(ErrorType::disk_not_found, [&] { aws_cpi().delete_disk(disk); });
      CHECK(volumes_with(disk_size_tag) == 0);
    });
  }
}

TEST_CASE("a disk is attached, changed and detached whatever happens to one of the requests") {
  const auto vm = aws_cpi().create_vm(vm_request(1)).vm;
  {
    const Disk disk;
    for_each_fault_of_each_request([&] {
      CHECK_FALSE(aws_cpi().attach_disk(vm, disk.cid).empty());
      CHECK(aws_cpi().get_disks(vm) == std::vector{disk.cid});
      aws_cpi().set_disk_metadata(disk.cid, {{"deployment", "d"}});
      aws_cpi().set_vm_metadata(vm, {{"deployment", "d"}});
      aws_cpi().detach_disk(vm, disk.cid);
      CHECK(aws_cpi().get_disks(vm).empty());
    });
    std::int64_t size = 2048;
    for_each_fault_of_each_request([&] { aws_cpi().resize_disk(disk.cid, size += 1024); });
  }
  for_each_fault_of_each_request([&] { aws_cpi().reboot_vm(vm); });
  aws_cpi().delete_vm(vm);
  nothing_is_left();
}

TEST_CASE("snapshot_disk makes one snapshot whatever happens to one of its requests") {
  const Disk disk;
  for_each_fault_of_each_request([&] {
    const auto snapshot = aws_cpi().snapshot_disk(disk.cid, {{"deployment", "d"}});
    CHECK(snapshots_with(request_tag) == 1);
    aws_cpi().delete_snapshot(snapshot);
    CHECK(snapshots_with(request_tag) == 0);
  });
}

TEST_CASE("a stemcell is stored once whatever happens to one of the requests, and nothing of it stays") {
  for_each_fault_of_each_request([&] {
    const auto stemcell = aws_cpi().create_stemcell(account().image(), {{"name", "s"}}, Json::object());
    CHECK(snapshots_with(stemcell_tag) == 1);
    CHECK(find_image(account().observer(), stemcell));
    aws_cpi().delete_stemcell(stemcell);
    CHECK_FALSE(find_image(account().observer(), stemcell));
    CHECK(snapshots_with(stemcell_tag) == 0);
  });
}

TEST_CASE("throttling that does not end is an error of the contract that may be tried again") {
  auto config = account().config();
  config["max_retries"] = 1;
  const auto cpi = account().in_process(config);
  account().proxy().set_faults([](const test::ProxiedRequest&) {
    return test::NetFault{.kind = Kind::answer, .status = 503, .body = throttled};
  });
  try {
    cpi->create_vm(vm_request(1));
    FAIL("no error");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::vm_creation_failed);
    CHECK(error.ok_to_retry());
    CHECK(std::string(error.what()).find("RequestLimitExceeded") != std::string::npos);
  }
  account().proxy().set_faults({});
}

TEST_CASE("a CPI killed between an effect and its reply leaves what the repeated call completes") {
  const auto file = account().config_file(account().config());
  for (const int networks : {1, 2}) {
    const auto request = vm_request(networks);
    for (int n = 1;; ++n) {
      CAPTURE(networks);
      CAPTURE(n);
      REQUIRE(n < 60);
      std::atomic<bool> dead{false}, ended{false};
      std::atomic<int> count{0};
      ExecCpi cpi({.command = {SLIPWAY_CPI_AWS, file}, .director_uuid = "d-1"},
                  {.log = {}, .cancelled = [&] { return dead.load(); }});
      cpi.info();
      account().proxy().set_faults([&](const test::ProxiedRequest&) {
        if (++count != n) return test::NetFault{};
        return test::NetFault{.kind = Kind::lose_reply, .after_effect = [&] {
                                dead = true;
                                for (int i = 0; i < 300 && !ended; ++i)
                                  std::this_thread::sleep_for(std::chrono::milliseconds(10));
                              }};
      });
      bool died = false;
      VmCid vm;
      try {
        vm = cpi.create_vm(request).vm;
      } catch (const CpiError& error) {
        died = true;
        CHECK(error.fault() == Fault::outcome_unknown);
      }
      ended = true;
      account().proxy().set_faults({});
      CHECK(died == (count >= n));
      vm = aws_cpi().create_vm(request).vm;
      CHECK(living(request.agent.value) == 1);
      aws_cpi().delete_vm(vm);
      CHECK(living(request.agent.value) == 0);
      if (!died) break;
    }
  }
  nothing_is_left();
}

TEST_CASE("a network that breaks for good in create_vm costs no second VM when it is back") {
  for (int n = 1; n <= 4; ++n) {
    CAPTURE(n);
    auto config = account().config();
    config["max_retries"] = 1;
    const auto cpi = account().in_process(config);
    std::atomic<int> count{0};
    account().proxy().set_faults([&](const test::ProxiedRequest&) {
      return test::NetFault{.kind = ++count < n ? Kind::none : Kind::lose_reply};
    });
    const auto request = vm_request(1);
    try {
      cpi->create_vm(request);
      FAIL("no error");
    } catch (const CpiError& error) {
      CHECK(error.type() == ErrorType::vm_creation_failed);
      CHECK(error.ok_to_retry());
    }
    account().proxy().set_faults({});
    const auto vm = aws_cpi().create_vm(request).vm;
    CHECK(living(request.agent.value) == 1);
    aws_cpi().delete_vm(vm);
  }
  nothing_is_left();
}
