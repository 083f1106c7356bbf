#include "cpi/aws/aws_account.hpp"

#include <atomic>
#include <cstdlib>

#include "base/archive.hpp"

namespace slipway::cpi::aws {

namespace {

// A tar with a disk: two blocks with something in them, and zeros around.
void write_image(const std::filesystem::path& file) {
  std::string disk(3u << 20, '\0');
  disk.replace(0, 9, "bootblock");
  disk.replace(2u << 20, 4, "data");
  ArchiveWriter writer(file);
  writer.add("root.img", disk);
  writer.finish();
}

}  // namespace

Json AwsAccount::read_world() {
  const char* file = std::getenv("SLIPWAY_MOTO");
  if (file == nullptr)
    throw Error(Fault::invalid, "SLIPWAY_MOTO is not set: run this by test/clouds/with-moto");
  return parse_json(read_file(file), file);
}

AwsAccount::AwsAccount() : proxy_((*this)["endpoint"]), image_(folder_.path() / "image.tgz") {
  write_image(image_);
  ApiConfig api{.region = (*this)["region"]};
  for (const auto service : {Service::ec2, Service::elb, Service::elbv2, Service::sts, Service::ebs})
    api.endpoints[service] = (*this)["endpoint"];
  Credentials keys{.access_key_id = world_["observer"]["access_key_id"].get<std::string>(),
                   .secret_access_key = Secret(world_["observer"]["secret_access_key"].get<std::string>())};
  observer_ =
      std::make_unique<Api>(api, std::make_shared<StaticCredentials>(keys), clock_, random_, Log::discard());
}

std::string AwsAccount::operator[](const char* name) const {
  const auto found = world_.find(name);
  if (found == world_.end() || !found->is_string())
    throw Error(Fault::invalid, std::string("the account has no ") + name);
  return found->get<std::string>();
}

Json AwsAccount::config() const {
  Json config{{"region", (*this)["region"]},
              {"ca", proxy_.ca_pem()},
              {"poll_interval_ms", 20},
              {"wait_timeout_s", 30},
              {"access_key_id", world_["cpi"]["access_key_id"]},
              {"secret_access_key", world_["cpi"]["secret_access_key"]},
              {"default_availability_zone", (*this)["zone"]},
              {"agent", {{"mbus", "nats://10.60.0.6:4222"}}}};
  for (const auto* endpoint : {"ec2_endpoint", "elb_endpoint", "sts_endpoint", "ebs_endpoint"})
    config[endpoint] = proxy_.url();
  return config;
}

std::string AwsAccount::config_file(const Json& config) {
  const auto file = folder_.path() / ("cpi-" + std::to_string(++files_) + ".json");
  write_file_atomically(file, dump(config), 0600);
  return file;
}

std::unique_ptr<Cpi> AwsAccount::in_process(const Json& config) {
  return std::make_unique<AwsCpi>(read_aws_config(config, "the test's configuration"), clock_, random_,
                                  Log::discard());
}

Json AwsAccount::next_network() {
  static std::atomic<int> next{10};
  const int n = next++;
  return {{"type", "manual"},
          {"ip", "10.60." + std::to_string(n / 200) + "." + std::to_string(n % 200 + 10)},
          {"netmask", "255.255.240.0"},
          {"gateway", "10.60.0.1"},
          {"dns", {"10.60.0.2"}},
          {"default", {"dns", "gateway"}},
          {"cloud_properties",
           {{"subnet", (*this)["subnet"]}, {"security_groups", {(*this)["security_group"]}}}}};
}

Json AwsAccount::vm_properties() const { return {{"instance_type", "m5.large"}}; }

suite::Subject AwsAccount::subject(std::shared_ptr<Cpi> cpi) {
  suite::Subject subject;
  subject.cpi = std::move(cpi);
  subject.image_path = image_;
  subject.stemcell_properties = {{"name", "slipway-aws"}, {"version", "1.0"}, {"architecture", "x86_64"}};
  subject.vm_properties = vm_properties();
  subject.networks = [this] { return Json{{"default", next_network()}}; };
  subject.makes_networks = false;
  subject.vm_exists = [this](const VmCid& vm) {
    const auto found = find_instance(*observer_, vm);
    return found && !found->is_gone();
  };
  subject.disk_exists = [this](const DiskCid& disk) {
    for (const auto& item : observer_->pages(Query("DescribeVolumes"), "volumeSet")) {
      if (item.text("volumeId") == disk.value) return true;
    }
    return false;
  };
  return subject;
}

std::vector<Reply> AwsAccount::tagged(const std::string& action, const std::string& list,
                                      const std::string& tag) const {
  return observer_->pages(Query(action).filter("tag-key", {tag}), list);
}

}  // namespace slipway::cpi::aws
