#include "stemcells/agent/disks.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto device_limit = 30s;

// Who keeps a folder busy, as "name[pid]" words: what a person needs to know.
std::string holders_of(const fs::path& folder) {
  std::string text;
  std::error_code ignored;
  const std::string prefix = folder.string() + "/";
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string pid = entry.path().filename().string();
    if (!std::isdigit(static_cast<unsigned char>(pid[0]))) continue;
    bool holds = false;
    const auto look = [&](const fs::path& link) {
      const std::string target = fs::read_symlink(link, ignored).string();
      holds = holds || target == folder.string() || target.starts_with(prefix);
    };
    look(entry.path() / "cwd");
    for (const auto& open : fs::directory_iterator(entry.path() / "fd", ignored)) look(open.path());
    if (!holds) continue;
    std::string name;
    try {
      name = read_file(entry.path() / "comm", 64);
    } catch (const Error&) {
    }
    while (!name.empty() && name.back() == '\n') name.pop_back();
    text += (text.empty() ? "" : ", ") + name + "[" + pid + "]";
  }
  return text;
}

// A container's disk may be a folder that its host mounted: nothing to format.
std::string shared_folder(const Json& hint) {
  if (!hint.is_object() || !hint.contains("path") || !hint["path"].is_string()) return {};
  const std::string path = hint["path"].get<std::string>();
  return path.starts_with("/") && fs::is_directory(path) ? path : std::string();
}

void unmount_path(const fs::path& target) {
  constexpr int tries = 60;  // half a minute: a job that was just stopped may still close files
  for (int attempt = 1; ::umount2(target.c_str(), 0) != 0; ++attempt) {
    const int reason = errno;
    if (reason == EINVAL) return;  // nothing is mounted there
    if (reason != EBUSY || attempt == tries) {
      throw Error(Fault::conflict, "unmounting " + target.string() + ": " + std::strerror(reason) +
                                       (reason == EBUSY ? ", held by: " + holders_of(target) : ""));
    }
    std::this_thread::sleep_for(500ms);
  }
}

}  // namespace

Disks::Disks(Paths paths, bool skip, NodeLog log) : paths_(std::move(paths)), skip_(skip), log_(log) { load(); }

void Disks::load() {
  if (!fs::exists(paths_.disks())) return;
  const Json json = parse_json(read_file(paths_.disks()), paths_.disks().string());
  for (const auto& [cid, disk] : json.items()) {
    disks_[cid] = {disk.value("hint", Json()), disk.value("mounted_at", std::string())};
  }
}

void Disks::save() const {
  Json json = Json::object();
  for (const auto& [cid, disk] : disks_) json[cid] = {{"hint", disk.hint}, {"mounted_at", disk.mounted_at}};
  write_file_atomically(paths_.disks(), dump(json), 0600);
}

Disks::Disk& Disks::known(const std::string& cid) {
  const auto found = disks_.find(cid);
  if (found == disks_.end()) {
    throw Error(Fault::not_found, "persistent disk '" + cid + "' is not known here: add_persistent_disk names it");
  }
  return found->second;
}

void Disks::add(const std::string& cid, const Json& hint) {
  require_plain_name(cid, "disk");
  const std::lock_guard lock(mutex_);
  disks_[cid].hint = hint;
  save();
}

void Disks::remove(const std::string& cid) {
  const std::lock_guard lock(mutex_);
  const auto found = disks_.find(cid);
  if (found == disks_.end()) return;
  if (!found->second.mounted_at.empty()) {
    throw Error(Fault::conflict, "persistent disk '" + cid + "' is mounted at " + found->second.mounted_at);
  }
  disks_.erase(found);
  save();
}

void Disks::mount(const std::string& cid, const std::string& fs_type, const std::vector<std::string>& mount_options) {
  const std::lock_guard lock(mutex_);
  Disk& disk = known(cid);
  if (!disk.mounted_at.empty() && (skip_ || is_mount_point(disk.mounted_at))) return;
  const auto on_store = [&](const auto& entry) {
    return entry.first != cid && entry.second.mounted_at == paths_.store().string();
  };
  const bool store_taken = std::any_of(disks_.begin(), disks_.end(), on_store);
  const fs::path target = store_taken ? paths_.migration_target() : paths_.store();
  make_folder(target, 0755);
  if (!skip_) {
    const std::string folder = shared_folder(disk.hint);
    if (!folder.empty()) {
      if (::mount(folder.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
        throw Error(Fault::internal, "binding " + folder + ": " + std::strerror(errno));
      }
    } else {
      const std::string device = wait_for_device(disk.hint, cid, device_limit);
      format_if_blank(device, fs_type);
      mount_device(device, target, mount_options);
    }
  }
  disk.mounted_at = target.string();
  save();
  log_.info("disk.mounted", {{"disk", cid}, {"at", disk.mounted_at}});
}

std::string Disks::unmount(const std::string& cid) {
  const std::lock_guard lock(mutex_);
  const auto found = disks_.find(cid);
  if (found == disks_.end() || found->second.mounted_at.empty()) {
    return "Partition of " + cid + " is not mounted";
  }
  const std::string at = found->second.mounted_at;
  if (!skip_) unmount_path(at);
  found->second.mounted_at.clear();
  save();
  log_.info("disk.unmounted", {{"disk", cid}, {"at", at}});
  return "Unmounted partition of " + cid + " from " + at;
}

void Disks::migrate() {
  const std::lock_guard lock(mutex_);
  Disk* old_disk = nullptr;
  Disk* new_disk = nullptr;
  for (auto& [cid, disk] : disks_) {
    if (disk.mounted_at == paths_.store().string()) old_disk = &disk;
    if (disk.mounted_at == paths_.migration_target().string()) new_disk = &disk;
  }
  if (!old_disk || !new_disk) {
    throw Error(Fault::conflict, "migrate_disk needs one disk on store and one on store_migration_target");
  }
  // cp keeps owners, modes, times, links, ACLs and holes, and stays on one file system.
  run_checked({.argv = {"/usr/bin/cp", "-a", "-x", "--sparse=always", paths_.store().string() + "/.",
                        paths_.migration_target().string()},
               .timeout = std::chrono::hours(24)});
  if (!skip_) {
    unmount_path(paths_.store());
    if (::mount(paths_.migration_target().c_str(), paths_.store().c_str(), nullptr, MS_MOVE, nullptr) != 0) {
      // A mount below a shared parent cannot be moved: bind it, then let the old place go.
      if (::mount(paths_.migration_target().c_str(), paths_.store().c_str(), nullptr, MS_BIND, nullptr) != 0) {
        throw Error(Fault::internal, std::string("moving the new disk to store: ") + std::strerror(errno));
      }
      unmount_path(paths_.migration_target());
    }
  }
  old_disk->mounted_at.clear();
  new_disk->mounted_at = paths_.store().string();
  save();
}

std::vector<std::string> Disks::mounted() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> cids;
  for (const auto& [cid, disk] : disks_) {
    if (!disk.mounted_at.empty()) cids.push_back(cid);
  }
  return cids;
}

bool Disks::knows(const std::string& cid) const {
  const std::lock_guard lock(mutex_);
  return disks_.contains(cid);
}

bool Disks::is_folder(const std::string& cid) const {
  const std::lock_guard lock(mutex_);
  const auto found = disks_.find(cid);
  return found != disks_.end() && !shared_folder(found->second.hint).empty();
}

std::string Disks::device_of(const std::string& cid) const {
  Json hint;
  {
    const std::lock_guard lock(mutex_);
    const auto found = disks_.find(cid);
    if (found == disks_.end()) throw Error(Fault::not_found, "persistent disk '" + cid + "' is not known here");
    hint = found->second.hint;
  }
  const std::string folder = shared_folder(hint);
  return folder.empty() ? wait_for_device(hint, cid, device_limit) : folder;
}

std::vector<std::string> Disks::mount_again(const std::string& fs_type, const std::vector<std::string>& mount_options) {
  std::vector<std::string> failed;
  for (const auto& cid : mounted()) {
    try {
      mount(cid, fs_type, mount_options);
    } catch (const Error& error) {
      log_.error("disk.mount_failed", {{"disk", cid}, {"error", error.what()}});
      failed.push_back(cid);
    }
  }
  return failed;
}

}  // namespace slipway::agent
