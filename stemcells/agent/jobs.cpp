#include "stemcells/agent/jobs.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/file.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

// root:vcap, folders and bin/* 0750, everything else 0640.
void set_job_modes(const fs::path& job) {
  const auto set = [](const fs::path& path, mode_t mode) {
    give_to_vcap_group(path);
    if (::chmod(path.c_str(), mode) != 0) throw Error(Fault::internal, "cannot set the mode of " + path.string());
  };
  set(job, 0750);
  for (const auto& entry : fs::recursive_directory_iterator(job)) {
    if (entry.is_symlink()) continue;
    const bool executable = entry.is_directory() || entry.path().parent_path() == job / "bin";
    set(entry.path(), executable ? 0750 : 0640);
  }
}

void move_into_place(const fs::path& from, const fs::path& to) {
  make_folder(to.parent_path(), 0755);
  fs::rename(from, to);
}

std::string numbered(std::size_t index, const std::string& job) {
  std::string number = std::to_string(index);
  return std::string(4 - std::min<std::size_t>(4, number.size()), '0') + number + "_" + job + ".monitrc";
}

std::string plain_text(const Json& spec, const char* key) {
  const auto found = spec.find(key);
  if (found == spec.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

void keep_only(const fs::path& folder, const std::set<std::string>& names) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!names.contains(entry.path().filename().string())) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

fs::path package_folder(const Paths& paths, const PackageRef& package) {
  return paths.data() / "packages" / package.name / package.folder_name();
}

void JobInstaller::install_package(const PackageRef& package) const {
  const fs::path target = package_folder(paths_, package);
  if (fs::exists(target)) return;
  with_context("Installing package " + package.name, [&] {
    const TempDir work("package", paths_.tmp());
    const fs::path archive = work.path() / "archive";
    const fs::path unpacked = work.path() / "unpacked";
    make_folder(unpacked, 0755);
    blobs_.get(package.source, archive);
    unpack_with_tar(archive, unpacked);
    if (::chmod(unpacked.c_str(), 0755) != 0) throw Error(Fault::internal, "cannot set the package's mode");
    move_into_place(unpacked, target);
  });
}

void JobInstaller::link_package(const PackageRef& package) const {
  replace_symlink(paths_.packages() / package.name, package_folder(paths_, package));
}

void JobInstaller::install_job(const ApplySpec& spec, const JobRef& job, const fs::path& unpacked) const {
  const fs::path source = unpacked / job.name;
  if (!fs::is_directory(fs::symlink_status(source))) {
    throw Error(Fault::invalid, "rendered templates hold no job '" + job.name + "'");
  }
  set_job_modes(source);
  move_into_place(source, paths_.data() / "jobs" / job.name / spec.job_folder_name(job));
}

void JobInstaller::install_jobs(const ApplySpec& spec) const {
  const auto missing = [&](const JobRef& job) {
    return !fs::exists(paths_.data() / "jobs" / job.name / spec.job_folder_name(job));
  };
  if (std::none_of(spec.jobs.begin(), spec.jobs.end(), missing)) return;
  const TempDir work("jobs", paths_.tmp());
  const fs::path archive = work.path() / "archive";
  const fs::path unpacked = work.path() / "unpacked";
  make_folder(unpacked, 0700);
  blobs_.get(spec.templates, archive);
  unpack_with_tar(archive, unpacked);
  for (const auto& job : spec.jobs) {
    if (missing(job)) with_context("Installing job " + job.name, [&] { install_job(spec, job, unpacked); });
  }
}

void JobInstaller::prepare(const ApplySpec& spec) const {
  for (const auto& package : spec.packages) install_package(package);
  if (!spec.jobs.empty() && !spec.templates.digest.empty()) install_jobs(spec);
}

void JobInstaller::make_job_folders(const std::string& job) const {
  for (const auto& parent : {paths_.data(), paths_.log(), paths_.run()}) make_folder(parent / job, 0770, true);
}

// Each time: the packages of an unchanged job may have changed.
void JobInstaller::link_job_packages(const ApplySpec& spec, const JobRef& job) const {
  const fs::path folder = paths_.job(job.name) / "packages";
  make_folder(folder, 0750, true);
  std::set<std::string> current;
  for (const auto& package : spec.packages) {
    current.insert(package.name);
    replace_symlink(folder / package.name, package_folder(paths_, package));
  }
  keep_only(folder, current);
}

void JobInstaller::write_monit_files(const ApplySpec& spec) const {
  std::set<std::string> current;
  for (std::size_t index = 0; index < spec.jobs.size(); ++index) {
    const auto& job = spec.jobs[index];
    const fs::path monit = paths_.job(job.name) / "monit";
    if (!fs::exists(monit)) continue;
    const std::string text = read_file(monit);
    parse_monit(text, job.name + "/monit");  // a broken file fails the apply, not a later start
    current.insert(numbered(index, job.name));
    write_file_atomically(paths_.monit_jobs() / numbered(index, job.name), text, 0600);
  }
  keep_only(paths_.monit_jobs(), current);
}

void JobInstaller::write_instance_files(const ApplySpec& spec) const {
  for (const char* key : {"id", "az", "name", "deployment"}) {
    write_file_atomically(paths_.instance() / key, plain_text(spec.raw, key), 0644);
  }
}

void JobInstaller::remove_unused(const ApplySpec& spec) const {
  std::set<std::string> jobs, packages;
  for (const auto& job : spec.jobs) {
    jobs.insert(job.name);
    keep_only(paths_.data() / "jobs" / job.name, {spec.job_folder_name(job)});
  }
  for (const auto& package : spec.packages) {
    packages.insert(package.name);
    keep_only(paths_.data() / "packages" / package.name, {package.folder_name()});
  }
  keep_only(paths_.jobs(), jobs);
  keep_only(paths_.packages(), packages);
  keep_only(paths_.data() / "jobs", jobs);
  keep_only(paths_.data() / "packages", packages);
}

void JobInstaller::apply(const ApplySpec& spec) const {
  write_instance_files(spec);
  if (spec.configuration_hash.empty()) return;
  prepare(spec);
  for (const auto& package : spec.packages) link_package(package);
  for (const auto& job : spec.jobs) {
    make_job_folders(job.name);
    replace_symlink(paths_.job(job.name), paths_.data() / "jobs" / job.name / spec.job_folder_name(job));
    link_job_packages(spec, job);
  }
  write_monit_files(spec);
  remove_unused(spec);
}

std::vector<MonitProcess> load_processes(const Paths& paths, const NodeLog& log) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(paths.monit_jobs(), ignored)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<MonitProcess> processes;
  for (const auto& file : files) {
    auto parsed = parse_monit(read_file(file), file.filename().string());
    for (const auto& warning : parsed.warnings) log.warn("monit.not_watched", {{"where", warning}});
    std::move(parsed.processes.begin(), parsed.processes.end(), std::back_inserter(processes));
  }
  return processes;
}

void make_run_folders(const Paths& paths, const Json& spec) {
  const auto job = spec.find("job");
  if (job == spec.end() || !job->is_object()) return;
  const auto templates = job->find("templates");
  if (templates == job->end() || !templates->is_array()) return;
  for (const auto& item : *templates) {
    const std::string name = item.is_object() ? plain_text(item, "name") : std::string();
    if (is_plain_name(name)) make_folder(paths.run() / name, 0770, true);
  }
}

}  // namespace slipway::agent
