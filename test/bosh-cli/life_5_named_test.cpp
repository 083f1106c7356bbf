#include <doctest/doctest.h>

#include <iterator>
#include <set>
#include <sstream>

#include "base/file.hpp"
#include "test/bosh-cli/bosh_lab.hpp"

using namespace slipway;
using namespace slipway::test;

namespace life_5_named_test {

namespace {

constexpr const char* two_disks = "{name: data, type: small}, {name: log, type: small}";
constexpr const char* short_names = "use_dns_addresses: true, use_short_dns_addresses: true";
constexpr const char* link_names = "use_link_dns_names: true";

Said named(BoshLab& lab, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-d", "named"});
  return lab.must_bosh(arguments);
}

Said deploy_named(BoshLab& lab, const std::string& features, const std::string& disks = two_disks,
                  const std::vector<std::string>& options = {}) {
  auto text = read_file("test/bosh-cli/named.yml");
  const auto replace = [&](const std::string& what, const std::string& by) { text.replace(text.rfind(what), what.size(), by); };
  replace("{features}", features);
  replace("{disks}", disks);
  std::vector<std::string> arguments = {"deploy", lab.write("named.yml", text).string()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return named(lab, arguments);
}

std::vector<Row> keepers(BoshLab& lab) {
  auto rows = named(lab, {"instances", "--details"}).rows();
  REQUIRE(rows.size() == 2);
  return rows;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::set<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

std::string shell(BoshLab& lab, const Row& instance, const std::string& script) {
  return lab.must_on_node(instance.at("vm_cid"), {"/bin/sh", "-c", script});
}

// What the node's own resolver says to a program that asks it.
std::set<std::string> resolved(BoshLab& lab, const Row& instance, const std::string& name) {
  return words_of(shell(lab, instance, "getent ahostsv4 '" + name + "' | cut -d' ' -f1"));
}

// All names that the instance's templates were given, each asked for on the node.
void check_names(BoshLab& lab, const std::string& suffix_begin) {
  const auto rows = keepers(lab);
  const std::set<std::string> all = {rows.at(0).at("ips"), rows.at(1).at("ips")};
  for (const auto& instance : rows) {
    const auto names = lines_of(lab.file_on_node(instance.at("vm_cid"), "/var/vcap/jobs/namer/config/names"));
    REQUIRE(names.size() == 5);
    for (const auto& name : names) {
      INFO(instance.at("instance") << " is told " << name);
      CHECK(name.rfind("q-", 0) == 0);
      CHECK(name.size() < 30);
    }
    CHECK(resolved(lab, instance, names.at(0)) == std::set<std::string>{instance.at("ips")});
    CHECK(names.at(1).find(suffix_begin) != std::string::npos);
    CHECK(resolved(lab, instance, names.at(1)) == all);
    for (const auto& other : rows)
      if (other.at("az") == "z2") CHECK(resolved(lab, instance, names.at(2)) == std::set<std::string>{other.at("ips")});
    std::set<std::string> each;
    for (const auto* name : {&names.at(3), &names.at(4)}) each.merge(resolved(lab, instance, *name));
    CHECK(each == all);
    CHECK(resolved(lab, instance, "q-s0.q-g987654.bosh").empty());
  }
}

// The device that the link leads to.
std::string device_of(BoshLab& lab, const Row& instance, const std::string& disk) {
  return shell(lab, instance, "readlink -f /var/vcap/instance/disks/" + disk);
}

std::string starts_on(BoshLab& lab, const Row& instance) {
  return lab.file_on_node(instance.at("vm_cid"), "/var/vcap/data/namer/starts");
}

std::vector<std::string> links_on(BoshLab& lab, const Row& instance) {
  return lines_of(shell(lab, instance, "ls /var/vcap/instance/disks"));
}

}  // namespace

TEST_CASE("named disks are attached and linked under their names, and only the job formats and mounts one") {
  auto& lab = BoshLab::get();
  deploy_named(lab, short_names);
  for (const auto& instance : keepers(lab)) {
    CHECK(instance.at("process_state") == "running");
    CHECK(lines_of(instance.at("disk_cids")).size() == 2);
    CHECK(links_on(lab, instance) == std::vector<std::string>{"data", "log"});
    CHECK(device_of(lab, instance, "data") != device_of(lab, instance, "log"));
    for (const std::string disk : {"data", "log"}) shell(lab, instance, "test -b /var/vcap/instance/disks/" + disk);
    CHECK(shell(lab, instance, "blkid --probe /var/vcap/instance/disks/log || echo $?") == "2\n");  // nothing is on it
    const auto mounts = lab.file_on_node(instance.at("vm_cid"), "/proc/self/mounts");
    CHECK(mounts.find(" /var/vcap/data/namer ext4 ") != std::string::npos);
    CHECK(mounts.find(" /var/vcap/store ") == std::string::npos);
    CHECK(starts_on(lab, instance) == "started\n");
  }
}

TEST_CASE("what is on named disks is there after a recreate, each under its name") {
  auto& lab = BoshLab::get();
  const auto before = keepers(lab);
  for (const auto& instance : before)
    shell(lab, instance, "printf %s " + instance.at("instance") + " | dd conv=fsync of=/var/vcap/instance/disks/log 2> /dev/null");
  named(lab, {"recreate", "keeper"});
  const auto after = keepers(lab);
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto& instance = after.at(i);
    CHECK(instance.at("process_state") == "running");
    CHECK(instance.at("vm_cid") != before.at(i).at("vm_cid"));
    CHECK(instance.at("disk_cids") == before.at(i).at("disk_cids"));
    CHECK(starts_on(lab, instance) == "started\nstarted\n");
    const auto size = std::to_string(instance.at("instance").size());
    CHECK(shell(lab, instance, "head --bytes=" + size + " /var/vcap/instance/disks/log") == before.at(i).at("instance"));
  }
}

TEST_CASE("the short names that templates are given are answered by the nodes, of recreated ones too") {
  check_names(BoshLab::get(), "s0.q-g");
}

TEST_CASE("names by links are answered by the nodes as well") {
  auto& lab = BoshLab::get();
  const auto group = lines_of(lab.file_on_node(keepers(lab).at(0).at("vm_cid"), "/var/vcap/jobs/namer/config/names")).at(1);
  deploy_named(lab, link_names);
  const auto link = lines_of(lab.file_on_node(keepers(lab).at(0).at("vm_cid"), "/var/vcap/jobs/namer/config/names")).at(1);
  CHECK(link != group);
  check_names(lab, "s0.q-g");
}

TEST_CASE("a named disk that is wanted no more loses its link and becomes an orphan, and the other stays as it is") {
  auto& lab = BoshLab::get();
  deploy_named(lab, link_names, "{name: data, type: small}");
  for (const auto& instance : keepers(lab)) {
    CHECK(links_on(lab, instance) == std::vector<std::string>{"data"});
    CHECK(starts_on(lab, instance).rfind("started\nstarted\n", 0) == 0);
    CHECK(lines_of(instance.at("disk_cids")).size() == 1);
  }
  const auto orphans = lab.must_bosh({"disks", "--orphaned"}).rows_with("deployment", "named");
  CHECK(orphans.size() == 2);
  named(lab, {"delete-deployment"});
  for (const auto& orphan : lab.must_bosh({"disks", "--orphaned"}).rows_with("deployment", "named"))
    lab.must_bosh({"delete-disk", orphan.at("disk_cid")});
  CHECK(lab.must_bosh({"disks", "--orphaned"}).rows_with("deployment", "named").empty());
}

}  // namespace life_5_named_test
