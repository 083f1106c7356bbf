#include "cpi/aws/volume_wish.hpp"

#include <algorithm>
#include <array>

namespace slipway::cpi::aws {

namespace {

constexpr std::int64_t most_mib = std::int64_t{64} << 20;  // 64 TiB
constexpr std::int64_t most_iops = 256'000, most_throughput = 4'000;
constexpr std::array types{"gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"};

}  // namespace

std::int64_t gib_of(std::int64_t mib) { return (mib + 1023) / 1024; }

VolumeWish read_volume_wish(JsonReader& in, const AwsConfig& config, Problems& problems) {
  VolumeWish wish;
  wish.size_mib = in.integer_or("size", 0, 1, most_mib);
  wish.type = in.string_or("type", "gp3");
  if (in.has("iops")) wish.iops = in.integer_or("iops", 0, 1, most_iops);
  if (in.has("throughput")) wish.throughput = in.integer_or("throughput", 0, 1, most_throughput);
  wish.encrypted = in.boolean_or("encrypted", config.encrypted);
  wish.kms_key_arn = in.string_or("kms_key_arn", wish.encrypted ? config.kms_key_arn : "");

  if (std::find(types.begin(), types.end(), wish.type) == types.end()) {
    std::string allowed;
    for (const auto* type : types) allowed += (allowed.empty() ? "" : ", ") + std::string(type);
    problems.add(in.place("type"), "is '" + wish.type + "'; allowed are " + allowed);
  }
  const bool provisioned = wish.type == "io1" || wish.type == "io2";
  if (provisioned && !wish.iops) problems.add(in.place("iops"), "is required with type " + wish.type);
  if (wish.iops && !provisioned && wish.type != "gp3")
    problems.add(in.place("iops"), "is for types gp3, io1 and io2 only");
  if (wish.throughput && wish.type != "gp3") problems.add(in.place("throughput"), "is for type gp3 only");
  if (!wish.encrypted && !wish.kms_key_arn.empty()) {
    problems.add(in.place("kms_key_arn"), "is given, but encrypted is not true");
  }
  return wish;
}

void set_volume(Query& query, const std::string& prefix, const VolumeWish& wish) {
  query.set(prefix + "VolumeType", wish.type);
  if (wish.iops) query.set(prefix + "Iops", *wish.iops);
  if (wish.throughput) query.set(prefix + "Throughput", *wish.throughput);
  if (!wish.encrypted) return;
  query.set(prefix + "Encrypted", true);
  query.set_if(prefix + "KmsKeyId", wish.kms_key_arn);
}

}  // namespace slipway::cpi::aws
