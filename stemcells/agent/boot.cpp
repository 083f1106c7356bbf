#include "stemcells/agent/boot.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/file.hpp"
#include "base/process.hpp"
#include "stemcells/agent/disks.hpp"
#include "stemcells/agent/ephemeral_disk.hpp"
#include "stemcells/agent/network.hpp"
#include "stemcells/agent/time_servers.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

void mount_ephemeral_disk(const Settings& settings, const Paths& paths, const NodeLog& log) {
  const Json& hint = settings.ephemeral_disk;
  const bool named = (hint.is_string() && !hint.get<std::string>().empty()) || (hint.is_object() && !hint.empty());
  if (!named || is_mount_point(paths.data())) return;
  const std::string device = find_ephemeral_disk(hint, std::chrono::seconds(30));
  format_if_blank(device, "ext4", ephemeral_label);
  mount_device(device, paths.data(), {});
  log.info("disk.ephemeral_mounted", {{"device", device}});
}

// Pid files must not outlive the processes of an earlier boot.
void mount_run_folder(const Paths& paths, const NodeLog& log) {
  if (is_mount_point(paths.run())) return;
  make_folder(paths.run(), 0770, true);
  if (::mount("tmpfs", paths.run().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=0770") == 0) {
    give_to_vcap_group(paths.run());
    return;
  }
  const fs::path mark = "/run/bosh-agent-booted";
  if (fs::exists(mark)) return;
  log.warn("run_folder.no_tmpfs");
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(paths.run(), ignored)) fs::remove_all(entry.path(), ignored);
  write_file_atomically(mark, "");
}

void set_passwords(const Settings& settings) {
  if (settings.password_hash.empty()) return;
  std::string lines;
  for (const char* user : {"root", "vcap"}) {
    if (::getpwnam(user)) lines += std::string(user) + ":" + settings.password_hash.reveal() + "\n";
  }
  run_checked({.argv = {"/usr/sbin/chpasswd", "-e"}, .standard_input = lines, .timeout = std::chrono::seconds(30)});
}

void set_authorized_keys(const Settings& settings) {
  const passwd* vcap = ::getpwnam("vcap");
  if (!vcap || settings.authorized_keys.empty()) return;
  const auto uid = vcap->pw_uid;
  const auto gid = vcap->pw_gid;
  const fs::path folder = fs::path(vcap->pw_dir) / ".ssh";
  std::string text;
  for (const auto& key : settings.authorized_keys) text += key + "\n";
  make_folder(folder, 0700);
  write_file_atomically(folder / "authorized_keys", text, 0600);
  for (const auto& path : {folder, folder / "authorized_keys"}) {
    if (::lchown(path.c_str(), uid, gid) != 0) throw Error(Fault::internal, "cannot give " + path.string() + " away");
  }
}

// A node without one of these still does its work.
template <class Step>
void try_step(const char* name, const NodeLog& log, Step&& step) {
  try {
    step();
  } catch (const std::exception& error) {
    log.error("boot.step_failed", {{"step", name}, {"error", error.what()}});
  }
}

}  // namespace

void boot_node(const Settings& settings, const AgentConfig& config, const Paths& paths, bool system, const NodeLog& log) {
  if (!system) {
    create_layout(paths);
    return;
  }
  with_context("Configuring the network", [&] { configure_network(settings, paths, log); });
  if (!config.skip_disk_setup) {
    with_context("Mounting the ephemeral disk", [&] { mount_ephemeral_disk(settings, paths, log); });
  }
  with_context("Creating the folders", [&] {
    create_layout(paths);
    mount_run_folder(paths, log);
  });
  try_step("time servers", log, [&] { set_time_servers(settings.ntp, log); });
  try_step("passwords", log, [&] { set_passwords(settings); });
  try_step("authorized keys", log, [&] { set_authorized_keys(settings); });
}

}  // namespace slipway::agent
