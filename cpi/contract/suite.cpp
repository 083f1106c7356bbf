#include "cpi/contract/suite.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <vector>

#include "base/archive.hpp"
#include "base/parallel.hpp"
#include "base/random.hpp"

namespace slipway::cpi::suite {

namespace {

// The type of the error `action` ends with; nothing when it succeeds.
template <class Action>
std::optional<ErrorType> error_type_of(Action&& action) {
  try {
    action();
  } catch (const CpiError& error) {
    INFO(error.what());
    CHECK(std::string(error.what()) != "");
    return error.type();
  }
  return std::nullopt;
}

// Makes things by the CPI and removes what is left of them at the end.
class Bench {
 public:
  explicit Bench(const Subject& subject) : subject_(subject), cpi_(*subject.cpi) {}
  ~Bench() {
    for (const auto& vm : vms_) quietly([&] { cpi_.delete_vm(vm); });
    for (const auto& disk : disks_) quietly([&] { cpi_.delete_disk(disk); });
    if (subject_.spares_stemcells) return;
    for (const auto& stemcell : stemcells_) quietly([&] { cpi_.delete_stemcell(stemcell); });
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  StemcellCid stemcell() {
    auto cid = cpi_.create_stemcell(subject_.image_path, subject_.stemcell_properties, Json::object());
    stemcells_.insert(cid);
    return cid;
  }

  CreateVm request() {
    SystemRandom random;
    CreateVm request;
    request.agent = {subject_.agent_prefix + "-" + random.hex(6)};
    request.stemcell = stemcell();
    request.cloud_properties = subject_.vm_properties;
    request.networks = subject_.networks();
    request.env = subject_.env;
    return request;
  }

  VmCid vm(const CreateVm& request) { return keep(cpi_.create_vm(request).vm); }
  VmCid vm() { return vm(request()); }
  VmCid keep(const VmCid& vm) {
    vms_.insert(vm);
    return vm;
  }

  DiskCid disk(std::int64_t size_mib = 64, const std::optional<VmCid>& near_vm = std::nullopt, const std::string& key = {}) {
    auto cid = cpi_.create_disk(size_mib, subject_.disk_properties, near_vm, key);
    disks_.insert(cid);
    return cid;
  }

  bool exists(const VmCid& vm) const { return subject_.vm_exists ? subject_.vm_exists(vm) : cpi_.has_vm(vm); }
  bool exists(const DiskCid& disk) const {
    return subject_.disk_exists ? subject_.disk_exists(disk) : cpi_.has_disk(disk);
  }
  void wait_for_guest(const VmCid& vm) const {
    if (subject_.wait_for_guest) subject_.wait_for_guest(vm);
  }

 private:
  template <class Action>
  static void quietly(Action&& action) {
    try {
      action();
    } catch (const Error&) {
      // It is gone already, or the case has failed for a better reason.
    }
  }

  const Subject& subject_;
  Cpi& cpi_;
  std::set<VmCid> vms_;
  std::set<DiskCid> disks_;
  std::set<StemcellCid> stemcells_;
};

const VmCid no_vm{"vm-that-never-was"};
const DiskCid no_disk{"disk-that-never-was"};

Json vm_metadata() {
  return {{"director", "d"},        {"deployment", "dep <&> \"1\""}, {"id", "i-1"}, {"job", "web"}, {"instance_group", "web"},
          {"index", "0"},           {"name", "web/i-1"},             {"created_at", "2026-01-02T03:04:05Z"}};
}

}  // namespace

void info_names_version_and_formats(const Subject& subject) {
  const auto info = subject.cpi->info();
  CHECK(info.api_version >= 2);
  CHECK_FALSE(info.stemcell_formats.empty());
}

void stemcell_is_stored_once(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  const auto first = bench.stemcell();
  CHECK_FALSE(first.empty());
  CHECK(bench.stemcell() == first);
  cpi.delete_stemcell(first);
  CHECK_NOTHROW(cpi.delete_stemcell(first));
  CHECK_NOTHROW(cpi.delete_stemcell({"stemcell-that-never-was"}));
  CHECK(bench.stemcell() == first);
}

void bad_image_is_refused(const Subject& subject) {
  const auto type = error_type_of(
      [&] { subject.cpi->create_stemcell("/nonexistent/image", subject.stemcell_properties, Json::object()); });
  CHECK(type == ErrorType::cloud_error);
}

void vm_lives_and_dies(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  auto request = bench.request();
  request.cloud_properties.update(cpi.calculate_vm_cloud_properties({.cpu = 1, .ram_mib = 512, .ephemeral_disk_mib = 256}));

  const auto created = cpi.create_vm(request);
  const auto vm = bench.keep(created.vm);
  CHECK(cpi.has_vm(vm));
  CHECK(bench.exists(vm));
  CHECK(cpi.get_disks(vm).empty());
  for (const auto& [name, network] : request.networks.items()) {
    CAPTURE(name);
    REQUIRE(created.networks.contains(name));
    CHECK(created.networks[name]["ip"] == network["ip"]);
    CHECK(created.networks[name]["mac"].is_string());
  }

  const auto again = cpi.create_vm(request);
  CHECK(again.vm == vm);
  CHECK(again.networks == created.networks);

  CHECK_NOTHROW(cpi.set_vm_metadata(vm, vm_metadata()));
  CHECK_NOTHROW(cpi.set_vm_metadata(vm, vm_metadata()));
  CHECK_NOTHROW(cpi.reboot_vm(vm));
  CHECK(cpi.has_vm(vm));
  CHECK(bench.exists(vm));

  cpi.delete_vm(vm);
  CHECK_FALSE(cpi.has_vm(vm));
  CHECK_FALSE(bench.exists(vm));
  CHECK(error_type_of([&] { cpi.delete_vm(vm); }) == ErrorType::vm_not_found);
}

void failed_create_leaves_nothing(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  auto request = bench.request();
  const auto good = request;
  request.stemcell = {"stemcell-that-never-was"};
  CHECK(error_type_of([&] { cpi.create_vm(request); }) == ErrorType::vm_creation_failed);
  // The same agent id is free for a better request.
  const auto vm = bench.vm(good);
  CHECK(cpi.has_vm(vm));
}

void parallel_creates_give_one_vm_an_agent(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  const std::vector<CreateVm> requests{bench.request(), bench.request()};
  std::vector<VmCid> made(2 * requests.size());
  parallel_for(made.size(), made.size(), [&](std::size_t i) { made[i] = cpi.create_vm(requests[i / 2]).vm; });
  for (const auto& vm : made) bench.keep(vm);
  CHECK(made[0] == made[1]);
  CHECK(made[2] == made[3]);
  CHECK(made[0] != made[2]);
  parallel_for(requests.size(), requests.size(), [&](std::size_t i) { cpi.delete_vm(made[2 * i]); });
  CHECK_FALSE(bench.exists(made[0]));
  CHECK_FALSE(bench.exists(made[2]));
}

void unknown_vm_is_vm_not_found(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  const auto disk = bench.disk();
  CHECK_FALSE(cpi.has_vm(no_vm));
  CHECK(error_type_of([&] { cpi.delete_vm(no_vm); }) == ErrorType::vm_not_found);
  CHECK(error_type_of([&] { cpi.reboot_vm(no_vm); }) == ErrorType::vm_not_found);
  CHECK(error_type_of([&] { cpi.set_vm_metadata(no_vm, vm_metadata()); }) == ErrorType::vm_not_found);
  CHECK(error_type_of([&] { cpi.get_disks(no_vm); }) == ErrorType::vm_not_found);
  CHECK(error_type_of([&] { cpi.attach_disk(no_vm, disk); }) == ErrorType::vm_not_found);
  CHECK(error_type_of([&] { cpi.detach_disk(no_vm, disk); }) == ErrorType::vm_not_found);
  CHECK(error_type_of([&] { bench.disk(64, no_vm); }) == ErrorType::vm_not_found);
  // A cid is never a path.
  CHECK_FALSE(cpi.has_vm({"../../etc"}));
  CHECK(error_type_of([&] { cpi.delete_vm({"../../etc"}); }) == ErrorType::vm_not_found);
}

void unknown_disk_is_disk_not_found(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  CHECK_FALSE(cpi.has_disk(no_disk));
  CHECK(error_type_of([&] { cpi.delete_disk(no_disk); }) == ErrorType::disk_not_found);
  CHECK(error_type_of([&] { cpi.set_disk_metadata(no_disk, vm_metadata()); }) == ErrorType::disk_not_found);
  CHECK(error_type_of([&] { cpi.resize_disk(no_disk, 128); }) == ErrorType::disk_not_found);
  CHECK(error_type_of([&] { cpi.update_disk(no_disk, 128, subject.disk_properties); }) == ErrorType::disk_not_found);
  CHECK(error_type_of([&] { cpi.snapshot_disk(no_disk, vm_metadata()); }) == ErrorType::disk_not_found);
  CHECK_NOTHROW(cpi.delete_snapshot({"snapshot-that-never-was"}));
  CHECK_FALSE(cpi.has_disk({"../../etc/passwd"}));
  CHECK(error_type_of([&] { cpi.delete_disk({"../../etc/passwd"}); }) == ErrorType::disk_not_found);

  const auto vm = bench.vm();
  CHECK(error_type_of([&] { cpi.attach_disk(vm, no_disk); }) == ErrorType::disk_not_found);
  CHECK(error_type_of([&] { cpi.detach_disk(vm, no_disk); }) == ErrorType::disk_not_found);
}

void disk_lives_and_dies(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  const auto disk = bench.disk(64);
  CHECK(cpi.has_disk(disk));
  CHECK(bench.exists(disk));
  CHECK(bench.disk(64) != disk);
  const auto keyed = bench.disk(64, std::nullopt, "director/instance/1");
  CHECK(bench.disk(64, std::nullopt, "director/instance/1") == keyed);
  CHECK(bench.disk(64, std::nullopt, "director/instance/2") != keyed);
  CHECK_NOTHROW(cpi.set_disk_metadata(disk, vm_metadata()));
  CHECK_NOTHROW(cpi.resize_disk(disk, 128));
  CHECK_NOTHROW(cpi.resize_disk(disk, 128));
  CHECK(error_type_of([&] { cpi.resize_disk(disk, 64); }) == ErrorType::not_supported);
  CHECK_FALSE(cpi.update_disk(disk, 192, subject.disk_properties));

  const auto snapshot = cpi.snapshot_disk(disk, vm_metadata());
  CHECK_FALSE(snapshot.empty());
  CHECK(cpi.snapshot_disk(disk, vm_metadata()) != snapshot);
  CHECK_NOTHROW(cpi.delete_snapshot(snapshot));
  CHECK_NOTHROW(cpi.delete_snapshot(snapshot));

  cpi.delete_disk(disk);
  CHECK_FALSE(cpi.has_disk(disk));
  CHECK_FALSE(bench.exists(disk));
  CHECK(error_type_of([&] { cpi.delete_disk(disk); }) == ErrorType::disk_not_found);
}

void disk_moves_between_vms(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  const auto first = bench.vm();
  const auto second = bench.vm();
  const auto disk = bench.disk(64, first);
  bench.wait_for_guest(first);

  CHECK_NOTHROW(cpi.detach_disk(first, disk));
  const auto hint = cpi.attach_disk(first, disk);
  CHECK(hint.is_object());
  CHECK_FALSE(hint.empty());
  CHECK(cpi.attach_disk(first, disk) == hint);
  CHECK(cpi.get_disks(first) == std::vector{disk});
  CHECK_NOTHROW(cpi.set_disk_metadata(disk, vm_metadata()));

  CHECK(error_type_of([&] { cpi.attach_disk(second, disk); }) == ErrorType::cloud_error);
  CHECK(error_type_of([&] { cpi.detach_disk(second, disk); }) == ErrorType::disk_not_attached);
  CHECK(error_type_of([&] { cpi.delete_disk(disk); }) == ErrorType::cloud_error);
  CHECK(error_type_of([&] { cpi.resize_disk(disk, 128); }) == ErrorType::not_supported);
  CHECK_NOTHROW(cpi.delete_snapshot(cpi.snapshot_disk(disk, vm_metadata())));
  CHECK(cpi.has_disk(disk));
  CHECK(cpi.get_disks(second).empty());

  cpi.detach_disk(first, disk);
  CHECK_NOTHROW(cpi.detach_disk(first, disk));
  CHECK(cpi.get_disks(first).empty());

  bench.wait_for_guest(second);
  CHECK_FALSE(cpi.attach_disk(second, disk).empty());
  CHECK(cpi.get_disks(second) == std::vector{disk});
  const auto more = bench.disk(64);
  CHECK(cpi.attach_disk(second, more) != cpi.attach_disk(second, disk));
  CHECK(cpi.get_disks(second).size() == 2);
}

void deleting_a_vm_spares_its_disk(const Subject& subject) {
  Bench bench(subject);
  auto& cpi = *subject.cpi;
  const auto vm = bench.vm();
  const auto disk = bench.disk(64, vm);
  cpi.attach_disk(vm, disk);
  cpi.reboot_vm(vm);
  CHECK(cpi.get_disks(vm) == std::vector{disk});
  cpi.delete_vm(vm);
  CHECK(cpi.has_disk(disk));
  CHECK(bench.exists(disk));
  CHECK_NOTHROW(cpi.resize_disk(disk, 96));
  CHECK_NOTHROW(cpi.delete_disk(disk));
}

void bad_sizes_are_refused(const Subject& subject) {
  Bench bench(subject);
  CHECK(error_type_of([&] { bench.disk(0); }));
  CHECK(error_type_of([&] { bench.disk(-5); }));
  const auto disk = bench.disk(64);
  CHECK(error_type_of([&] { subject.cpi->resize_disk(disk, 0); }));
  CHECK(subject.cpi->has_disk(disk));
}

void networks_follow_the_contract(const Subject& subject) {
  auto& cpi = *subject.cpi;
  const Json definition{{"type", "manual"}, {"netmask_bits", 24}, {"cloud_properties", Json::object()}};
  if (!subject.makes_networks) {
    CHECK(error_type_of([&] { cpi.create_network(definition); }) == ErrorType::not_implemented);
    CHECK(error_type_of([&] { cpi.delete_network({"x"}); }) == ErrorType::not_implemented);
    return;
  }
  CHECK(error_type_of([&] { cpi.delete_network({"network-that-never-was"}); }) == ErrorType::network_not_found);
  const auto network = cpi.create_network(definition);
  REQUIRE(network.is_array());
  REQUIRE(network.size() == 3);
  CHECK(network[1]["range"].is_string());
  CHECK(network[1]["gateway"].is_string());
  CHECK(network[2].is_object());
  const NetworkCid cid{network[0].get<std::string>()};
  CHECK_NOTHROW(cpi.delete_network(cid));
  CHECK(error_type_of([&] { cpi.delete_network(cid); }) == ErrorType::network_not_found);
}

void logs_of_a_vm_are_read(const Subject& subject) {
  auto& cpi = *subject.cpi;
  constexpr std::int64_t most = 1 << 20;
  if (!subject.looks_into_failed_vms) {
    CHECK(error_type_of([&] { cpi.get_vm_logs(no_vm, most); }) == ErrorType::not_implemented);
    return;
  }
  CHECK(error_type_of([&] { cpi.get_vm_logs(no_vm, most); }) == ErrorType::vm_not_found);
  CHECK(error_type_of([&] { cpi.get_vm_logs({"../../etc"}, most); }) == ErrorType::vm_not_found);
  Bench bench(subject);
  const auto vm = bench.vm();
  for (const auto limit : {std::int64_t{10}, most}) {
    CAPTURE(limit);
    const auto archive = cpi.get_vm_logs(vm, limit);
    std::int64_t content = 0;
    auto reader = ArchiveReader::from_memory(archive);
    for (ArchiveEntry entry; reader.next(entry);) content += static_cast<std::int64_t>(entry.size);
    CHECK(content <= limit);
  }
}

void powered_off_vm_stays_off(const Subject& subject) {
  auto& cpi = *subject.cpi;
  if (!subject.looks_into_failed_vms) {
    CHECK(error_type_of([&] { cpi.power_off_vm(no_vm); }) == ErrorType::not_implemented);
    return;
  }
  CHECK(error_type_of([&] { cpi.power_off_vm(no_vm); }) == ErrorType::vm_not_found);
  Bench bench(subject);
  const auto request = bench.request();
  const auto vm = bench.vm(request);
  const auto disk = bench.disk(64, vm);
  cpi.attach_disk(vm, disk);
  cpi.power_off_vm(vm);
  CHECK_NOTHROW(cpi.power_off_vm(vm));
  CHECK(error_type_of([&] { cpi.reboot_vm(vm); }) == ErrorType::cloud_error);
  CHECK(cpi.create_vm(request).vm == vm);
  CHECK(cpi.has_vm(vm));
  if (subject.vm_runs) CHECK_FALSE(subject.vm_runs(vm));
  CHECK_NOTHROW(cpi.get_vm_logs(vm, 1 << 20));
  // Another VM takes over its disk.
  cpi.detach_disk(vm, disk);
  CHECK(cpi.get_disks(vm).empty());
  const auto next = bench.vm();
  bench.wait_for_guest(next);
  CHECK_FALSE(cpi.attach_disk(next, disk).empty());
  cpi.delete_vm(vm);
  CHECK_FALSE(cpi.has_vm(vm));
  CHECK(cpi.get_disks(next) == std::vector{disk});
}

}  // namespace slipway::cpi::suite
