#include "director/blobstore/blobstore.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>

#include "base/digest.hpp"
#include "director/blobstore/blob_file.hpp"

namespace slipway::director {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_id_length = 128;
constexpr std::size_t copy_chunk_bytes = 64u << 10;
constexpr std::size_t folder_name_length = 2;
constexpr auto abandoned_after = std::chrono::hours(24);

bool is_id(std::string_view text) {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !text.empty() && text.size() <= max_id_length &&
         text.find_first_not_of(allowed) == std::string_view::npos;
}

// Another process may be writing here: only what nobody has touched for long is rubbish.
void remove_abandoned(const fs::path& incoming) {
  std::error_code ignored;
  const auto now = fs::file_time_type::clock::now();
  for (const auto& entry : fs::directory_iterator(incoming, ignored)) {
    const auto changed = entry.last_write_time(ignored);
    if (!ignored && now - changed > abandoned_after) fs::remove(entry.path(), ignored);
  }
}

}  // namespace

Blobstore::Blobstore(fs::path folder, Random& random) : folder_(std::move(folder)), random_(random) {
  std::error_code error;
  fs::create_directories(folder_ / "incoming", error);
  if (error) throw_system_error(error.value(), "creating the blob folder " + folder_.string());
  ::chmod(folder_.c_str(), 0700);
  remove_abandoned(folder_ / "incoming");
}

std::string Blobstore::place(const BlobId& id) {
  if (!is_id(id.value))
    throw Error(Fault::invalid, "not a blob id: 1 to 128 letters, digits, '_' and '-' are allowed");
  return sha1_hex(id.value).substr(0, folder_name_length) + "/" + id.value;
}

std::string Blobstore::new_id() {
  const std::lock_guard lock(random_mutex_);
  return random_.uuid();
}

std::uint64_t Blobstore::free_bytes() const {
  struct statvfs info {};
  if (::statvfs(folder_.c_str(), &info) != 0) throw_system_error(errno, "asking for free disk space");
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

StoredBlob Blobstore::publish(IncomingBlob& blob, BlobId id) {
  const auto target = folder_ / place(id);
  StoredBlob stored{std::move(id), blob.size(), blob.sha1(), blob.sha256()};
  if (!blob.publish(target) && sha256_of_file(target.string()) != "sha256:" + stored.sha256)
    throw Error(Fault::conflict, "blob " + stored.id.value + " exists with other content");
  return stored;
}

StoredBlob Blobstore::put_file(const fs::path& source, const BlobId& id) {
  if (!id.empty()) (void)place(id);
  const auto name = new_id();
  IncomingBlob blob(folder_ / "incoming", name);
  blob.copy_from(source);
  return publish(blob, id.empty() ? BlobId{name} : id);
}

StoredBlob Blobstore::put(http::BodyReader& body, const BlobId& id) {
  if (!id.empty()) (void)place(id);
  if (const auto length = body.length(); length && *length > free_bytes())
    throw Error(Fault::exhausted, "no room for a blob of " + std::to_string(*length) + " bytes");
  const auto name = new_id();
  IncomingBlob blob(folder_ / "incoming", name);
  std::vector<char> buffer(copy_chunk_bytes);
  while (const auto size = body.read(buffer)) blob.append({buffer.data(), size});
  return publish(blob, id.empty() ? BlobId{name} : id);
}

fs::path Blobstore::path(const BlobId& id) const {
  auto path = folder_ / place(id);
  std::error_code error;
  if (!fs::is_regular_file(path, error)) throw Error(Fault::not_found, "no blob " + id.value);
  return path;
}

bool Blobstore::exists(const BlobId& id) const {
  std::error_code error;
  return fs::is_regular_file(folder_ / place(id), error);
}

void Blobstore::remove(const BlobId& id) {
  const auto path = folder_ / place(id);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_system_error(errno, "removing blob " + id.value);
}

std::vector<BlobId> Blobstore::list() const {
  std::vector<BlobId> ids;
  for (const auto& folder : fs::directory_iterator(folder_)) {
    const auto name = folder.path().filename().string();
    if (name.size() != folder_name_length || !folder.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      const auto id = entry.path().filename().string();
      if (is_id(id) && place(BlobId{id}).starts_with(name)) ids.push_back(BlobId{id});
    }
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace slipway::director
