#include "cpi/vsphere/vcsim_world.hpp"

#include <cstdlib>

#include "base/archive.hpp"
#include "base/process.hpp"
#include "cpi/vsphere/folders.hpp"
#include "cpi/vsphere/inventory.hpp"

namespace slipway::cpi::vsphere {

namespace {

namespace fs = std::filesystem;

// One disk, a CD-ROM drive and a network card, which the template must lose.
constexpr const char* descriptor = R"(<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:href="system.vmdk" ovf:id="file1"/></References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:capacity="16" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1"
      ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="VM Network"><Description>any</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="stemcell"><Info>A stemcell</Info>
    <OperatingSystemSection ovf:id="100"><Info>Guest</Info></OperatingSystemSection>
    <VirtualHardwareSection><Info>Hardware</Info>
      <System><vssd:ElementName>Hardware</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemType>vmx-15</vssd:VirtualSystemType></System>
      <Item><rasd:ElementName>cpu</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:ElementName>memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>512</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>disk</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>7</rasd:AddressOnParent><rasd:Connection>VM Network</rasd:Connection>
        <rasd:ElementName>card</rasd:ElementName><rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
)";

std::string line_of(const fs::path& file) {
  auto text = read_file(file);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// A real, if empty, stream-optimised VMDK.
void make_image(const fs::path& image, const fs::path& folder, const std::string& content) {
  const auto raw = folder / "system.raw", vmdk = folder / "system.vmdk";
  write_file_atomically(raw, content);
  fs::resize_file(raw, 16u << 20);
  run_checked({.argv = {"qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized",
                        raw.string(), vmdk.string()}});
  ArchiveWriter tar(image);
  tar.add("image.ovf", descriptor);
  tar.add_file("system.vmdk", vmdk, 0644);
  tar.finish();
}

}  // namespace

std::string request_name(const http::ClientRequest& request) {
  if (request.target != "/sdk")
    return request.method + " " + request.target.substr(0, request.target.find('/', 1));
  try {
    return std::string(parse_xml(request.body, "request").child("Body").children().front().name());
  } catch (const Error&) {
    return "?";
  }
}

http::ClientResponse TestTransport::send(const std::string& origin, const http::ClientRequest& request,
                                         bool may_repeat) {
  const auto name = request_name(request);
  auto mishap = Mishap::none;
  {
    const std::lock_guard lock(mutex_);
    names_.push_back(name);
    if (mishap_ != Mishap::none && (!concerns_ || concerns_(name)) && countdown_-- == 0) {
      mishap = std::exchange(mishap_, Mishap::none);
      happened_ = true;
    }
  }
  if (mishap == Mishap::busy) return {.status = 503, .headers = {}, .body = "busy"};
  if (mishap == Mishap::sent_twice) inner_.send(origin, request, may_repeat);
  auto response = inner_.send(origin, request, may_repeat);
  if (mishap == Mishap::reply_lost) throw Error(Fault::outcome_unknown, name + ": the connection broke");
  if (mishap == Mishap::reply_garbled)
    response.body = response.body.substr(0, response.body.size() / 2) + "<\x01";
  return response;
}

void TestTransport::plan(Mishap mishap, int at, std::function<bool(const std::string&)> concerns) {
  const std::lock_guard lock(mutex_);
  mishap_ = mishap;
  countdown_ = at;
  concerns_ = std::move(concerns);
  happened_ = false;
}

std::vector<std::string> TestTransport::take_names() {
  const std::lock_guard lock(mutex_);
  return std::exchange(names_, {});
}

VcsimWorld& VcsimWorld::get() {
  static VcsimWorld world;
  return world;
}

VcsimWorld::VcsimWorld() {
  const char* folder = std::getenv("SLIPWAY_VCSIM");
  if (folder == nullptr)
    throw Error(Fault::invalid, "SLIPWAY_VCSIM is not set: run this by test/vcsim/with-vcsim");
  vcsim_ = folder;
  const auto url = line_of(vcsim_ / "url");  // https://127.0.0.1:PORT/sdk
  const auto colon = url.rfind(':');
  host_ = url.substr(8, colon - 8);
  port_ = std::stoi(url.substr(colon + 1));
  user_ = line_of(vcsim_ / "user");
  password_ = line_of(vcsim_ / "password");
  ca_pem_ = read_file(vcsim_ / "ca.pem");
  make_image(image(), work_.path(), "a stemcell");
  make_image(other_image(), work_.path(), "another stemcell");
  own_config_ = std::make_unique<VsphereConfig>(config());
}

Json VcsimWorld::settings(const std::string& datacenter) const {
  return {{"host", host_},
          {"port", port_},
          {"user", user_},
          {"password_file", (vcsim_ / "password").string()},
          {"ca_file", (vcsim_ / "ca.pem").string()},
          {"datacenters",
           {{{"name", datacenter},
             {"datastore_pattern", "^LocalDS"},
             {"persistent_datastore_pattern", "^LocalDS|private"},
             {"clusters",
              {datacenter + "_C0", {{datacenter + "_C1", {{"resource_pool", datacenter + "_C1_RP1"}}}}}}}}},
          {"agent", {{"mbus", "nats://10.77.0.1:4222"}, {"ntp", {"10.77.0.1"}}}},
          {"defaults", {{"disk", 64}, {"ram", 256}}}};
}

fs::path VcsimWorld::config_file(const std::string& datacenter) const {
  const auto file = work_.path() / (datacenter + ".json");
  if (!fs::exists(file)) write_file_atomically(file, dump(settings(datacenter)), 0600);
  return file;
}

VsphereConfig VcsimWorld::config(const std::string& datacenter) const {
  return read_vsphere_config(settings(datacenter), "test");
}

std::vector<std::string> VcsimWorld::vms_in(const std::string& folder_path) {
  return look([&](Session& session) {
    std::vector<std::string> names;
    const auto folder = find_by_path(session, folder_path);
    if (!folder) return names;
    const std::vector<PropertySpec> specs{{"VirtualMachine", {"name"}}, {"Folder", {"name"}}};
    for (const auto& one : retrieve(session, specs, {{*folder, {{"inside", "Folder", "childEntity", {}}}}})) {
      if (one.object != *folder) names.push_back(one.text("name"));
    }
    return names;
  });
}

Properties VcsimWorld::properties_of(const VmCid& vm, const std::vector<std::string>& paths) {
  return look([&](Session& session) {
    for (const char* datacenter : {"DC0", "DC1"}) {
      const auto ref = find_by_path(session, std::string(datacenter) + "/vm/slipway/vms/" + vm.value);
      if (!ref) continue;
      if (auto found = retrieve_one(session, *ref, paths)) return std::move(*found);
    }
    return Properties();
  });
}

bool VcsimWorld::vm_runs(const VmCid& vm) {
  return properties_of(vm, {"runtime.powerState"}).text("runtime.powerState") == "poweredOn";
}

std::vector<std::string> VcsimWorld::disk_files() {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(vcsim_)) {
    if (entry.is_regular_file() && entry.path().parent_path().filename() == "slipway-disks")
      names.push_back(entry.path().filename());
  }
  return names;
}

Json VcsimWorld::networks(const std::string& portgroup) {
  const int n = next_address_++;
  return {{"default",
           {{"type", "manual"},
            {"ip", "10.77." + std::to_string(100 + n / 250) + "." + std::to_string(n % 250 + 2)},
            {"netmask", "255.255.0.0"},
            {"gateway", "10.77.0.1"},
            {"cloud_properties", {{"name", portgroup}}}}}};
}

suite::Subject VcsimWorld::subject(std::shared_ptr<Cpi> cpi) {
  suite::Subject subject;
  subject.cpi = std::move(cpi);
  subject.image_path = image().string();
  subject.networks = [this] { return networks(); };
  subject.vm_exists = [this](const VmCid& vm) { return vm_runs(vm); };
  subject.disk_exists = [this](const DiskCid& disk) {
    const auto files = disk_files();
    return std::find(files.begin(), files.end(), disk.value + ".vmdk") != files.end();
  };
  subject.makes_networks = false;
  return subject;
}

}  // namespace slipway::cpi::vsphere
