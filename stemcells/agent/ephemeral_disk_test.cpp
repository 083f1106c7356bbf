#include "stemcells/agent/ephemeral_disk.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"

using namespace slipway;
using namespace slipway::agent;

namespace ephemeral_disk_test {

// As EC2's controllers answer: their vendor, and the name padded with blanks.
std::vector<unsigned char> identity(const std::string& name, unsigned vendor = 0x1d0f) {
  std::vector<unsigned char> bytes(4096, 0);
  bytes[0] = vendor & 0xff;
  bytes[1] = static_cast<unsigned char>(vendor >> 8);
  const std::string padded = name + std::string(32 - name.size(), ' ');
  std::copy(padded.begin(), padded.end(), bytes.begin() + 3072);
  return bytes;
}

TEST_CASE("an NVMe controller of EC2 tells what the volume was attached as") {
  CHECK(ec2_device_name(identity("/dev/sdb")) == "sdb");
  CHECK(ec2_device_name(identity("sdf")) == "sdf");
  CHECK(ec2_device_name(identity("xvda")) == "xvda");
  CHECK(ec2_device_name(identity("ephemeral0:sdb")) == "sdb");
}

TEST_CASE("what is no name of EC2's is none") {
  CHECK(ec2_device_name(identity("ephemeral0:none")).empty());
  CHECK(ec2_device_name(identity("")).empty());
  CHECK(ec2_device_name(identity("../../sdb")).empty());
  CHECK(ec2_device_name(identity("sdb\x01")).empty());
  CHECK(ec2_device_name(identity(std::string(32, 's'))).empty());
  CHECK(ec2_device_name(identity("/dev/sdb", 0x1b36)).empty());
  CHECK(ec2_device_name(std::vector<unsigned char>(512, 's')).empty());
}

TEST_CASE("a disk that does not come is told by the hint's name") {
  for (const Json& hint : {Json("/dev/sdz"), Json{{"path", "/dev/no-such-disk"}}}) {
    CAPTURE(hint);
    try {
      find_ephemeral_disk(hint, std::chrono::seconds(0));
      FAIL("found");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::not_found);
      CHECK(std::string(error.what()).find(hint.is_string() ? "/dev/sdz" : "/dev/no-such-disk") != std::string::npos);
    }
  }
}

}  // namespace ephemeral_disk_test
