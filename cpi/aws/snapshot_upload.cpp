#include "cpi/aws/snapshot_upload.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "cpi/aws/names.hpp"
#include "cpi/contract/cpi.hpp"

namespace slipway::cpi::aws {

namespace {

constexpr std::size_t block_bytes = 512u << 10;
constexpr std::uint64_t gib_bytes = 1ull << 30;
constexpr const char* disk_name = "root.img";

struct Block {
  std::int64_t index = 0;
  std::string bytes;
};

bool is_zero(const std::string& bytes) { return bytes.find_first_not_of('\0') == std::string::npos; }

// Blocks on their way to the snapshot: a few threads, and no more in memory than twice as many.
class BlockSenders {
 public:
  BlockSenders(const Api& api, std::string snapshot, int threads)
      : api_(api), snapshot_(std::move(snapshot)), room_(2 * static_cast<std::size_t>(threads)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~BlockSenders() { end(); }

  void add(Block block) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < room_ || failure_; });
    if (failure_) return;
    waiting_.push_back(std::move(block));
    changed_.notify_all();
  }

  // Returns how many were sent; throws the first failure.
  std::int64_t finish() {
    end();
    if (failure_) std::rethrow_exception(failure_);
    return sent_;
  }

 private:
  void end() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  void work() {
    for (;;) {
      Block block;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !waiting_.empty() || ended_ || failure_; });
        if (failure_ || waiting_.empty()) return;
        block = std::move(waiting_.back());
        waiting_.pop_back();
        changed_.notify_all();
      }
      try {
        put(block);
        ++sent_;
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        changed_.notify_all();
        return;
      }
    }
  }

  // The same block again is the same block: a repetition does no harm.
  void put(const Block& block) {
    Hasher hasher(DigestKind::sha256);
    hasher.update(block.bytes);
    const auto hex = hasher.hex();
    std::string raw;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      raw += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    http::ClientRequest request{
        .method = "PUT",
        .target = "/snapshots/" + snapshot_ + "/blocks/" + std::to_string(block.index),
        .body = block.bytes};
    request.headers["Content-Type"] = "application/octet-stream";
    request.headers["x-amz-Data-Length"] = std::to_string(block.bytes.size());
    request.headers["x-amz-Checksum"] = base64_encode(raw);
    request.headers["x-amz-Checksum-Algorithm"] = "SHA256";
    api_.ebs(std::move(request), "PutSnapshotBlock");
  }

  const Api& api_;
  const std::string snapshot_;
  const std::size_t room_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Block> waiting_;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::atomic<std::int64_t> sent_{0};
  std::vector<std::thread> threads_;
};

std::string start(const Api& api, const SnapshotUpload& upload, std::int64_t volume_gib) {
  Json body{{"VolumeSize", volume_gib},
            {"Description", upload.description},
            {"ClientToken", api.random().uuid()},
            {"Timeout", 60}};
  body["Tags"] = Json::array();
  for (const auto& [key, value] : tags_for_ec2(upload.tags))
    body["Tags"].push_back({{"Key", key}, {"Value", value}});
  if (upload.encrypted) body["Encrypted"] = true;
  if (upload.encrypted && !upload.kms_key_arn.empty()) body["KmsKeyArn"] = upload.kms_key_arn;
  http::ClientRequest request{.method = "POST", .target = "/snapshots", .body = dump(body)};
  request.headers["Content-Type"] = "application/json";
  const auto reply = api.ebs(std::move(request), "StartSnapshot");
  const auto id = reply.value("SnapshotId", "");
  if (!is_ec2_id(id, "snap")) throw Error(Fault::internal, "StartSnapshot: the reply names no snapshot");
  if (reply.value("BlockSize", static_cast<std::int64_t>(block_bytes)) % 512 != 0)
    throw Error(Fault::internal, "StartSnapshot: the reply names a strange block size");
  return id;
}

void send_disk(ArchiveReader& reader, BlockSenders& senders) {
  Block block;
  const auto flush = [&] {
    block.bytes.resize(block_bytes, '\0');
    if (!is_zero(block.bytes)) senders.add({block.index, block.bytes});
    ++block.index;
    block.bytes.clear();
  };
  reader.read_to([&](std::string_view chunk) {
    while (!chunk.empty()) {
      const auto part = chunk.substr(0, block_bytes - block.bytes.size());
      block.bytes += part;
      chunk.remove_prefix(part.size());
      if (block.bytes.size() == block_bytes) flush();
    }
  });
  if (!block.bytes.empty()) flush();
}

void complete(const Api& api, const std::string& snapshot, std::int64_t blocks) {
  http::ClientRequest request{.method = "POST", .target = "/snapshots/completion/" + snapshot};
  request.headers["x-amz-ChangedBlocksCount"] = std::to_string(blocks);
  api.ebs(std::move(request), "CompleteSnapshot");
}

}  // namespace

std::string upload_snapshot(const Api& api, const SnapshotUpload& upload) {
  ArchiveReader reader{std::filesystem::path(upload.image_path)};
  ArchiveEntry entry;
  do {
    if (!reader.next(entry)) {
      throw CpiError(ErrorType::cloud_error, Fault::invalid,
                     "stemcell image '" + upload.image_path + "' does not hold " + disk_name, false);
    }
  } while (entry.name != disk_name || entry.is_directory);
  const auto disk_gib = static_cast<std::int64_t>((entry.size + gib_bytes - 1) / gib_bytes);
  if (entry.size == 0 || (upload.volume_gib > 0 && upload.volume_gib < disk_gib)) {
    throw CpiError(ErrorType::cloud_error, Fault::invalid,
                   "the disk of stemcell image '" + upload.image_path + "' has " +
                       std::to_string(entry.size) + " bytes; cloud_properties.disk allows " +
                       std::to_string(upload.volume_gib) + " GiB",
                   false);
  }
  const auto snapshot = start(api, upload, std::max(disk_gib, upload.volume_gib));
  try {
    BlockSenders senders(api, snapshot, upload.threads);
    send_disk(reader, senders);
    complete(api, snapshot, senders.finish());
  } catch (const Error&) {
    try {
      api.ec2(Query("DeleteSnapshot").set("SnapshotId", snapshot));
    } catch (const Error& error) {
      api.log().error("snapshot.not_deleted", {{"snapshot", snapshot}, {"reason", error.what()}});
    }
    throw;
  }
  return snapshot;
}

}  // namespace slipway::cpi::aws
