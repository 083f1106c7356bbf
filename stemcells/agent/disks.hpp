#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/settings.hpp"

namespace slipway::agent {

// Persistent disks by cid. What is known and mounted is kept in bosh/persistent_disks.json,
// so that a restarted agent and a rebooted node find their way back. A disk is formatted
// only when blkid finds nothing on it. With `skip` (Platform.Linux.SkipDiskSetup) devices are
// left alone and only the record is kept. All methods may be called from any thread.
class Disks {
 public:
  Disks(Paths paths, bool skip, NodeLog log);

  // hint: a device path, or an object with "path", "volume_id" or "id".
  void add(const std::string& cid, const Json& hint);
  void remove(const std::string& cid);                 // forgets; unknown cids are fine
  // Formats when blank, grows the file system to the device, mounts on store/ (on
  // store_migration_target/ while another disk is on store/). Repeats safely.
  void mount(const std::string& cid, const std::string& fs_type, const std::vector<std::string>& mount_options);
  std::string unmount(const std::string& cid);         // what happened, for people
  void migrate();                                      // store → store_migration_target, then swap
  std::vector<std::string> mounted() const;
  bool knows(const std::string& cid) const;
  bool is_folder(const std::string& cid) const;  // that its host mounted: nothing to set up
  // Where its content is: a device, or in a container the folder that its host mounted. Waits up to 30 s;
  // Fault::not_found.
  std::string device_of(const std::string& cid) const;

  // At boot: mounts again what was mounted, and returns the cids that could not be.
  std::vector<std::string> mount_again(const std::string& fs_type, const std::vector<std::string>& mount_options);

 private:
  struct Disk {
    Json hint;
    std::string mounted_at;  // empty: not mounted
  };
  void load();
  void save() const;
  Disk& known(const std::string& cid);

  Paths paths_;
  bool skip_;
  NodeLog log_;
  mutable std::mutex mutex_;
  std::map<std::string, Disk> disks_;
};

// Building blocks, also for the ephemeral disk.
std::string wait_for_device(const Json& hint, const std::string& id_fallback, std::chrono::seconds limit);
bool is_mount_point(const std::filesystem::path& path);
// What is on a device, as far as blkid knows.
struct Signature {
  std::string fs_type, label, partition_table;
  bool is_blank() const { return fs_type.empty() && partition_table.empty(); }
};
Signature probe_device(const std::string& device);
void format_if_blank(const std::string& device, const std::string& fs_type, const std::string& label = {});
void mount_device(const std::string& device, const std::filesystem::path& target,
                  const std::vector<std::string>& options);

}  // namespace slipway::agent
