#include <sys/mount.h>

#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "stemcells/agent/metadata_service.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

using Patience = std::chrono::milliseconds;

// Read-only and gone again at once, so that no job finds the cloud's secrets mounted.
class ReadOnlyMount {
 public:
  explicit ReadOnlyMount(const std::string& device) : folder_("config-drive") {
    run_checked({.argv = {"/usr/bin/mount", "-o", "ro,nosuid,nodev,noexec", device, folder_.path().string()},
                 .timeout = std::chrono::seconds(30)});
  }
  ~ReadOnlyMount() { ::umount2(folder_.path().c_str(), 0); }
  ReadOnlyMount(const ReadOnlyMount&) = delete;
  ReadOnlyMount& operator=(const ReadOnlyMount&) = delete;
  const fs::path& path() const { return folder_.path(); }

 private:
  TempDir folder_;
};

Json read_settings_file(const fs::path& path) { return parse_json(read_file(path, 8u << 20), path.string()); }

Json read_config_drive(const SettingsSource& source) {
  std::string reasons;
  for (const auto& device : source.disk_paths) {
    if (!fs::exists(device)) {
      reasons += device + " does not exist; ";
      continue;
    }
    const ReadOnlyMount drive(device);
    return read_settings_file(drive.path() / source.user_data_path);
  }
  throw Error(Fault::not_found, reasons.empty() ? "no DiskPaths" : reasons);
}

std::string wait_for_drive(const std::vector<std::string>& devices, Patience patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    for (const auto& device : devices) {
      if (fs::exists(device)) return device;
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::string names;
  for (const auto& device : devices) names += (names.empty() ? "" : ", ") + device;
  throw Error(Fault::not_found, "there is no drive " + names);
}

Json read_cdrom(const SettingsSource& source, Patience patience) {
  if (source.file_name.empty() || !is_safe_relative(source.file_name)) {
    throw Error(Fault::invalid, "FileName '" + source.file_name + "' is not the name of a file on the disc");
  }
  const auto devices = source.disk_paths.empty() ? std::vector<std::string>{"/dev/sr0"} : source.disk_paths;
  const ReadOnlyMount disc(wait_for_drive(devices, patience));
  return read_settings_file(disc.path() / source.file_name);
}

Json ask_metadata_service(const SettingsSource& source, const std::string& path, Patience patience) {
  const MetadataService service{.uri = source.uri, .token_path = source.token_path, .headers = source.headers};
  return parse_json(read_metadata(service, path, patience), source.uri + path);
}

Json read_source(const SettingsSource& source, Patience patience) {
  if (source.type == "File") return read_settings_file(source.settings_path);
  if (source.type == "ConfigDrive") return read_config_drive(source);
  if (source.type == "CDROM") return read_cdrom(source, patience);
  if (source.type == "HTTP") return ask_metadata_service(source, source.user_data_path, patience);
  if (source.type == "InstanceMetadata") return ask_metadata_service(source, source.settings_path, patience);
  throw Error(Fault::not_found, "this agent has no source of that type");
}

}  // namespace

Json fetch_boot_settings(const AgentConfig& config, const Paths& paths, Patience patience) {
  std::string reasons;
  for (const auto& source : config.sources) {
    try {
      Json settings = read_source(source, patience);
      effective_settings(settings, {});  // a source that gives nonsense is passed over
      write_file_atomically(paths.settings(), dump(settings), 0600);
      return settings;
    } catch (const std::exception& error) {
      reasons += "\n  " + source.type + " " + source.settings_path + ": " + error.what();
    }
  }
  if (fs::exists(paths.settings())) return read_settings_file(paths.settings());
  throw Error(Fault::not_found, "no source gave settings:" + reasons);
}

Json load_update_settings(const Paths& paths) {
  if (!fs::exists(paths.update_settings())) return Json::object();
  return read_settings_file(paths.update_settings());
}

}  // namespace slipway::agent
