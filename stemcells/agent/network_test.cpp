#include "stemcells/agent/network.hpp"

#include <doctest/doctest.h>

#include "stemcells/agent/time_servers.hpp"

using namespace slipway;
using namespace slipway::agent;

namespace network_test {

TEST_CASE("DHCP's routes serve the network with the default gateway, or the only one") {
  NetworkSettings network;
  CHECK(dhcp_configuration(network, "eth0", true).find("UseRoutes") == std::string::npos);
  CHECK(dhcp_configuration(network, "eth0", false).find("UseRoutes=no\n") != std::string::npos);
  network.default_gateway = true;
  const auto text = dhcp_configuration(network, "eth0", false);
  CHECK(text.find("UseRoutes") == std::string::npos);
  CHECK(text.find("[Match]\nName=eth0\n") != std::string::npos);
  CHECK(text.find("UseMTU=yes\n") != std::string::npos);
}

TEST_CASE("routes of the settings are set beside DHCP's, those that are none are left out") {
  NetworkSettings network;
  network.routes = {{"10.9.0.0", "10.0.0.1", "255.255.0.0"}, {"10.8.0.0\nDHCP=no", "10.0.0.1", "255.255.0.0"}};
  const auto text = dhcp_configuration(network, "eth0", true);
  CHECK(text.find("[Route]\nDestination=10.9.0.0/16\nGateway=10.0.0.1\n") != std::string::npos);
  CHECK(text.find("10.8.0.0") == std::string::npos);
}

TEST_CASE("DNS servers are read from what systemd-networkd says of its leases") {
  CHECK(dns_servers_of_leases("OPER_STATE=routable\nDNS=10.0.0.2 fd00::2 rubbish\nNTP=169.254.169.123\n") ==
        std::vector<std::string>{"10.0.0.2", "fd00::2"});
  CHECK(dns_servers_of_leases("").empty());
}

TEST_CASE("time servers that are no names are left out") {
  CHECK(time_configuration({"169.254.169.123", "a\nServers=b", "0.pool.example", "-x"}) ==
        "[Time]\nNTP=169.254.169.123 0.pool.example\n");
  CHECK(time_configuration({"a b"}).empty());
}

TEST_CASE("a network of EC2's settings is read as DHCP's") {
  const Json boot{
      {"agent_id", "a"},
      {"mbus", "nats://x:1"},
      {"networks",
       {{"n", {{"type", "manual"}, {"use_dhcp", true}, {"ip", "10.0.0.9"}, {"default", {"dns", "gateway"}}}}}}};
  const auto settings = effective_settings(boot, {});
  REQUIRE(settings.networks.size() == 1);
  CHECK(settings.networks[0].use_dhcp);
  CHECK(settings.networks[0].mac.empty());
  CHECK(settings.networks[0].default_gateway);
}

}  // namespace network_test
