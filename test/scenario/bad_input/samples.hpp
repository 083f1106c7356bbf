#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace slipway::test {

using Files = std::vector<std::pair<std::string, std::string>>;

// One raw tar entry, for what no honest program would write. `type`: '0' file, '1' hard link,
// '2' symbolic link, '3' character device, '5' directory, '6' fifo.
std::string tar_entry(const std::string& name, char type, const std::string& content = "", const std::string& link = "");
std::string tar_end();
std::string tarball(const Files& files);  // gzip, as everybody makes it

// A release "app" with one job "web" without packages, whose one template is given.
struct SampleRelease {
  std::string version = "1.0";
  std::string erb = "<%= p('value') %>";
  std::string job_digest;  // empty: the right one
  Files entries() const;
  std::string bytes() const { return tarball(entries()); }
};

std::string sample_stemcell(const std::string& image = "image", const std::string& digest = "");

// An AZ z1, a size "small" and the network "default" with `addresses` free addresses.
std::string sample_cloud_config(int addresses = 50);
std::string sample_manifest(int instances = 1, const std::string& value = "one");

}  // namespace slipway::test
