#include "cpi/aws/instance_types.hpp"

namespace slipway::cpi::aws {

namespace {

struct Type {
  const char* name;
  std::int64_t cpu, ram_mib;
};

constexpr std::int64_t gib = 1024;

// By price for Linux on demand, cheapest first; x86, no burst credits beyond the small ones.
// Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html
constexpr Type types[] = {
    {"t3.nano", 2, gib / 2},           {"t3.micro", 2, 1 * gib},        {"t3.small", 2, 2 * gib},
    {"t3.medium", 2, 4 * gib},         {"c6i.large", 2, 4 * gib},       {"m6i.large", 2, 8 * gib},
    {"r6i.large", 2, 16 * gib},        {"c6i.xlarge", 4, 8 * gib},      {"m6i.xlarge", 4, 16 * gib},
    {"r6i.xlarge", 4, 32 * gib},       {"c6i.2xlarge", 8, 16 * gib},    {"m6i.2xlarge", 8, 32 * gib},
    {"r6i.2xlarge", 8, 64 * gib},      {"c6i.4xlarge", 16, 32 * gib},   {"m6i.4xlarge", 16, 64 * gib},
    {"r6i.4xlarge", 16, 128 * gib},    {"c6i.8xlarge", 32, 64 * gib},   {"m6i.8xlarge", 32, 128 * gib},
    {"r6i.8xlarge", 32, 256 * gib},    {"c6i.12xlarge", 48, 96 * gib},  {"m6i.12xlarge", 48, 192 * gib},
    {"c6i.16xlarge", 64, 128 * gib},   {"r6i.12xlarge", 48, 384 * gib}, {"m6i.16xlarge", 64, 256 * gib},
    {"c6i.24xlarge", 96, 192 * gib},   {"r6i.16xlarge", 64, 512 * gib}, {"m6i.24xlarge", 96, 384 * gib},
    {"c6i.32xlarge", 128, 256 * gib},  {"r6i.24xlarge", 96, 768 * gib}, {"m6i.32xlarge", 128, 512 * gib},
    {"r6i.32xlarge", 128, 1024 * gib},
};

}  // namespace

std::optional<std::string> smallest_instance_type(const VmRequirements& requirements) {
  for (const auto& type : types) {
    if (type.cpu >= requirements.cpu && type.ram_mib >= requirements.ram_mib) return type.name;
  }
  return std::nullopt;
}

}  // namespace slipway::cpi::aws
