#include "releases/format/stemcell.hpp"

#include <system_error>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/yaml.hpp"
#include "releases/format/names.hpp"
#include "releases/format/version.hpp"

namespace slipway::releases {

namespace {

constexpr std::size_t max_manifest_bytes = 1u << 20;

std::string text_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : dump(*found);
}

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
  manifest.version = text_of(document, "version");
  try {
    Version::parse_stemcell(manifest.version);
  } catch (const Error& error) {
    problems.add("version", error.what());
  }
  manifest.operating_system = in.string("operating_system");
  manifest.sha1 = text_of(document, "sha1");
  manifest.api_version = static_cast<int>(in.integer_or("api_version", 1, 1, 1000));
  manifest.bosh_protocol = text_of(document, "bosh_protocol");
  manifest.formats = in.strings_or_empty("stemcell_formats");
  manifest.cloud_properties = in.object_or_empty("cloud_properties");
  problems.throw_if_any(source);
  return manifest;
}

StemcellManifest read_stemcell_manifest(const std::filesystem::path& tarball) {
  ArchiveReader reader(tarball, {.max_entries = 1'000});
  ArchiveEntry entry;
  while (reader.next(entry)) {
    if (entry.name == "stemcell.MF") return parse_stemcell_manifest(reader.read_all(max_manifest_bytes), "stemcell.MF");
  }
  throw Error(Fault::invalid, "the stemcell tarball has no stemcell.MF");
}

StemcellManifest extract_stemcell(const std::filesystem::path& tarball, const std::filesystem::path& image,
                                  std::uint64_t max_image_bytes) {
  std::string text;
  bool has_image = false;
  try {
    ArchiveReader reader(tarball, {.max_total_bytes = max_image_bytes + (64u << 20), .max_entries = 1'000});
    ArchiveEntry entry;
    while (reader.next(entry)) {
      if (entry.name == "stemcell.MF") {
        text = reader.read_all(max_manifest_bytes);
      } else if (entry.name == "image") {
        if (has_image) throw Error(Fault::invalid, "the stemcell tarball holds 'image' twice");
        reader.read_to_file(image);
        has_image = true;
      }
    }
    if (text.empty()) throw Error(Fault::invalid, "the stemcell tarball has no stemcell.MF");
    auto manifest = parse_stemcell_manifest(text, "stemcell.MF");
    if (!has_image) throw Error(Fault::invalid, "the stemcell tarball has no image");
    if (std::filesystem::file_size(image) > 0) {
      with_context("the stemcell's image", [&] { verify_file(image, MultiDigest::parse(manifest.sha1)); });
    }
    return manifest;
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(image, ignored);
    throw;
  }
}

}  // namespace slipway::releases
