#include <fstream>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"
#include "cpi/vsphere/config.hpp"
#include "cpi/vsphere/devices.hpp"
#include "cpi/vsphere/disk_files.hpp"
#include "cpi/vsphere/image.hpp"
#include "cpi/vsphere/names.hpp"
#include "cpi/vsphere/placement.hpp"
#include "cpi/vsphere/settings.hpp"
#include "cpi/vsphere/soap/envelope.hpp"
#include "cpi/vsphere/soap/fault.hpp"

#include <doctest/doctest.h>

using namespace slipway;
using namespace slipway::cpi;
using namespace slipway::cpi::vsphere;

namespace {

std::string envelope(const std::string& body) {
  return "<?xml version=\"1.0\"?><a:Envelope xmlns:a=\"http://schemas.xmlsoap.org/soap/envelope/\" "
         "xmlns:x=\"http://www.w3.org/2001/XMLSchema-instance\"><a:Body>" +
         body + "</a:Body></a:Envelope>";
}

Fault fault_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    INFO(std::string(error.what()));
    return error.fault();
  }
  FAIL("nothing was thrown");
  return Fault::internal;
}

Json config_json() {
  return {{"host", "vc.test"},
          {"user", "u"},
          {"password", "p"},
          {"datacenters", {{{"name", "DC"}, {"clusters", {"C"}}}}}};
}

// Two clusters: "A" has more memory, "B" alone sees the datastore "b".
struct Sample {
  DatacenterConfig config{.name = "DC",
                          .datastore_pattern = "^(shared|b)$",
                          .persistent_datastore_pattern = ".*",
                          .clusters = {{"A", ""}, {"B", ""}}};
  Inventory inventory;
  Sample() {
    const Datastore shared{{"Datastore", "ds-1"}, "shared", 5000, true},
        b{{"Datastore", "ds-2"}, "b", 9000, true}, other{{"Datastore", "ds-3"}, "other", 99000, true};
    Datacenter datacenter{.config = &config, .path = "DC"};
    datacenter.datastores = {shared, b, other};
    datacenter.networks = {{.ref = {"Network", "n-1"}, .name = "net"}};
    for (const auto& [name, memory] : {std::pair{"A", 4000}, {"B", 2000}}) {
      Cluster cluster{.ref = {"ClusterComputeResource", name}, .name = name};
      cluster.hosts = {{{"HostSystem", std::string("h-") + name}, name, memory, true}};
      cluster.datastores = {shared.ref, other.ref};
      cluster.networks = {{"Network", "n-1"}};
      datacenter.clusters.push_back(cluster);
    }
    datacenter.clusters[1].datastores.push_back(b.ref);
    inventory.datacenters = {datacenter};
  }
};

}  // namespace

TEST_CASE("a call is written as vSphere reads it, whatever its texts hold") {
  const auto text = soap_request("DoIt", {"VirtualMachine", "vm-1"}, [](XmlOut& in) {
    in.text("name", "<&>\"'\x01 \xc3\xa4")
        .number("size", -7)
        .flag("force", true)
        .ref("datacenter", {"Datacenter", "dc<1>"});
    in.child("spec", "SomeSpec").any_string("value", "v");
  });
  CHECK(text.find("<DoIt xmlns=\"urn:vim25\"><_this type=\"VirtualMachine\">vm-1</_this>") !=
        std::string::npos);
  CHECK(text.find("<name>&lt;&amp;&gt;\"'? \xc3\xa4</name><size>-7</size><force>true</force>") !=
        std::string::npos);
  CHECK(text.find("<datacenter type=\"Datacenter\">dc&lt;1&gt;</datacenter>") != std::string::npos);
  CHECK(text.find("<spec xsi:type=\"SomeSpec\"><value xsi:type=\"xsd:string\">v</value></spec>") !=
        std::string::npos);
  CHECK(parse_xml(text, "request").at({"Body", "DoIt", "name"}).text() == "<&>\"'? \xc3\xa4");
}

TEST_CASE("an answer is read by local names, and what it holds beside is ignored") {
  const auto answer = soap_response(
      envelope("<v:DoItResponse xmlns:v=\"urn:vim25\"><v:odd/><v:returnval type=\"Task\">task-1</v:returnval>"
               "<v:more x:type=\"v:Thing\"><v:n>12</v:n><v:yes>true</v:yes></v:more></v:DoItResponse>"),
      "DoIt", "DoIt");
  CHECK(answer.ref("returnval") == MoRef{"Task", "task-1"});
  CHECK(answer.child("more").type() == "Thing");
  CHECK(answer.child("more").number("n") == 12);
  CHECK(answer.child("more").flag("yes"));
  CHECK(answer.at({"no", "such", "thing"}).text() == "");
  CHECK_FALSE(answer.child("more").number("absent"));
}

TEST_CASE("a part of an answer goes into a request whatever prefixes it came with") {
  const auto answer = parse_xml(
      "<r xmlns:q=\"urn:vim25\" xmlns:XMLSchema-instance=\"i\"><q:spec XMLSchema-instance:type=\"q:Spec\">"
      "<q:keep type=\"Datastore\">ds-1</q:keep><q:drop/><q:n "
      "XMLSchema-instance:type=\"xsd:int\">1</q:n></q:spec></r>",
      "x");
  const auto text = soap_request("M", {"T", "t"}, [&](XmlOut& in) {
    in.copy("spec", answer.child("spec"), [](const XmlIn& child) { return child.name() == "drop"; });
  });
  CHECK(text.find("<spec xsi:type=\"Spec\"><keep type=\"Datastore\">ds-1</keep><n "
                  "xsi:type=\"xsd:int\">1</n></spec>") != std::string::npos);
}

TEST_CASE("faults say what to do about them") {
  const auto fault = [](const std::string& detail) {
    return envelope("<a:Fault><faultcode>x</faultcode><faultstring>it said no</faultstring><detail>" +
                    detail + "</detail></a:Fault>");
  };
  const auto thrown = [&](const std::string& detail) {
    return fault_of([&] { soap_response(fault(detail), "M", "M"); });
  };
  CHECK(thrown("<NotAuthenticatedFault x:type=\"NotAuthenticated\"/>") == Fault::unauthenticated);
  CHECK(thrown("<DuplicateNameFault/>") == Fault::conflict);  // by the element's name
  CHECK(thrown("<Fault x:type=\"NoDiskSpace\"/>") == Fault::exhausted);
  CHECK(thrown("<Fault x:type=\"FileNotFound\"/>") == Fault::not_found);
  CHECK(thrown("<Fault x:type=\"SomethingNew\"/>") == Fault::internal);
  CHECK(thrown("") == Fault::internal);
  try {
    soap_response(fault("<NoPermissionFault x:type=\"NoPermission\"><object type=\"Folder\">group-v1</object>"
                        "<privilegeId>Folder.Create</privilegeId></NoPermissionFault>"),
                  "CreateFolder", "CreateFolder");
    FAIL("nothing was thrown");
  } catch (const VimFault& error) {
    CHECK(error.is("NoPermission"));
    CHECK(std::string(error.what()) ==
          "CreateFolder: NoPermission: it said no, the account lacks Folder.Create on Folder:group-v1");
  }
}

TEST_CASE("hostile answers end in an error and nothing else") {
  const auto refused = [](const std::string& text) {
    return fault_of([&] { soap_response(text, "M", "M"); }) == Fault::outcome_unknown;
  };
  CHECK(refused(""));
  CHECK(refused("no xml"));
  CHECK(refused(std::string("\0\0\0", 3)));
  CHECK(refused("<a"));
  CHECK(refused("<a><b></a>"));
  CHECK(refused(envelope("")));
  CHECK(refused(envelope("<OtherResponse/>")));
  CHECK(refused("<Body><MResponse/></Body>"));
  std::string deep = "<MResponse>";
  for (int i = 0; i < 200'000; ++i) deep += "<d>";
  CHECK(refused(envelope(deep)));
  std::string closed;
  for (int i = 0; i < 5000; ++i) closed = "<d>" + closed + "</d>";
  CHECK(refused(envelope("<MResponse>" + closed + "</MResponse>")));
  CHECK_THROWS_AS(soap_response(envelope("<MResponse><n>12x</n></MResponse>"), "M", "M").number("n"), Error);
  CHECK_THROWS_AS(
      soap_response(envelope("<MResponse><n>99999999999999999999</n></MResponse>"), "M", "M").number("n"),
      Error);
}

TEST_CASE("entities of a DTD's making are not expanded, and files are not read") {
  const auto laughs = parse_xml(
      "<!DOCTYPE a [<!ENTITY l \"ha\"><!ENTITY m \"&l;&l;&l;&l;\"><!ENTITY f SYSTEM "
      "\"file:///etc/passwd\">]><a>&m;&f;</a>",
      "x");
  CHECK(laughs.text() == "&m;&f;");
}

TEST_CASE("devices are read, and places on controllers are found") {
  const auto list = parse_xml(
      "<val xmlns:x=\"i\"><VirtualDevice "
      "x:type=\"VirtualVmxnet3\"><key>4001</key><macAddress>00:50:56:00:00:02</macAddress></VirtualDevice>"
      "<VirtualDevice "
      "x:type=\"VirtualVmxnet3\"><key>4000</key><macAddress>00:50:56:00:00:01</macAddress></VirtualDevice>"
      "<VirtualDevice x:type=\"ParaVirtualSCSIController\"><key>1000</key></VirtualDevice>"
      "<VirtualDevice x:type=\"VirtualDisk\"><key>2000</key><backing><fileName>[ds 1] a/b.vmdk</fileName>"
      "<uuid>6000C29A-0000-1111-2222-333344445555</uuid></backing><controllerKey>1000</"
      "controllerKey><unitNumber>0</unitNumber></VirtualDevice></val>",
      "x");
  auto devices = read_devices(list);
  CHECK(macs_of(devices) == std::vector<std::string>{"00:50:56:00:00:01", "00:50:56:00:00:02"});
  CHECK(free_scsi_place(devices).unit == 1);
  const auto disk =
      std::find_if(devices.begin(), devices.end(), [](const auto& one) { return one.is_disk(); });
  CHECK(disk_hint(disk->uuid) == Json{{"id", "6000c29a-0000-1111-2222-333344445555"},
                                      {"path", "/dev/disk/by-id/wwn-0x6000c29a000011112222333344445555"}});
  for (int unit = 1; unit < 16; ++unit) {
    if (unit != 7)
      devices.push_back({.key = 2000 + unit, .type = "VirtualDisk", .controller = 1000, .unit = unit});
  }
  CHECK_THROWS_AS(free_scsi_place(devices), CpiError);
  CHECK_THROWS_AS(disk_hint("60"), CpiError);
  CHECK(plain_uuid("60 00 C2 9a-00") == "6000c29a00");
}

TEST_CASE("datastore paths are taken apart, and anything else is none") {
  const auto path = parse_datastore_path("[ds 1] slipway-disks/disk-1.vmdk");
  REQUIRE(path);
  CHECK(path->datastore == "ds 1");
  CHECK(path->folder() == "slipway-disks");
  for (const char* text : {"", "[ds]", "[ds] ", "ds] x", "x", "["}) CHECK_FALSE(parse_datastore_path(text));
  const DatacenterConfig config{.name = "DC", .disk_path = "slipway-disks"};
  CHECK(is_persistent_disk(config, "[ds] slipway-disks/disk-1.vmdk"));
  CHECK_FALSE(is_persistent_disk(config, "[ds] vm-1/vm-1.vmdk"));
  CHECK_FALSE(is_persistent_disk(config, "[ds] slipway-disks/more/disk-1.vmdk"));
  CHECK(disk_of("[ds] slipway-disks/disk-1.vmdk").value == "disk-1");
}

TEST_CASE("a disk's size is read from its descriptor") {
  CHECK(size_in_descriptor("# Disk DescriptorFile\nRW 131072 VMFS \"x-flat.vmdk\"\n") == 65536);
  CHECK(size_in_descriptor("RW 2048 VMFS \"a\"\nRW 2048 VMFS \"b\"\n") == 2048);
  CHECK_FALSE(size_in_descriptor("nothing"));
  CHECK_FALSE(size_in_descriptor("RW -5 VMFS \"x\""));
}

TEST_CASE("the cluster with most memory and the datastore with most space are chosen") {
  const Sample sample;
  const auto found =
      choose_placement(sample.inventory, {.networks = {"net"}, .disk_mib = 100, .memory_mib = 512}, 1000);
  CHECK(found.cluster->name == "A");
  CHECK(found.datastore->name == "shared");  // "other" has more space but is not for VMs
  CHECK(choose_placement(sample.inventory, {.disk_mib = 6000}, 1000).cluster->name == "B");
  CHECK(choose_placement(sample.inventory, {.near_datastores = {"b"}}, 1000).cluster->name == "B");
  CHECK(choose_placement(sample.inventory, {.datastores = {"other"}}, 1000).datastore->name == "other");
}

TEST_CASE("no place is an error that waiting heals when it is for room, and none otherwise") {
  const Sample sample;
  const auto retry = [&](const PlacementWish& wish) {
    try {
      choose_placement(sample.inventory, wish, 1000);
    } catch (const CpiError& error) {
      CHECK(error.type() == ErrorType::vm_creation_failed);
      return error.ok_to_retry();
    }
    FAIL("a place was found");
    return false;
  };
  CHECK(retry({.disk_mib = 50'000}));
  CHECK(retry({.memory_mib = 50'000}));
  CHECK_FALSE(retry({.networks = {"no-net"}}));
  CHECK_FALSE(retry({.datastores = {"no-store"}}));
}

TEST_CASE("a persistent disk's datastore is one that matches, is seen and has room") {
  const Sample sample;
  const auto& datacenter = sample.inventory.datacenters.front();
  CHECK(choose_disk_datastore(datacenter, nullptr, {}, 100, 1000).name == "other");
  CHECK(choose_disk_datastore(datacenter, &datacenter.clusters[1], {"b"}, 100, 1000).name == "b");
  try {
    choose_disk_datastore(datacenter, nullptr, {"b"}, 9000, 1000);
    FAIL("there is no room");
  } catch (const CpiError& error) {
    CHECK(error.type() == ErrorType::no_disk_space);
  }
}

TEST_CASE("a configuration is read with its defaults, and all its problems are told at once") {
  const auto config = read_vsphere_config(config_json(), "test");
  CHECK(config.url() == "https://vc.test:443");
  CHECK(config.verify_tls);
  CHECK(config.datacenters.front().disk_path == "slipway-disks");
  auto bad = config_json();
  bad["datacenters"][0]["datastore_pattern"] = "(";
  bad["datacenters"][0]["disk_path"] = "../x";
  bad["datacenters"][0]["clusters"] = Json::array({Json::object()});
  bad["default_disk_type"] = "fat";
  bad.erase("password");
  try {
    read_vsphere_config(bad, "test");
    FAIL("it was read");
  } catch (const Error& error) {
    const std::string text = error.what();
    for (const char* place :
         {"datastore_pattern", "disk_path", "clusters[0]", "default_disk_type", "password"})
      CHECK(text.find(place) != std::string::npos);
  }
}

TEST_CASE("a CPI config's properties describe the vCenter, and nothing on the CPI's own host") {
  const TempDir dir("vsphere-config");
  const auto file = dir.path() / "cpi.json";
  write_file_atomically(file, dump(config_json()));
  const auto config = load_vsphere_config(file.string(), {{"user", "other"},
                                                          {"password", "secret"},
                                                          {"director_uuid", "d"},
                                                          {"password_file", "/etc/shadow"},
                                                          {"verify_tls", false}});
  CHECK(config.user == "other");
  CHECK(config.password.reveal() == "secret");
  CHECK(config.verify_tls);
}

TEST_CASE("a wish's problems are told at once, with their places") {
  auto raw = config_json();
  const auto config = read_vsphere_config(raw, "test");
  CreateVm request;
  request.agent = {"a"};
  request.cloud_properties = {
      {"cpu", 0},
      {"datacenters",
       {{{"name", "DC"}, {"clusters", {{{"C", {{"drs_rules", {{{"name", "r"}, {"type", "odd"}}}}}}}}}}}},
      {"unknown", 1}};
  request.networks = {{"default", {{"type", "manual"}, {"cloud_properties", Json::object()}}},
                      {"outside", {{"type", "vip"}}}};
  try {
    read_wish(request, config);
    FAIL("it was read");
  } catch (const CpiError& error) {
    const std::string text = error.what();
    CHECK(error.type() == ErrorType::vm_creation_failed);
    for (const char* place :
         {"cloud_properties.cpu", "drs_rules[0].type", "networks.default.cloud_properties.name"})
      CHECK(text.find(place) != std::string::npos);
  }
  request.cloud_properties = {{"unknown", 1}};
  request.networks["default"]["cloud_properties"]["name"] = "net";
  const auto wish = read_wish(request, config);
  CHECK(wish.ignored == std::vector<std::string>{"unknown"});
  CHECK(wish.nics.size() == 1);
}

TEST_CASE("the settings' image is an ISO 9660 with one file") {
  const std::string env(70'000, 'x');
  const auto image = env_iso(env);
  CHECK(image.substr(0x8001, 5) == "CD001");
  CHECK(image.size() < env.size() + (256u << 10));
  const TempDir dir("iso");
  write_file_atomically(dir.path() / "env.iso", image);
  CHECK(image.find(env) != std::string::npos);
}

TEST_CASE("a stemcell's image is checked before it is sent") {
  const TempDir dir("ovf");
  const auto image = dir.path() / "image";
  const std::string descriptor =
      "<Envelope xmlns:ovf=\"o\"><References><File ovf:href=\"disk.vmdk\"/></References></Envelope>";
  const auto make = [&](const std::string& manifest, bool with_disk) {
    ArchiveWriter tar(image);
    tar.add("image.ovf", descriptor);
    if (!manifest.empty()) tar.add("image.mf", manifest);
    if (with_disk) tar.add("disk.vmdk", "content");
    tar.finish();
    const TempDir out("ovf-out");
    return unpack_image(image.string(), out.path());
  };
  CHECK(make("", true).total_bytes == 7);
  CHECK(make("SHA256(disk.vmdk)= " + sha256_hex("content") + "\n", true).files.size() == 1);
  CHECK(make("SHA1 (disk.vmdk) = " + sha1_hex("content") + "\n", true).files.size() == 1);
  CHECK_THROWS_AS(make("SHA256(disk.vmdk)= " + sha256_hex("other") + "\n", true), CpiError);
  CHECK_THROWS_AS(make("", false), CpiError);
  write_file_atomically(image, "no archive");
  const TempDir out("ovf-out");
  CHECK_THROWS_AS(unpack_image(image.string(), out.path()), CpiError);
}

TEST_CASE("names that would mean something in a path are nobody's") {
  CHECK(is_plain_name("vm-0f.a_b"));
  for (const char* name : {"", "..", "../etc", "a/b", "a%2fb", "a b", "[ds] x"})
    CHECK_FALSE(is_plain_name(name));
  CHECK_FALSE(is_plain_name(std::string(81, 'a')));
}
