#include "director/templates/rendered.hpp"

#include <algorithm>
#include <string_view>

#include "base/archive.hpp"
#include "base/digest.hpp"

namespace slipway::director {

namespace {

constexpr std::string_view links_file = "/.bosh/links.json";

// Lengths keep "ab"+"c" and "a"+"bc" apart.
void hash_field(Hasher& hasher, std::string_view field) {
  hasher.update(std::to_string(field.size()) + ":");
  hasher.update(field);
}

}  // namespace

void seal(RenderedInstance& instance, const std::vector<std::string>& job_names) {
  std::sort(instance.files.begin(), instance.files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  auto names = job_names;
  std::sort(names.begin(), names.end());
  Hasher all(DigestKind::sha1);
  for (const auto& job : names) {
    Hasher one(DigestKind::sha1);
    const auto prefix = job + "/";
    for (const auto& file : instance.files) {
      if (!file.name.starts_with(prefix) || file.name == job + std::string(links_file)) continue;
      hash_field(one, file.name);
      hash_field(one, file.content);
    }
    const auto hex = one.hex();
    instance.template_hashes[job] = hex;
    hash_field(all, job);
    hash_field(all, hex);
  }
  instance.configuration_hash = all.hex();
}

void write_archive(const RenderedInstance& instance, const std::filesystem::path& archive) {
  ArchiveWriter writer(archive);
  for (const auto& file : instance.files) writer.add(file.name, file.content, file.mode);
  writer.finish();
}

}  // namespace slipway::director
