#include "releases/format/stemcell.hpp"

#include <map>
#include <optional>
#include <system_error>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/json_text.hpp"
#include "base/yaml.hpp"
#include "releases/format/names.hpp"
#include "releases/format/version.hpp"

namespace slipway::releases {

namespace {

constexpr std::size_t max_stemcell_manifest_bytes = 1u << 20;

// Hashes of an image on its way. When the manifest stands behind it, or names no usable digest, nobody
// knows yet which one counts.
class ImageHashes {
 public:
  explicit ImageHashes(const std::string& digest) {
    try {
      const auto kind = MultiDigest::parse(digest).kind();
      hashers_.emplace(kind, Hasher(kind));
    } catch (const Error&) {
      for (const auto kind : {DigestKind::sha1, DigestKind::sha256}) hashers_.emplace(kind, Hasher(kind));
    }
  }

  void update(std::string_view bytes) {
    for (auto& [kind, hasher] : hashers_) hasher.update(bytes);
  }

  void verify(const std::string& digest, const std::filesystem::path& image) {
    const auto expected = MultiDigest::parse(digest);
    const auto hasher = hashers_.find(expected.kind());
    if (hasher == hashers_.end()) return verify_file(image.string(), expected);
    const auto actual = hasher->second.hex();
    if (!expected.matches(expected.kind(), actual))
      throw Error(Fault::invalid, "expected is the digest " + expected.hex() + ", it has " + actual);
  }

 private:
  std::map<DigestKind, Hasher> hashers_;
};

}  // namespace

StemcellManifest parse_stemcell_manifest(std::string_view yaml, std::string_view source) {
  const auto document = parse_yaml(yaml, source);
  Problems problems;
  JsonReader in(document, "", problems);
  StemcellManifest manifest;
  manifest.name = in.string("name");
  if (!manifest.name.empty() && !is_valid_name(manifest.name)) {
    problems.add("name", "is '" + manifest.name + "', " + std::string(name_rule));
  }
  manifest.version = scalar_text(document, "version");
  try {
    Version::parse_stemcell(manifest.version);
  } catch (const Error& error) {
    problems.add("version", error.what());
  }
  manifest.operating_system = in.string("operating_system");
  manifest.sha1 = scalar_text(document, "sha1");
  manifest.api_version = static_cast<int>(in.integer_or("api_version", 1, 1, 1000));
  manifest.bosh_protocol = scalar_text(document, "bosh_protocol");
  manifest.formats = in.strings_or_empty("stemcell_formats");
  manifest.cloud_properties = in.object_or_empty("cloud_properties");
  problems.throw_if_any(source);
  return manifest;
}

StemcellManifest read_stemcell_manifest(const std::filesystem::path& tarball) {
  ArchiveReader reader(tarball, {.max_entries = 1'000});
  ArchiveEntry entry;
  while (reader.next(entry)) {
    if (entry.name == "stemcell.MF") return parse_stemcell_manifest(reader.read_all(max_stemcell_manifest_bytes), "stemcell.MF");
  }
  throw Error(Fault::invalid, "the stemcell tarball has no stemcell.MF");
}

ArchiveLimits stemcell_limits(std::uint64_t max_image_bytes) {
  return {.max_total_bytes = max_image_bytes + (64u << 20), .max_entries = 1'000};
}

TakenStemcell take_stemcell(ArchiveReader& archive, const std::filesystem::path& image,
                            const TakeStemcellOptions& options) {
  TakenStemcell taken;
  std::optional<ImageHashes> hashes;
  try {
    ArchiveEntry entry;
    while (archive.next(entry)) {
      if (entry.name == "stemcell.MF") {
        taken.manifest_text = archive.read_all(max_stemcell_manifest_bytes);
        taken.manifest = parse_stemcell_manifest(taken.manifest_text, "stemcell.MF");
        if (!hashes && options.wanted && !options.wanted(taken.manifest)) return taken;
      } else if (entry.name == "image") {
        if (hashes) throw Error(Fault::invalid, "the stemcell tarball holds 'image' twice");
        if (entry.size > options.max_image_bytes)
          throw Error(Fault::exhausted, "the stemcell's image is larger than " +
                                            std::to_string(options.max_image_bytes) + " bytes");
        hashes.emplace(taken.manifest.sha1);
        archive.read_to_file(image, 0600, [&](std::string_view bytes) { hashes->update(bytes); });
      }
    }
    if (taken.manifest_text.empty()) throw Error(Fault::invalid, "the stemcell tarball has no stemcell.MF");
    if (!hashes) throw Error(Fault::invalid, "the stemcell tarball has no image");
    if (std::filesystem::file_size(image) > 0)
      with_context("the stemcell's image", [&] { hashes->verify(taken.manifest.sha1, image); });
    taken.has_image = true;
    return taken;
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(image, ignored);
    throw;
  }
}

StemcellManifest extract_stemcell(const std::filesystem::path& tarball, const std::filesystem::path& image,
                                  std::uint64_t max_image_bytes) {
  ArchiveReader reader(tarball, stemcell_limits(max_image_bytes));
  return take_stemcell(reader, image, {.max_image_bytes = max_image_bytes}).manifest;
}

}  // namespace slipway::releases
