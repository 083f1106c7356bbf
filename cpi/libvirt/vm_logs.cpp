#include "cpi/libvirt/vm_logs.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/archive.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"

namespace slipway::cpi {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_of_a_file = 4u << 20;  // its end; a journal is of use only as a whole
constexpr std::uint64_t most_of_a_journal = 16u << 20;
constexpr int deepest = 6;
constexpr std::size_t most_files = 2000;

// Names a place without opening what is there: a device of the node must not be.
Fd place_in(const Fd& folder, const std::string& name) {
  return Fd(openat(folder.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

Fd opened(const Fd& place, int flags) {
  const auto self = "/proc/self/fd/" + std::to_string(place.get());
  return Fd(open(self.c_str(), O_RDONLY | O_CLOEXEC | flags));
}

struct Found {
  std::string name;
  Fd place;
  struct stat status;
};

// Newest first: where not everything fits, that is what tells of the end.
std::vector<Found> entries_of(const Fd& place) {
  std::vector<Found> entries;
  auto folder = opened(place, O_DIRECTORY);
  if (!folder.open()) return entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fdopendir(dup(folder.get())), closedir);
  while (const auto* entry = listing ? readdir(listing.get()) : nullptr) {
    const std::string name = entry->d_name;
    const auto is_printable = [](char c) { return c >= ' ' && c < 127; };
    if (name == "." || name == ".." || !std::all_of(name.begin(), name.end(), is_printable)) continue;
    Found found{name, place_in(folder, name), {}};
    if (found.place.open() && fstat(found.place.get(), &found.status) == 0) entries.push_back(std::move(found));
    if (entries.size() == most_files) break;
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < entries.size(); ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto &one = entries[a], &other = entries[b];
    if (one.status.st_mtime != other.status.st_mtime) return one.status.st_mtime > other.status.st_mtime;
    return one.name < other.name;
  });
  std::vector<Found> sorted;
  for (const auto i : order) sorted.push_back({entries[i].name, std::move(entries[i].place), entries[i].status});
  return sorted;
}

class Collection {
 public:
  Collection(const fs::path& archive, std::int64_t max_bytes)
      : writer_(archive), left_(static_cast<std::uint64_t>(max_bytes)) {}

  // `path` below the folder `from`, as `name`: a file, or a folder with all that is in it.
  void add(const fs::path& from, const fs::path& path, const std::string& name) {
    Fd place(open(from.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const auto& part : path) {
      if (!place.open()) return;
      place = place_in(place, part.string());
    }
    struct stat status {};
    if (place.open() && fstat(place.get(), &status) == 0) add(place, status, name, 0);
  }

  void finish() {
    if (!shortened_.empty() && shortened_.size() <= left_) writer_.add("shortened.txt", shortened_);
    writer_.finish();
  }

 private:
  void add(const Fd& place, const struct stat& status, const std::string& name, int depth) {
    if (S_ISREG(status.st_mode)) return add_file(place, static_cast<std::uint64_t>(status.st_size), name);
    if (!S_ISDIR(status.st_mode) || depth == deepest) return;
    for (const auto& entry : entries_of(place)) add(entry.place, entry.status, name + "/" + entry.name, depth + 1);
  }

  void add_file(const Fd& place, std::uint64_t size, const std::string& name) {
    if (size == 0) return;
    const bool whole = name.ends_with(".journal");
    const auto most = std::min(left_, whole ? most_of_a_journal : most_of_a_file);
    if (size > most) shortened_ += name + ": " + std::to_string(size) + " bytes\n";
    if (most == 0 || (whole && size > most) || ++files_ > most_files) return;
    const auto file = opened(place, 0);
    if (!file.open()) return;
    std::string text(std::min(size, most), '\0');
    std::uint64_t got = 0;
    while (got < text.size()) {
      const auto from = static_cast<off_t>(size - text.size() + got);
      const auto count = pread(file.get(), text.data() + got, text.size() - got, from);
      if (count <= 0) break;
      got += static_cast<std::uint64_t>(count);
    }
    text.resize(got);
    left_ -= got;
    writer_.add(name, text);
  }

  ArchiveWriter writer_;
  std::uint64_t left_;
  std::size_t files_ = 0;
  std::string shortened_;
};

}  // namespace

std::string logs_of(const VmCid& vm, const FoundVm& found, std::int64_t max_bytes) {
  const TempDir place("vm-logs");
  const auto archive = place.path() / "logs.tgz";
  const auto folder = found.paths().vm(vm);
  Collection collection(archive, max_bytes);
  if (found.host->mode == VirtMode::lxc) {
    collection.add(folder, "vm/init.log", "init.log");
    collection.add(folder, "vm/upper/var/vcap/bosh/log", "var/vcap/bosh/log");
    if (const auto process = found.domain ? found.domain->first_process() : std::nullopt)
      collection.add("/proc/" + std::to_string(*process) + "/root", "run/log/journal", "run/log/journal");
    collection.add(folder, "vm/upper/var/log", "var/log");
    collection.add(folder, "ephemeral/sys/log", "var/vcap/sys/log");
  } else {
    collection.add(folder, "console.log", "console.log");
  }
  collection.finish();
  return read_file(archive);
}

}  // namespace slipway::cpi
