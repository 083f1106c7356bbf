#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "cpi/aws/api/api.hpp"

namespace slipway::cpi::aws {

enum class CredentialsFrom { configuration, instance_profile };

// Where the CPI works, as whom, and what a VM or disk is when its cloud properties do not say.
struct AwsConfig {
  ApiConfig api;
  CredentialsFrom credentials_from = CredentialsFrom::configuration;
  Credentials static_credentials;
  std::string metadata_endpoint;
  std::string role_arn;  // empty: none is assumed
  std::string role_external_id;
  std::string default_key_name;
  std::vector<std::string> default_security_groups;
  std::string default_iam_instance_profile;
  std::string default_availability_zone;
  std::string default_instance_type;  // empty: each VM must name one
  bool encrypted = false;
  std::string kms_key_arn;
  Json stemcell = Json::object();  // cloud properties that win over a stemcell's own
  Json tags = Json::object();      // on everything made
  std::chrono::milliseconds first_poll{1000};
  std::chrono::seconds wait_limit{900};  // for one thing to become what it shall be
  std::chrono::seconds snapshot_limit{7200};
  int upload_threads = 8;
  // What every agent is told; the director's env overrides it.
  std::string agent_mbus;
  Json agent_blobstore = Json::object();
  std::vector<std::string> agent_ntp;
  bool log_calls = false;
};

// Reads the CPI's YAML or JSON file with `context`'s properties over it: region, credentials and
// the other keys that a cpi-config entry may give. Throws Fault::invalid that lists every problem.
AwsConfig load_aws_config(const std::string& file, const Json& context);
AwsConfig read_aws_config(Json value, const std::string& source);

// The keys, defaults and meanings as a Markdown table.
std::string aws_config_reference();

}  // namespace slipway::cpi::aws
