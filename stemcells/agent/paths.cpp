#include "stemcells/agent/paths.hpp"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

// Looked up once: the group is part of the stemcell.
gid_t vcap_group_id() {
  static const gid_t id = [] {
    const group* found = ::getgrnam("vcap");
    return found ? found->gr_gid : gid_t{0};
  }();
  return id;
}

}  // namespace

bool is_plain_name(const std::string& name) {
  if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
  for (const char c : name) {
    if (c == '/' || static_cast<unsigned char>(c) < 0x21 || c == 0x7f) return false;
  }
  return true;
}

const std::string& require_plain_name(const std::string& name, const std::string& what) {
  if (!is_plain_name(name)) throw Error(Fault::invalid, what + " '" + name + "' is not a plain name");
  return name;
}

void give_to_vcap_group(const fs::path& path) {
  if (::geteuid() != 0) return;
  if (::lchown(path.c_str(), 0, vcap_group_id()) != 0) {
    throw Error(Fault::internal, "cannot change the owner of " + path.string());
  }
}

void make_folder(const fs::path& path, unsigned mode, bool vcap_group) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) throw Error(Fault::internal, "creating " + path.string() + ": " + failed.message());
  if (vcap_group) give_to_vcap_group(path);
  if (::chmod(path.c_str(), mode) != 0) throw Error(Fault::internal, "cannot set the mode of " + path.string());
}

void replace_symlink(const fs::path& link, const fs::path& target) {
  std::error_code failed;
  const auto status = fs::symlink_status(link, failed);
  if (status.type() == fs::file_type::symlink && fs::read_symlink(link, failed) == target) return;
  if (status.type() == fs::file_type::directory) {
    throw Error(Fault::conflict, link.string() + " is a folder where a link is due");
  }
  const fs::path fresh = link.parent_path() / (".new-" + link.filename().string());
  fs::remove(fresh, failed);
  fs::create_symlink(target, fresh);
  fs::rename(fresh, link);
}

void create_layout(const Paths& paths) {
  make_folder(paths.base, 0755);
  make_folder(paths.bosh(), 0755);
  make_folder(paths.agent_log(), 0750);
  make_folder(paths.data(), 0755);
  make_folder(paths.data() / "jobs", 0755);
  make_folder(paths.data() / "packages", 0755);
  make_folder(paths.jobs(), 0755);
  make_folder(paths.packages(), 0755);
  make_folder(paths.sys(), 0755);
  make_folder(paths.log(), 0770, true);
  make_folder(paths.run(), 0770, true);
  make_folder(paths.compile(), 0755);
  make_folder(paths.tmp(), 0770, true);
  make_folder(paths.blobs(), 0700);
  make_folder(paths.data() / "sensitive_blobs", 0700);
  make_folder(paths.store(), 0755);
  make_folder(paths.monit_jobs(), 0700);
  make_folder(paths.instance(), 0755);
  make_folder(paths.instance() / "dns", 0755);
  make_folder(paths.resolver_hosts(), 0755);
  make_folder(paths.instance() / "disks", 0755);
  replace_symlink(paths.base / "sys", "data/sys");
}

}  // namespace slipway::agent
