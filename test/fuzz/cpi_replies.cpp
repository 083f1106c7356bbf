// What a CPI prints, to every method that reads it.
#include "base/process.hpp"
#include "cpi/contract/exec_client.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {
namespace {

cpi::ExecCpi printing(std::string_view output) {
  cpi::ExecOptions options{.command = {"cpi"}};
  options.run = [output](const ProcessSpec& spec) {
    ProcessResult result;
    result.exit_code = 0;
    const bool info = spec.standard_input.find(R"("method":"info")") != std::string::npos;
    result.standard_output = info ? R"({"result":{"api_version":2},"error":null,"log":""})" : std::string(output);
    return result;
  };
  return cpi::ExecCpi(std::move(options));
}

}  // namespace

void run(std::string_view input) {
  auto cpi = printing(input);
  const cpi::VmCid vm{"vm"};
  const cpi::DiskCid disk{"disk"};
  refusals_are_right([&] { require(!cpi.create_stemcell("image", Json::object(), Json::object()).value.empty()); });
  refusals_are_right([&] { require(!cpi.create_vm({}).vm.value.empty()); });
  refusals_are_right([&] { require(!cpi.create_disk(1024, Json::object(), std::nullopt).value.empty()); });
  refusals_are_right([&] { cpi.delete_vm(vm); });
  refusals_are_right([&] { cpi.has_vm(vm); });
  refusals_are_right([&] { cpi.has_disk(disk); });
  refusals_are_right([&] { cpi.get_disks(vm); });
  refusals_are_right([&] { cpi.attach_disk(vm, disk); });
  refusals_are_right([&] { cpi.update_disk(disk, 2048, Json::object()); });
  refusals_are_right([&] { cpi.snapshot_disk(disk, Json::object()); });
  refusals_are_right([&] { cpi.calculate_vm_cloud_properties({}); });
  refusals_are_right([&] { cpi.create_network(Json::object()); });
  cpi::ExecOptions asked{.command = {"cpi"}};
  asked.run = [input](const ProcessSpec&) {
    ProcessResult result;
    result.standard_output = input;
    return result;
  };
  refusals_are_right([&] { cpi::ExecCpi(std::move(asked)).info(); });
}

}  // namespace slipway::fuzz
