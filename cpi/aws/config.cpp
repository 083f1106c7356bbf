#include "cpi/aws/config.hpp"

#include <algorithm>
#include <cctype>

#include "base/config.hpp"
#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::cpi::aws {

namespace {

// What a cpi-config entry may say of its account. Everything else of a request's context is the
// director's own, or not for a tenant's operator to choose.
constexpr const char* context_keys[] = {"region",
                                        "credentials_source",
                                        "access_key_id",
                                        "secret_access_key",
                                        "session_token",
                                        "role_arn",
                                        "role_external_id",
                                        "default_key_name",
                                        "default_security_groups",
                                        "default_iam_instance_profile",
                                        "default_availability_zone",
                                        "default_instance_type",
                                        "encrypted",
                                        "kms_key_arn",
                                        "ec2_endpoint",
                                        "elb_endpoint",
                                        "sts_endpoint",
                                        "ebs_endpoint",
                                        "ca",
                                        "max_retries",
                                        "stemcell",
                                        "tags"};

void read_endpoints(Config& in, ApiConfig& api) {
  api.endpoints[Service::ec2] =
      in.string("ec2_endpoint", "", "URL of EC2; empty: AWS's for the region, as for the next three");
  const auto elb = in.string("elb_endpoint", "", "URL of Elastic Load Balancing");
  api.endpoints[Service::elb] = elb;
  api.endpoints[Service::elbv2] = elb;
  api.endpoints[Service::sts] = in.string("sts_endpoint", "", "URL of the Security Token Service");
  api.endpoints[Service::ebs] = in.string("ebs_endpoint", "", "URL of the EBS direct API");
}

void read_credentials(Config& in, AwsConfig& config, Problems& problems) {
  const auto source =
      in.string("credentials_source", "static",
                "static: the keys below; env_or_profile: the role of the instance the CPI runs on");
  config.static_credentials.access_key_id =
      in.string("access_key_id", "", "of an IAM user, or temporary with session_token");
  config.static_credentials.secret_access_key = Secret(in.string("secret_access_key", "", "secret"));
  config.static_credentials.session_token =
      Secret(in.string("session_token", "", "secret, of temporary credentials"));
  config.role_arn = in.string("role_arn", "", "role to assume with these credentials; empty: none");
  config.role_external_id = in.string("role_external_id", "", "what the role's owner asks for with it");
  config.metadata_endpoint = in.string("metadata_endpoint", "http://169.254.169.254",
                                       "where the role's credentials are got, by IMDSv2");
  if (source != "static" && source != "env_or_profile") {
    problems.add("credentials_source", "is '" + source + "'; allowed are static and env_or_profile");
  }
  if (source == "env_or_profile") config.credentials_from = CredentialsFrom::instance_profile;
  const bool has_keys = !config.static_credentials.access_key_id.empty() &&
                        !config.static_credentials.secret_access_key.empty();
  if (source == "static" && !has_keys) {
    problems.add("access_key_id and secret_access_key", "are required with credentials_source static");
  }
  if (source == "env_or_profile" && !config.static_credentials.access_key_id.empty()) {
    problems.add("access_key_id", "is not used with credentials_source env_or_profile: leave it out");
  }
}

void check_region(const std::string& region, Problems& problems) {
  const bool plain = std::all_of(region.begin(), region.end(), [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '-';
  });
  if (region.empty() || !plain)
    problems.add("region", "is '" + region + "', not the name of a region such as eu-central-1");
}

AwsConfig read(Config& in) {
  AwsConfig config;
  Problems problems;
  config.api.region = in.string("region", "name of the region, such as eu-central-1");
  read_endpoints(in, config.api);
  config.api.ca_pem =
      in.string("ca", "", "PEM of the CAs that sign the endpoints' certificates; empty: the system's");
  config.api.max_retries =
      static_cast<int>(in.integer("max_retries", 8, 0, 50, "how often a call is made again"));
  config.api.request_timeout =
      std::chrono::seconds(in.integer("request_timeout_s", 60, 1, 3600, "for one call, in seconds"));
  read_credentials(in, config, problems);
  config.default_key_name = in.string("default_key_name", "", "key pair of VMs that name none; empty: none");
  config.default_security_groups =
      in.strings("default_security_groups", {}, "names or ids, for VMs and networks that name none");
  config.default_iam_instance_profile =
      in.string("default_iam_instance_profile", "", "name or ARN, for VMs that name none");
  config.default_availability_zone =
      in.string("default_availability_zone", "", "of disks that belong to no VM and name none");
  config.default_instance_type =
      in.string("default_instance_type", "", "of VMs that name none; empty: each must");
  config.encrypted =
      in.boolean("encrypted", false, "encrypt disks, ephemeral disks and stemcells that do not say");
  config.kms_key_arn = in.string("kms_key_arn", "", "key to encrypt with; empty: the account's default key");
  config.stemcell =
      in.value("stemcell", Json::object(), "cloud properties that win over those of each stemcell");
  config.tags = in.value("tags", Json::object(), "on everything that is made, beside what the director says");
  config.first_poll = std::chrono::milliseconds(
      in.integer("poll_interval_ms", 1000, 10, 60'000, "first pause while waiting; pauses grow"));
  config.wait_limit = std::chrono::seconds(
      in.integer("wait_timeout_s", 900, 1, 86'400, "for an instance or volume to become what it shall be"));
  config.snapshot_limit = std::chrono::seconds(
      in.integer("snapshot_timeout_s", 7200, 1, 86'400, "for a stemcell's snapshot and image"));
  config.upload_threads =
      static_cast<int>(in.integer("upload_threads", 8, 1, 64, "blocks of a stemcell sent at once"));
  const auto mbus = in.value("agent.mbus", "", "URL, or list of URLs, of the message bus agents connect to");
  config.agent_blobstore =
      in.value("agent.blobstore", Json::object(), "{provider, options} agents fetch blobs from");
  config.agent_ntp = in.strings("agent.ntp", {}, "time servers of the nodes");
  config.log_calls =
      in.boolean("log_calls", false, "one line on standard error for each call: action, status, time");
  in.finish();
  if (mbus.is_string()) config.agent_mbus = mbus.get<std::string>();
  if (mbus.is_array() && !mbus.empty() && mbus[0].is_string()) config.agent_mbus = mbus[0].get<std::string>();
  check_region(config.api.region, problems);
  if (!config.stemcell.is_object()) problems.add("stemcell", "is not an object");
  if (!config.tags.is_object()) problems.add("tags", "is not an object");
  problems.throw_if_any("the AWS CPI's configuration");
  config.api.first_backoff = std::min(config.api.first_backoff, config.first_poll);
  return config;
}

}  // namespace

AwsConfig load_aws_config(const std::string& file, const Json& context) {
  auto value = parse_yaml(read_file(file), file);
  if (!value.is_object()) throw Error(Fault::invalid, file + " does not hold keys and values");
  for (const auto* key : context_keys) {
    if (const auto found = context.find(key); found != context.end() && !found->is_null())
      value[key] = *found;
  }
  // Credentials of the file do not mix with those of the request.
  if (context.contains("access_key_id") && !context.contains("session_token")) value.erase("session_token");
  return read_aws_config(std::move(value), file + " and the request's context");
}

AwsConfig read_aws_config(Json value, const std::string& source) {
  auto in = Config::from(std::move(value), source);
  return read(in);
}

std::string aws_config_reference() {
  auto in = Config::describing();
  try {
    read(in);
  } catch (const Error&) {
    // Describing reads nothing, so credentials are missing.
  }
  return in.reference_markdown("slipway-cpi-aws");
}

}  // namespace slipway::cpi::aws
