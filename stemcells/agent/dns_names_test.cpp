#include "stemcells/agent/dns_names.hpp"

#include <doctest/doctest.h>

#include <set>
#include <sstream>

using namespace slipway;
using namespace slipway::agent;

namespace dns_names_test {

namespace {

Json info(const std::string& id, const std::string& az_id, const std::string& ip, int index, const std::string& group = "my_etcd") {
  return {id, "7", group, Json::array({"1"}), "z" + az_id, az_id, "default", "1", "Dep", ip, "bosh", "agent-" + id, index};
}

Json records(Json infos) {
  return {{"record_keys",
           {"id", "num_id", "instance_group", "group_ids", "az", "az_id", "network", "network_id", "deployment", "ip",
            "domain", "agent_id", "instance_index"}},
          {"record_infos", std::move(infos)}};
}

std::set<std::string> addresses_of(const Json& blob, const std::string& name) {
  std::set<std::string> found;
  std::istringstream lines(query_hosts(blob));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string address, word;
    words >> address;
    while (words >> word)
      if (word == name) found.insert(address);
  }
  return found;
}

using Addresses = std::set<std::string>;

}  // namespace

TEST_CASE("a query names a group's instances, all of them or those of some zones") {
  const auto blob = records({info("a", "1", "10.0.0.1", 0), info("b", "2", "10.0.0.2", 1), info("c", "3", "10.0.0.3", 2)});
  const std::string suffix = ".my-etcd.default.dep.bosh";
  CHECK(addresses_of(blob, "q-s0" + suffix) == Addresses{"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  CHECK(addresses_of(blob, "q-s4" + suffix) == Addresses{"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  CHECK(addresses_of(blob, "q-a2s3" + suffix) == Addresses{"10.0.0.2"});
  CHECK(addresses_of(blob, "q-a1a3s0" + suffix) == Addresses{"10.0.0.1", "10.0.0.3"});
  CHECK(addresses_of(blob, "b" + suffix) == Addresses{"10.0.0.2"});
  CHECK(addresses_of(blob, "2" + suffix) == Addresses{"10.0.0.3"});
  CHECK(addresses_of(blob, "q-s0.other.default.dep.bosh").empty());
}

TEST_CASE("short names find an instance, and its groups by zone and network") {
  auto first = info("a", "1", "10.0.0.1", 0), second = info("b", "2", "10.0.0.2", 1);
  first[1] = "31", second[1] = "32";
  first[3] = second[3] = Json::array({"4", "9"});  // its group, and that of a link
  const auto blob = records({first, second, info("c", "1", "10.0.0.3", 0, "other")});
  CHECK(addresses_of(blob, "q-m31n1s0.q-g4.bosh") == Addresses{"10.0.0.1"});
  CHECK(addresses_of(blob, "q-m32n1s0.q-g9.bosh") == Addresses{"10.0.0.2"});
  CHECK(addresses_of(blob, "q-m31n2s0.q-g4.bosh").empty());
  CHECK(addresses_of(blob, "q-n1s0.q-g4.bosh") == Addresses{"10.0.0.1", "10.0.0.2"});
  CHECK(addresses_of(blob, "q-s0.q-g9.bosh") == Addresses{"10.0.0.1", "10.0.0.2"});
  CHECK(addresses_of(blob, "q-a2n1s3.q-g4.bosh") == Addresses{"10.0.0.2"});
  CHECK(addresses_of(blob, "q-a1s0.q-g9.bosh") == Addresses{"10.0.0.1"});
  CHECK(addresses_of(blob, "q-s0.q-g1.bosh") == Addresses{"10.0.0.3"});

  auto broken = first;
  broken[3] = "4";
  CHECK(addresses_of(records(Json::array({broken})), "q-s0.q-g4.bosh").empty());
  CHECK(addresses_of(records(Json::array({broken})), "q-s0.my-etcd.default.dep.bosh") == Addresses{"10.0.0.1"});
}

TEST_CASE("zones of a wide group are asked for one by one") {
  Json infos = Json::array();
  for (int i = 1; i <= 6; ++i) infos.push_back(info("i" + std::to_string(i), std::to_string(i), "10.0.0." + std::to_string(i), i));
  const auto blob = records(infos);
  CHECK(addresses_of(blob, "q-a5s0.my-etcd.default.dep.bosh") == Addresses{"10.0.0.5"});
  CHECK(addresses_of(blob, "q-a1a5s0.my-etcd.default.dep.bosh").empty());
}

TEST_CASE("what is no address or no name never reaches the resolver's file") {
  const auto text = query_hosts(records({info("a\n6.6.6.6 bank.example", "1", "10.0.0.1", 0), info("b", "1", "10.0.0.2\n6.6.6.6", 0),
                                         info("c", "1; rm", "10.0.0.3", 0), Json("no row"), info("", "1", "10.0.0.4", 0)}));
  CHECK(text.find("6.6.6.6 ") == std::string::npos);
  CHECK(text.find("10.0.0.2") == std::string::npos);
  CHECK(text.find("10.0.0.4") == std::string::npos);
  CHECK(text.find("rm") == std::string::npos);
  CHECK(addresses_of(records(Json::array({info("c", "1; rm", "10.0.0.3", 0)})), "q-s0.my-etcd.default.dep.bosh") == Addresses{"10.0.0.3"});
  CHECK(query_hosts(Json::object()).empty());
  CHECK(query_hosts({{"record_keys", 5}, {"record_infos", "x"}}).empty());
}

}  // namespace dns_names_test
