#pragma once

#include <filesystem>
#include <string>

namespace slipway::agent {

// Where everything lies below the agent's base folder (/var/vcap on a node):
//
//   bosh/settings.json              what the cloud gave at boot, 0600
//   bosh/update_settings.json       what the director said since, 0600
//   bosh/spec.json                  the apply spec last stored, 0600
//   bosh/persistent_disks.json      known disks: hints and what is mounted, 0600
//   bosh/bin/                       bosh-agent, bosh-blobstore-<provider>
//   bosh/log/                       the agent's own logs
//   jobs/<j>                        -> data/jobs/<j>/<hash>
//   packages/<p>                    -> data/packages/<p>/<hash>
//   data/jobs/<j>/<hash>/           rendered job; packages/<p> links inside
//   data/packages/<p>/<hash>/       package content
//   data/<j>/                       a job's ephemeral data, 0770 root:vcap
//   data/sys/{log,run}/<j>/         logs and pid files; sys -> data/sys
//   data/compile/<p>/               a package being compiled
//   data/tmp/                       downloads and unpacking, same file system as the targets
//   data/blobs/                     blobs the director uploaded or asked to keep
//   store/, store_migration_target/ persistent disks
//   monit/job/NNNN_<j>.monitrc      process definitions of the applied jobs
//   monit/stopped                   present while the jobs are meant to be stopped
//   instance/{id,az,name,deployment}, instance/disks/<name>
//   instance/dns/records.json       names as the director sent them, 0640
//   instance/dns/hosts/records      the same as the resolver reads them, 0644
struct Paths {
  std::filesystem::path base = "/var/vcap";
  std::filesystem::path etc = "/etc";  // hosts, hostname, resolv.conf: tests put them elsewhere

  std::filesystem::path bosh() const { return base / "bosh"; }
  std::filesystem::path settings() const { return bosh() / "settings.json"; }
  std::filesystem::path update_settings() const { return bosh() / "update_settings.json"; }
  std::filesystem::path spec() const { return bosh() / "spec.json"; }
  std::filesystem::path disks() const { return bosh() / "persistent_disks.json"; }
  std::filesystem::path agent_log() const { return bosh() / "log"; }
  std::filesystem::path jobs() const { return base / "jobs"; }
  std::filesystem::path packages() const { return base / "packages"; }
  std::filesystem::path data() const { return base / "data"; }
  std::filesystem::path sys() const { return data() / "sys"; }
  std::filesystem::path log() const { return sys() / "log"; }
  std::filesystem::path run() const { return sys() / "run"; }
  std::filesystem::path compile() const { return data() / "compile"; }
  std::filesystem::path tmp() const { return data() / "tmp"; }
  std::filesystem::path blobs() const { return data() / "blobs"; }
  std::filesystem::path store() const { return base / "store"; }
  std::filesystem::path migration_target() const { return base / "store_migration_target"; }
  std::filesystem::path monit_jobs() const { return base / "monit" / "job"; }
  std::filesystem::path stopped_mark() const { return base / "monit" / "stopped"; }
  std::filesystem::path instance() const { return base / "instance"; }
  std::filesystem::path dns_records() const { return instance() / "dns" / "records.json"; }
  std::filesystem::path resolver_hosts() const { return instance() / "dns" / "hosts"; }
  std::filesystem::path job(const std::string& name) const { return jobs() / name; }
};

inline constexpr const char* program_path = "/usr/sbin:/usr/bin:/sbin:/bin";

// True for what may become one path segment: job, package, script and disk names.
bool is_plain_name(const std::string& name);
// Throws Fault::invalid naming `what` otherwise.
const std::string& require_plain_name(const std::string& name, const std::string& what);

// Sets owner root and group vcap where that group exists and this process may; else nothing.
void give_to_vcap_group(const std::filesystem::path& path);
void make_folder(const std::filesystem::path& path, unsigned mode, bool vcap_group = false);
// Points `link` at `target` atomically, whatever link stood there before. A real folder at
// `link` throws Fault::conflict.
void replace_symlink(const std::filesystem::path& link, const std::filesystem::path& target);

// The folders that exist before any job does. Repeats safely.
void create_layout(const Paths& paths);

}  // namespace slipway::agent
