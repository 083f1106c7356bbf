// What goes wrong on the way to vCenter and back. Beside a simulated one: test/vcsim/with-vcsim starts it.
#include <filesystem>

#include "base/process.hpp"
#include "cpi/vsphere/vcsim_world.hpp"

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::vsphere;

namespace {

using Mishap = TestTransport::Mishap;

struct Bench {
  VcsimWorld& world = VcsimWorld::get();
  VsphereConfig config = world.config();
  std::shared_ptr<TestTransport> transport = std::make_shared<TestTransport>(config.ca_pem, true);
  VsphereCpi cpi{config, Log::discard(), 1, transport};
  StemcellCid stemcell = cpi.create_stemcell(world.image().string(), Json::object(), Json::object());

  CreateVm request(const std::string& agent) {
    CreateVm request;
    request.agent = {agent};
    request.stemcell = stemcell;
    request.networks = world.networks();
    return request;
  }
};

// A director repeats what may be repeated; so do the tests, once more than mishaps are planned.
template <class Action>
auto insist(Action&& action) {
  try {
    return action();
  } catch (const CpiError& error) {
    INFO(std::string(error.what()));
    CHECK(error.ok_to_retry());
    return action();
  }
}

bool changes(const std::string& name) {
  for (const char* one : {"CloneVM_Task", "ReconfigVM_Task", "PowerOnVM_Task", "PowerOffVM_Task",
                          "Destroy_Task", "CreateVirtualDisk_Task", "DeleteVirtualDisk_Task",
                          "DeleteDatastoreFile_Task", "MakeDirectory", "CreateFolder", "CopyVirtualDisk_Task",
                          "ExtendVirtualDisk_Task", "MoveVirtualDisk_Task", "PUT /folder", "Login"}) {
    if (name == one) return true;
  }
  return false;
}

std::string name_of(Mishap mishap) {
  switch (mishap) {
    case Mishap::none:
      return "none";
    case Mishap::reply_lost:
      return "reply-lost";
    case Mishap::reply_garbled:
      return "reply-garbled";
    case Mishap::busy:
      return "busy";
    case Mishap::sent_twice:
      return "sent-twice";
  }
  return "";
}

// A VM's and a disk's whole life, with one mishap at the `at`-th request of those that change something.
// False when there were fewer.
bool live_through(Bench& bench, Mishap mishap, int at) {
  const auto agent = name_of(mishap) + "-" + std::to_string(at);
  CAPTURE(agent);
  bench.transport->plan(mishap, at, changes);
  const auto request = bench.request(agent);
  const auto vm = insist([&] { return bench.cpi.create_vm(request); }).vm;
  CHECK(bench.world.vm_runs(vm));
  CHECK(bench.world.vms_in("DC0/vm/slipway/vms") == std::vector{vm.value});
  const auto disk = insist([&] { return bench.cpi.create_disk(64, Json::object(), vm, agent); });
  insist([&] { return bench.cpi.attach_disk(vm, disk); });
  CHECK(insist([&] { return bench.cpi.get_disks(vm); }) == std::vector{disk});
  insist([&] { bench.cpi.detach_disk(vm, disk); });
  insist([&] { bench.cpi.resize_disk(disk, 128); });
  insist([&] { return bench.cpi.attach_disk(vm, disk); });
  insist([&] {
    if (bench.cpi.has_vm(vm)) bench.cpi.delete_vm(vm);
  });
  CHECK(insist([&] { return bench.cpi.has_disk(disk); }));
  insist([&] {
    if (bench.cpi.has_disk(disk)) bench.cpi.delete_disk(disk);
  });
  CHECK(bench.world.vms_in("DC0/vm/slipway/vms").empty());
  CHECK(bench.world.disk_files().empty());
  return bench.transport->happened();
}

// Every `step`-th change, for each life takes seconds.
void try_changes(Mishap mishap, int step) {
  Bench bench;
  int at = 0;
  while (live_through(bench, mishap, at)) {
    at += step;
    REQUIRE(at < 80);
  }
  MESSAGE(name_of(mishap) << " met every " << step << ". of the first " << at
                          << " changes, one in each life");
  CHECK(at > 10);
}

}  // namespace

TEST_SUITE("vSphere on vcsim, mishaps") {
  TEST_CASE("whatever change's reply is lost, there is one VM and one disk, and nothing afterwards") {
    try_changes(Mishap::reply_lost, 1);
  }
  TEST_CASE("the same with replies that end in the middle") { try_changes(Mishap::reply_garbled, 5); }
  TEST_CASE("the same with changes that arrive twice") { try_changes(Mishap::sent_twice, 2); }
  TEST_CASE("the same with a server that is busy now and then") { try_changes(Mishap::busy, 5); }

  TEST_CASE("what only looks is asked again when its reply is lost, and so is the login") {
    auto& world = VcsimWorld::get();
    const auto config = world.config();
    const auto transport = std::make_shared<TestTransport>(config.ca_pem, true);
    VsphereCpi cpi(config, Log::discard(), 0, transport);
    for (int at = 0; at < 6; ++at) {
      CAPTURE(at);
      transport->plan(Mishap::reply_lost, at);
      CHECK_FALSE(cpi.has_disk({"disk-none"}));
      CHECK(transport->happened());
    }
  }

  TEST_CASE("a stemcell whose making met a mishap leaves nothing unfinished") {
    auto& world = VcsimWorld::get();
    const auto config = world.config();
    int mishaps = 0;
    for (const char* name : {"ImportVApp", "POST /nfc", "HttpNfcLeaseComplete", "CreateSnapshot_Task",
                             "MarkAsTemplate", "Rename_Task"}) {
      CAPTURE(name);
      const auto transport = std::make_shared<TestTransport>(config.ca_pem, true);
      VsphereCpi cpi(config, Log::discard(), 0, transport);
      transport->plan(Mishap::reply_lost, 0, [&](const std::string& seen) { return seen == name; });
      const auto stemcell = insist(
          [&] { return cpi.create_stemcell(world.other_image().string(), Json::object(), Json::object()); });
      if (transport->happened()) ++mishaps;
      const auto there = world.vms_in("DC0/vm/slipway/stemcells/" + stemcell.value);
      CHECK(there.size() == 1);
      CHECK(there.front().starts_with("replica-"));
      cpi.delete_stemcell(stemcell);
    }
    CHECK(mishaps == 6);
  }

  TEST_CASE("a session that vCenter forgot is opened again in the middle of a call") {
    Bench bench;
    const auto kept = std::make_shared<TestTransport>(bench.config.ca_pem, true);
    VsphereCpi cpi(bench.config, Log::discard(), 1, kept);
    CHECK_FALSE(cpi.has_vm({"vm-none"}));
    bench.world.look([](Session& session) {
      const auto manager = session.content().session_manager;
      const auto seen = retrieve_one(session, manager, {"sessionList", "currentSession"});
      const auto own = seen->get("currentSession").text("key");
      session.call("TerminateSession", manager, Effect::changes, [&](XmlOut& in) {
        for (const auto& one : seen->get("sessionList").children("UserSession")) {
          if (one.text("key") != own) in.text("sessionId", one.text("key"));
        }
      });
    });
    kept->take_names();
    CHECK_FALSE(cpi.has_vm({"vm-none"}));
    const auto names = kept->take_names();
    CHECK(std::count(names.begin(), names.end(), "Login") == 1);
  }
}

TEST_SUITE("vSphere on vcsim, secrets and TLS") {
  TEST_CASE("a certificate that the CA does not vouch for is refused before the password is sent") {
    auto& world = VcsimWorld::get();
    auto settings = world.settings();
    settings.erase("ca_file");
    VsphereCpi cpi(read_vsphere_config(settings, "test"), Log::discard(), 0);
    CHECK_THROWS_WITH_AS(cpi.has_vm({"vm-x"}), doctest::Contains("certificate does not verify"), CpiError);
  }

  TEST_CASE("a wrong password is said to be wrong, and not which it was") {
    auto& world = VcsimWorld::get();
    auto settings = world.settings();
    settings.erase("password_file");
    settings["password"] = "not-the-password";
    VsphereCpi cpi(read_vsphere_config(settings, "test"), Log::discard(), 0);
    CHECK_THROWS_WITH_AS(cpi.has_vm({"vm-x"}), doctest::Contains("refuses the user 'slipway@vsphere.local'"),
                         CpiError);
  }

  TEST_CASE("the password is in no output, error, argument or environment of any method") {
    auto& world = VcsimWorld::get();
    const auto password = world.password();
    std::string seen;
    // As a CPI config gives it: in the context.
    auto settings = world.settings();
    settings.erase("password_file");
    const auto file = world.folder() / "without-password.json";
    write_file_atomically(file, dump(settings), 0600);
    const auto call = [&](const std::string& method, const Json& arguments, const std::string& given) {
      const Json request{{"method", method},
                         {"arguments", arguments},
                         {"api_version", 2},
                         {"context", {{"director_uuid", "d"}, {"request_id", "r"}, {"password", given}}}};
      const auto result =
          run({.argv = {SLIPWAY_CPI_VSPHERE, file.string()}, .standard_input = dump(request)});
      seen += result.standard_output + result.standard_error;
      return parse_json(result.standard_output, "response");
    };
    const auto stemcell =
        call("create_stemcell", {world.image().string(), Json::object()}, password)["result"];
    REQUIRE(stemcell.is_string());
    const auto vm = call(
        "create_vm", {"canary", stemcell, Json::object(), world.networks(), Json::array(), Json::object()},
        password)["result"][0];
    REQUIRE(vm == "vm-canary");
    const auto disk = call("create_disk", {64, Json::object(), vm}, password)["result"];
    call("attach_disk", {vm, disk}, password);
    call("set_vm_metadata", {vm, {{"name", "x"}}}, password);
    call("reboot_vm", Json::array({vm}), password);
    call("detach_disk", {vm, disk}, password);
    call("snapshot_disk", {disk, Json::object()}, password);
    call("attach_disk", {vm, "disk-none"}, password);
    call("create_vm",
         {"canary-2", "stemcell-none", Json::object(), world.networks(), Json::array(), Json::object()},
         password);
    call("delete_vm", Json::array({vm}), password);
    call("delete_disk", Json::array({disk}), password);
    const auto wrong = call("has_vm", Json::array({vm}), password + "!");
    CHECK(wrong["error"]["type"] == "Bosh::Clouds::CloudError");
    CHECK(seen.find("vm.created") != std::string::npos);  // it does log
    CHECK(seen.find("vm.deleted") != std::string::npos);
    CHECK(seen.find(password) == std::string::npos);
    CHECK(seen.find(password.substr(0, 12)) == std::string::npos);
    CHECK(seen.find("vmware_soap_session") == std::string::npos);
  }
}
