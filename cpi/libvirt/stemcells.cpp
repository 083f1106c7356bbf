#include "cpi/libvirt/stemcells.hpp"

#include <filesystem>
#include <set>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/process.hpp"
#include "cpi/libvirt/files.hpp"

namespace slipway::cpi {

namespace {

namespace fs = std::filesystem;

// Writes the image's members of known names into `folder`.
void extract(const std::string& image, const fs::path& folder) {
  ArchiveReader reader{fs::path(image)};
  ArchiveEntry entry;
  std::set<std::string> found;
  while (reader.next(entry)) {
    if (entry.is_directory) continue;
    if (entry.name != "rootfs.tar" && entry.name != "vmlinuz" && entry.name != "initrd.img") continue;
    reader.read_to_file(folder / entry.name, 0644);
    found.insert(entry.name);
  }
  if (found.contains("rootfs.tar") && found.contains("vmlinuz")) return;
  throw CpiError(ErrorType::cloud_error, Fault::invalid,
                 "stemcell image '" + image + "' does not hold rootfs.tar and vmlinuz", false);
}

void unpack_rootfs(const fs::path& folder) {
  fs::create_directory(folder / "rootfs");
  fs::permissions(folder / "rootfs", fs::perms(0755));
  // Owners, modes and links matter here, so this is tar's work.
  run_checked({.argv = {"tar", "--extract", "--numeric-owner", "--same-owner", "--preserve-permissions", "--file",
                        (folder / "rootfs.tar").string(), "--directory", (folder / "rootfs").string()}});
  fs::remove(folder / "rootfs.tar");
}

void make_root_image(const fs::path& folder, std::int64_t size_mib) {
  const auto image = folder / "root.ext4";
  make_sparse_file(image, static_cast<std::uint64_t>(size_mib) << 20);
  fs::permissions(image, fs::perms(0644));
  run_checked({.argv = {"mkfs.ext4", "-q", "-F", "-L", "root", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
                        "-d", (folder / "rootfs").string(), image.string()}});
}

}  // namespace

StemcellStore::Parts StemcellStore::parts_for(const fs::path& storage) const {
  Parts parts;
  for (const auto& host : config_.hosts) {
    if (host.storage != storage) continue;
    (host.mode == VirtMode::lxc ? parts.rootfs : parts.image) = true;
  }
  return parts;
}

void StemcellStore::store(const StoragePaths& paths, const StemcellCid& cid, const std::string& image,
                          const Json& record, const Parts& parts) const {
  fs::create_directories(paths.stemcells());
  const FileLock lock(paths.stemcell_lock(cid), FileLock::Kind::create_file);
  const auto folder = paths.stemcell(cid);
  const auto incoming = paths.stemcell_incoming(cid);
  const bool has_rootfs = fs::exists(folder / "rootfs"), has_image = fs::exists(folder / "root.ext4");
  if (fs::exists(folder) && (has_rootfs || !parts.rootfs) && (has_image || !parts.image)) return;

  fs::remove_all(incoming);
  fs::create_directory(incoming);
  try {
    extract(image, incoming);
    unpack_rootfs(incoming);
    if (parts.image) make_root_image(incoming, config_.root_disk_mib);
    if (!parts.rootfs) fs::remove_all(incoming / "rootfs");
    write_json_file(incoming / "stemcell.json", record);
    if (!fs::exists(folder)) {
      fs::rename(incoming, folder);
    } else {
      // A host of the other mode joined this folder.
      if (parts.rootfs && !has_rootfs) fs::rename(incoming / "rootfs", folder / "rootfs");
      if (parts.image && !has_image) fs::rename(incoming / "root.ext4", folder / "root.ext4");
      fs::remove_all(incoming);
    }
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(incoming, ignored);
    throw;
  }
}

StemcellCid StemcellStore::create(const std::string& image, const Json& tags) {
  std::error_code error;
  if (!fs::is_regular_file(image, error)) {
    throw CpiError(ErrorType::cloud_error, Fault::invalid, "stemcell image '" + image + "' is not a file", false);
  }
  const auto digest = sha256_of_file(image);  // "sha256:…"
  constexpr std::size_t prefix = 7, length = 20;
  const StemcellCid cid{"stemcell-" + digest.substr(prefix, length)};
  const Json record{{"digest", digest}, {"tags", tags}};
  std::set<fs::path> done;
  for (const auto& host : config_.hosts) {
    if (!done.insert(host.storage).second) continue;
    store(StoragePaths(host.storage), cid, image, record, parts_for(host.storage));
  }
  return cid;
}

void StemcellStore::remove(const StemcellCid& stemcell) {
  if (!is_plain_name(stemcell.value)) return;
  for (const auto& host : config_.hosts) {
    const StoragePaths paths(host.storage);
    std::error_code error;
    for (const auto& vm : fs::directory_iterator(paths.vms(), error)) {
      if (!fs::exists(vm.path() / "vm.json")) continue;
      if (read_json_file(vm.path() / "vm.json").value("stemcell", "") != stemcell.value) continue;
      throw CpiError(ErrorType::cloud_error, "stemcell '" + stemcell.value + "' is in use by VM '" +
                                                 vm.path().filename().string() + "' on host '" + host.name + "'");
    }
  }
  for (const auto& host : config_.hosts) {
    const StoragePaths paths(host.storage);
    if (!fs::exists(paths.stemcell(stemcell)) && !fs::exists(paths.stemcell_incoming(stemcell))) continue;
    const FileLock lock(paths.stemcell_lock(stemcell), FileLock::Kind::create_file);
    std::error_code gone;
    // It disappears at once; what a crash leaves of it is an ".incoming" again.
    fs::remove_all(paths.stemcell_incoming(stemcell));
    fs::rename(paths.stemcell(stemcell), paths.stemcell_incoming(stemcell), gone);
    fs::remove_all(paths.stemcell_incoming(stemcell));
    fs::remove(paths.stemcell_lock(stemcell), gone);
  }
}

bool StemcellStore::exists_on(const LibvirtHost& host, const StemcellCid& stemcell) const {
  if (!is_plain_name(stemcell.value)) return false;
  const auto folder = StoragePaths(host.storage).stemcell(stemcell);
  return fs::exists(folder / (host.mode == VirtMode::lxc ? "rootfs" : "root.ext4"));
}

}  // namespace slipway::cpi
