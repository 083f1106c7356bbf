#include "cpi/aws/agent_settings.hpp"

#include "base/digest.hpp"

namespace slipway::cpi::aws {

namespace {
constexpr std::size_t max_user_data = 16 * 1024;
}

Json agent_settings(const CreateVm& request, const VmWish& wish, const AwsConfig& config,
                    const std::string& root_device, const std::map<std::string, std::string>& macs) {
  Json settings;
  settings["agent_id"] = request.agent.value;
  settings["vm"] = {{"name", "vm-" + request.agent.value}};
  settings["mbus"] = config.agent_mbus;
  settings["ntp"] = config.agent_ntp;
  settings["blobstore"] = config.agent_blobstore;
  settings["networks"] = request.networks;
  for (auto& [name, network] : settings["networks"].items()) {
    network["use_dhcp"] = true;  // EC2 gives addresses by DHCP alone
    network.erase("cloud_properties");
    if (const auto mac = macs.find(name); mac != macs.end()) network["mac"] = mac->second;
  }
  settings["disks"] = {
      {"system", root_device}, {"ephemeral", ephemeral_device}, {"persistent", Json::object()}};
  if (!wish.nameserver.empty()) settings["dns"] = {{"nameserver", Json::array({wish.nameserver})}};
  settings["env"] = request.env.is_object() ? request.env : Json(Json::object());
  settings["env"]["persistent_disk_fs"] = settings["env"].value("persistent_disk_fs", "ext4");
  return settings;
}

std::string user_data(const Json& settings) {
  const auto text = dump(settings);
  if (text.size() > max_user_data) {
    throw CpiError(ErrorType::vm_creation_failed, Fault::invalid,
                   "the agent's settings take " + std::to_string(text.size()) +
                       " bytes; EC2's user data holds " + std::to_string(max_user_data) +
                       ": make env.bosh smaller, elliptic keys for the bus are",
                   false);
  }
  return base64_encode(text);
}

}  // namespace slipway::cpi::aws
