#include <sys/mount.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

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

Json read_source(const SettingsSource& source) {
  if (source.type == "File") return read_settings_file(source.settings_path);
  if (source.type == "ConfigDrive") return read_config_drive(source);
  throw Error(Fault::not_found, "this agent has no source of that type");
}

}  // namespace

Json fetch_boot_settings(const AgentConfig& config, const Paths& paths) {
  std::string reasons;
  for (const auto& source : config.sources) {
    try {
      Json settings = read_source(source);
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
