#pragma once

#include <string>
#include <vector>

#include "stemcells/agent/node_log.hpp"
#include "stemcells/agent/apply_spec.hpp"
#include "stemcells/agent/monit.hpp"

namespace slipway::agent {

// Puts jobs and packages on the node's disk. Every download is verified before it is
// unpacked, everything is unpacked aside and renamed into place: a crash leaves the old
// state or the new one. Repeats are cheap.
class JobInstaller {
 public:
  JobInstaller(const Blobs& blobs, Paths paths, NodeLog log) : blobs_(blobs), paths_(std::move(paths)), log_(log) {}

  void prepare(const ApplySpec& spec) const;  // downloads and unpacks, switches nothing
  void apply(const ApplySpec& spec) const;    // prepare, switch the links, remove what is not used any more
  void install_package(const PackageRef& package) const;      // data/packages/<name>/<hash>
  void link_package(const PackageRef& package) const;         // packages/<name>

 private:
  void install_jobs(const ApplySpec& spec) const;
  void install_job(const ApplySpec& spec, const JobRef& job, const std::filesystem::path& unpacked) const;
  void link_job_packages(const ApplySpec& spec, const JobRef& job) const;
  void make_job_folders(const std::string& job) const;
  void write_monit_files(const ApplySpec& spec) const;
  void write_instance_files(const ApplySpec& spec) const;
  void remove_unused(const ApplySpec& spec) const;

  const Blobs& blobs_;
  Paths paths_;
  NodeLog log_;
};

std::filesystem::path package_folder(const Paths& paths, const PackageRef& package);

// The processes of all applied jobs, from monit/job/*.monitrc in their order.
std::vector<MonitProcess> load_processes(const Paths& paths, const NodeLog& log);
// After a reboot the run folders are empty: makes those of the stored spec's jobs again.
void make_run_folders(const Paths& paths, const Json& spec);

}  // namespace slipway::agent
