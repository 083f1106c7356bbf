#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

namespace {

const Json& at_path(const Json& json, std::initializer_list<const char*> keys) {
  static const Json null;
  const Json* here = &json;
  for (const char* key : keys) {
    if (!here->is_object()) return null;
    const auto found = here->find(key);
    if (found == here->end()) return null;
    here = &*found;
  }
  return *here;
}

std::string text(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

std::vector<std::string> texts(const Json& value) {
  std::vector<std::string> result;
  if (value.is_string()) result.push_back(value.get<std::string>());
  if (value.is_array()) {
    for (const auto& item : value) {
      if (item.is_string()) result.push_back(item.get<std::string>());
    }
  }
  return result;
}

std::vector<std::string> options(const Json& value) {
  return value.is_string() && text(value).empty() ? std::vector<std::string>() : texts(value);
}

std::map<std::string, std::string> texts_by_name(const Json& value) {
  std::map<std::string, std::string> result;
  if (!value.is_object()) return result;
  for (const auto& [name, item] : value.items()) result[name] = text(item);
  return result;
}

bool truth(const Json& value) { return value.is_boolean() && value.get<bool>(); }

bool contains(const std::vector<std::string>& list, const std::string& word) {
  for (const auto& item : list) {
    if (item == word) return true;
  }
  return false;
}

NetworkSettings read_network(const std::string& name, const Json& json) {
  NetworkSettings network;
  network.name = name;
  network.type = text(at_path(json, {"type"}));
  network.ip = text(at_path(json, {"ip"}));
  network.netmask = text(at_path(json, {"netmask"}));
  network.gateway = text(at_path(json, {"gateway"}));
  network.mac = text(at_path(json, {"mac"}));
  network.dns = texts(at_path(json, {"dns"}));
  network.use_dhcp = truth(at_path(json, {"use_dhcp"})) || network.type == "dynamic";
  network.preconfigured = truth(at_path(json, {"preconfigured"}));
  const auto defaults = texts(at_path(json, {"default"}));
  network.default_gateway = contains(defaults, "gateway");
  network.default_dns = contains(defaults, "dns");
  const Json& routes = at_path(json, {"routes"});
  for (const auto& route : routes.is_array() ? routes : Json::array()) {
    network.routes.push_back({text(at_path(route, {"Destination"})), text(at_path(route, {"Gateway"})),
                              text(at_path(route, {"Netmask"}))});
  }
  return network;
}

BusIdentity read_identity(const Json& cert) {
  return {text(at_path(cert, {"ca"})), text(at_path(cert, {"certificate"})),
          Secret(text(at_path(cert, {"private_key"})))};
}

void read_mbus(const Json& boot, const Json& update, Settings& settings) {
  settings.mbus_urls = texts(at_path(boot, {"env", "bosh", "mbus", "urls"}));
  if (settings.mbus_urls.empty()) settings.mbus_urls = texts(at_path(boot, {"mbus"}));
  const auto updated_urls = texts(at_path(update, {"mbus", "urls"}));
  if (!updated_urls.empty()) settings.mbus_urls = updated_urls;
  settings.identity = read_identity(at_path(update, {"mbus", "cert"}));
  if (!settings.identity.complete()) settings.identity = read_identity(at_path(boot, {"env", "bosh", "mbus", "cert"}));
}

void read_blobstore(const Json& boot, const Json& update, Settings& settings) {
  const Json& in_env = at_path(boot, {"env", "bosh", "blobstores"});
  const Json& in_update = at_path(update, {"blobstores"});
  const Json* chosen = &at_path(boot, {"blobstore"});
  if (in_env.is_array() && !in_env.empty()) chosen = &in_env[0];
  if (in_update.is_array() && !in_update.empty()) chosen = &in_update[0];
  const std::string provider = text(at_path(*chosen, {"provider"}));
  if (!provider.empty()) settings.blobstore.provider = provider;
  if (at_path(*chosen, {"options"}).is_object()) settings.blobstore.options = at_path(*chosen, {"options"});
}

void read_heartbeat(const Json& boot, Settings& settings, Problems& problems) {
  const Json& seconds = at_path(boot, {"env", "bosh", "agent", "heartbeat_seconds"});
  if (seconds.is_null()) return;
  const bool fine = seconds.is_number_integer() && seconds >= 1 && seconds <= 3600;
  if (!fine) return problems.add("env.bosh.agent.heartbeat_seconds", "must be a number from 1 to 3600");
  settings.heartbeat_seconds = seconds.get<int>();
}

void check(const Settings& settings, Problems& problems) {
  if (settings.agent_id.empty()) problems.add("agent_id", "is missing");
  for (const char c : settings.agent_id) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    if (!fine) {
      problems.add("agent_id", "may hold letters, digits, '-' and '_' only: '" + settings.agent_id + "'");
      break;
    }
  }
  if (settings.mbus_urls.empty()) problems.add("mbus", "is missing: neither env.bosh.mbus.urls nor mbus is set");
  if (!is_plain_name(settings.blobstore.provider)) {
    problems.add("blobstore.provider", "'" + settings.blobstore.provider + "' is not a plain name");
  }
  const auto& fs = settings.persistent_disk_fs;
  if (fs != "ext4" && fs != "xfs") {
    problems.add("env.persistent_disk_fs", "'" + fs + "' is not known: ext4 or xfs");
  }
}

SettingsSource read_source(const Json& json) {
  return {.type = text(at_path(json, {"Type"})),
          .settings_path = text(at_path(json, {"SettingsPath"})),
          .disk_paths = texts(at_path(json, {"DiskPaths"})),
          .file_name = text(at_path(json, {"FileName"})),
          .user_data_path = text(at_path(json, {"UserDataPath"})),
          .meta_data_path = text(at_path(json, {"MetaDataPath"})),
          .uri = text(at_path(json, {"URI"})),
          .token_path = text(at_path(json, {"TokenPath"})),
          .headers = texts_by_name(at_path(json, {"Headers"}))};
}

}  // namespace

const NetworkSettings* Settings::default_network() const {
  for (const auto& network : networks) {
    if (network.default_gateway) return &network;
  }
  return networks.empty() ? nullptr : &networks.front();
}

Settings effective_settings(const Json& boot, const Json& update) {
  if (!boot.is_object()) throw Error(Fault::invalid, "settings: expected a JSON object");
  Settings settings;
  settings.agent_id = text(at_path(boot, {"agent_id"}));
  settings.vm_name = text(at_path(boot, {"vm", "name"}));
  read_mbus(boot, update, settings);
  read_blobstore(boot, update, settings);
  const Json& networks = at_path(boot, {"networks"});
  if (networks.is_object()) {
    for (const auto& [name, network] : networks.items()) settings.networks.push_back(read_network(name, network));
  }
  settings.ntp = texts(at_path(boot, {"ntp"}));
  settings.ephemeral_disk = at_path(boot, {"disks", "ephemeral"});
  if (at_path(boot, {"disks", "persistent"}).is_object()) {
    settings.persistent_disks = at_path(boot, {"disks", "persistent"});
  }
  for (const Json* env : {&at_path(boot, {"env"}), &boot}) {
    const std::string fs = text(at_path(*env, {"persistent_disk_fs"}));
    if (fs.empty()) continue;
    settings.persistent_disk_fs = fs;
    break;
  }
  settings.persistent_disk_mount_options = options(at_path(boot, {"env", "persistent_disk_mount_options"}));
  settings.password_hash = Secret(text(at_path(boot, {"env", "bosh", "password"})));
  settings.authorized_keys = texts(at_path(boot, {"env", "bosh", "authorized_keys"}));
  if (at_path(update, {"trusted_certs"}).is_string()) settings.trusted_certs = text(at_path(update, {"trusted_certs"}));
  if (at_path(update, {"disk_associations"}).is_array()) {
    settings.disk_associations = at_path(update, {"disk_associations"});
  }
  Problems problems;
  read_heartbeat(boot, settings, problems);
  check(settings, problems);
  problems.throw_if_any("settings");
  return settings;
}

AgentConfig parse_agent_config(const Json& json) {
  if (!json.is_object()) throw Error(Fault::invalid, "agent.json: expected a JSON object");
  AgentConfig config;
  config.skip_disk_setup = truth(at_path(json, {"Platform", "Linux", "SkipDiskSetup"}));
  const Json& interval = at_path(json, {"Heartbeat", "IntervalSeconds"});
  const auto seconds = interval.is_number_integer() ? interval.get<double>() : config.heartbeat_seconds;
  if (seconds < 1 || seconds > 3600) {
    throw Error(Fault::invalid, "agent.json: Heartbeat.IntervalSeconds must be 1 to 3600");
  }
  config.heartbeat_seconds = static_cast<int>(seconds);
  const Json& sources = at_path(json, {"Infrastructure", "Settings", "Sources"});
  for (const auto& source : sources.is_array() ? sources : Json::array()) config.sources.push_back(read_source(source));
  if (config.sources.empty()) {
    throw Error(Fault::invalid, "agent.json: Infrastructure.Settings.Sources names no source");
  }
  return config;
}

}  // namespace slipway::agent
