#include "base/ip_range.hpp"

#include <doctest/doctest.h>

using namespace slipway;

namespace ip_range_test {

TEST_CASE("only four plain octets are an IPv4 address") {
  CHECK(Ipv4::parse("10.0.255.1")->to_string() == "10.0.255.1");
  for (const auto* text : {"", "10", "10.0.0", "10.0.0.256", "10.0.0.1.2", "010.0.0.1", "10.0.0.-1", "10.0.0.1 ",
                           "10.0.0.x", "::1", "10..0.1", "10.0.0."}) {
    CAPTURE(text);
    CHECK_FALSE(Ipv4::parse(text));
  }
}

TEST_CASE("a range is an address, two ends, or a network") {
  CHECK(IpRange::parse("10.0.0.7")->size() == 1);
  CHECK(IpRange::parse("10.0.0.2 - 10.0.0.9")->size() == 8);
  CHECK(IpRange::parse("10.0.0.17/28")->to_string() == "10.0.0.16-10.0.0.31");
  CHECK_FALSE(IpRange::parse("10.0.0.9-10.0.0.2"));
  CHECK_FALSE(IpRange::parse("10.0.0.0/33"));
  CHECK(IpRange::parse("0.0.0.0/0")->size() == 1ull << 32);
}

TEST_CASE("a network knows its mask and its ends") {
  const auto cidr = *Cidr::parse("192.168.10.77/26");
  CHECK(cidr.to_string() == "192.168.10.64/26");
  CHECK(cidr.netmask() == "255.255.255.192");
  CHECK(cidr.range().last.to_string() == "192.168.10.127");
  CHECK(Cidr::parse("0.0.0.0/0")->netmask() == "0.0.0.0");
}

TEST_CASE("a set merges what touches and finds what it holds") {
  const IpSet set({*IpRange::parse("10.0.0.5-10.0.0.9"), *IpRange::parse("10.0.0.1-10.0.0.4"),
                   *IpRange::parse("10.0.0.20"), *IpRange::parse("10.0.0.7-10.0.0.8")});
  CHECK(set.ranges().size() == 2);
  CHECK(set.size() == 10);
  CHECK(set.contains(*Ipv4::parse("10.0.0.9")));
  CHECK_FALSE(set.contains(*Ipv4::parse("10.0.0.10")));
  CHECK(set.containing(*Ipv4::parse("10.0.0.20"))->size() == 1);
  CHECK(IpSet().empty());
}

}  // namespace ip_range_test
