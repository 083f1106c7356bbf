#include "stemcells/agent/blobs.hpp"

#include <fstream>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/json_text.hpp"
#include "base/process.hpp"
#include "base/random.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto transfer_limit = 30min;

fs::path own_folder() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).parent_path();
}

void remove_quietly(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::string hash_of_file(const fs::path& file, DigestKind kind) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(Fault::not_found, "cannot open " + file.string());
  Hasher hasher(kind);
  std::vector<char> buffer(64u << 10);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    hasher.update({buffer.data(), static_cast<std::size_t>(in.gcount())});
  }
  return hasher.hex();
}

}  // namespace

BlobSource blob_source_from(const Json& json, const std::string& what) {
  if (!json.is_object()) throw Error(Fault::invalid, what + ": expected an object");
  BlobSource source;
  source.blobstore_id = text_or_empty(json, "blobstore_id");
  source.signed_url = text_or_empty(json, "signed_url");
  const auto headers = json.find("blobstore_headers");
  if (headers != json.end() && headers->is_object()) source.headers = *headers;
  source.digest = text_or_empty(json, "sha1");
  if (source.digest.empty()) source.digest = text_or_empty(json, "digest");
  if (source.blobstore_id.empty() && source.signed_url.empty()) {
    throw Error(Fault::invalid, what + ": neither blobstore_id nor signed_url is given");
  }
  if (source.digest.empty()) throw Error(Fault::invalid, what + ": no digest is given");
  return source;
}

Blobs::Blobs(BlobstoreSettings settings, Paths paths) : settings_(std::move(settings)), paths_(std::move(paths)) {}

fs::path Blobs::local_path(const std::string& id) const {
  const std::string folder = text_or_empty(settings_.options, "blobstore_path");
  if (folder.empty()) throw Error(Fault::invalid, "blobstore: provider local needs options.blobstore_path");
  return fs::path(folder) / require_plain_name(id, "blob id");
}

void Blobs::run_helper(const std::string& provider, const Json& config, const std::vector<std::string>& words) const {
  const std::string name = "bosh-blobstore-" + provider;
  fs::path program = paths_.bosh() / "bin" / name;
  if (!fs::exists(program)) program = own_folder() / name;
  const TempDir folder("blobstore", paths_.tmp());
  const fs::path file = folder.path() / "config.json";
  write_file_atomically(file, dump(config), 0600);
  std::vector<std::string> argv{program.string(), "-c", file.string()};
  argv.insert(argv.end(), words.begin(), words.end());
  const auto result = run({.argv = argv, .timeout = transfer_limit});
  if (!result.ok()) {
    std::string reason = result.timed_out ? "timed out" : result.standard_error;
    while (!reason.empty() && reason.back() == '\n') reason.pop_back();
    throw Error(Fault::retryable, name + " " + words.front() + ": " + reason);
  }
}

void Blobs::fetch(const BlobSource& source, const fs::path& file) const {
  if (!source.signed_url.empty()) {
    Json config = settings_.options;
    config["signed_url"] = source.signed_url;
    config["headers"] = source.headers;
    return run_helper("dav", config, {"fetch", file.string()});
  }
  if (settings_.provider != "local") {
    return run_helper(settings_.provider, settings_.options, {"get", source.blobstore_id, file.string()});
  }
  std::error_code failed;
  fs::copy_file(local_path(source.blobstore_id), file, fs::copy_options::overwrite_existing, failed);
  if (failed) throw Error(Fault::not_found, "blob " + source.blobstore_id + ": " + failed.message());
}

void Blobs::get(const BlobSource& source, const fs::path& file) const {
  const auto digest = MultiDigest::parse(source.digest);
  try {
    with_context("Getting blob", [&] {
      fetch(source, file);
      verify_file(file.string(), digest);
    });
  } catch (...) {
    remove_quietly(file);
    throw;
  }
}

std::string Blobs::put(const fs::path& file) const {
  SystemRandom random;
  const std::string id = random.uuid();
  with_context("Storing blob", [&] {
    if (settings_.provider != "local") {
      return run_helper(settings_.provider, settings_.options, {"put", file.string(), id});
    }
    const fs::path target = local_path(id);
    const fs::path partial = target.string() + ".partial";
    fs::copy_file(file, partial);
    fs::rename(partial, target);
  });
  return id;
}

void Blobs::put_signed(const std::string& url, const Json& headers, const fs::path& file) const {
  Json config = settings_.options;
  config["signed_url"] = url;
  config["headers"] = headers.is_object() ? headers : Json::object();
  with_context("Storing blob", [&] { run_helper("dav", config, {"upload", file.string()}); });
}

void unpack_with_tar(const fs::path& archive, const fs::path& folder) {
  with_context("Unpacking", [&] {
    run_checked({.argv = {"/usr/bin/tar", "--no-same-owner", "-xf", archive.string(), "-C", folder.string()},
                 .timeout = transfer_limit});
  });
}

void pack_with_tar(const fs::path& folder, const fs::path& archive) {
  with_context("Packing", [&] {
    run_checked({.argv = {"/usr/bin/tar", "--owner=root", "--group=root", "-czf", archive.string(), "-C",
                          folder.string(), "."},
                 .timeout = transfer_limit});
  });
}

std::string sha1_of_file(const fs::path& file) { return hash_of_file(file, DigestKind::sha1); }
std::string sha512_of_file(const fs::path& file) { return hash_of_file(file, DigestKind::sha512); }

}  // namespace slipway::agent
