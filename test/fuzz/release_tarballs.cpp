// Release tarballs as they are uploaded: the archive, release.MF, and each job inside.
#include "base/file.hpp"
#include "releases/format/tarball.hpp"
#include "test/fuzz/fuzz.hpp"
#include "test/fuzz/tarball.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  const TempDir folder;
  const auto tarball = folder.path() / "release.tar";
  write_file_atomically(tarball, tar_of(input), 0600);
  std::filesystem::create_directory(folder.path() / "parts");
  refusals_are_right([&] {
    const auto content = releases::read_release(tarball, folder.path() / "parts", {.max_unpacked_bytes = 1u << 20});
    // What was accepted can be written down and is read as the same again.
    const auto text = releases::to_yaml(content.manifest);
    require(releases::to_yaml(releases::parse_release_manifest(text, "what was written")) == text);
    for (const auto& [name, file] : content.job_files) require(std::filesystem::is_regular_file(file));
  });
}

}  // namespace slipway::fuzz
