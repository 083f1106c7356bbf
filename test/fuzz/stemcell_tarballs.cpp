// Stemcell tarballs as they are uploaded.
#include "base/file.hpp"
#include "releases/format/stemcell.hpp"
#include "test/fuzz/fuzz.hpp"
#include "test/fuzz/tarball.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  const TempDir folder;
  const auto tarball = folder.path() / "stemcell.tar";
  write_file_atomically(tarball, tar_of(input), 0600);
  refusals_are_right([&] { releases::read_stemcell_manifest(tarball); });
  const auto image = folder.path() / "image";
  bool accepted = false;
  refusals_are_right([&] {
    releases::extract_stemcell(tarball, image, 1u << 20);
    accepted = true;
  });
  require(std::filesystem::exists(image) == accepted);
}

}  // namespace slipway::fuzz
