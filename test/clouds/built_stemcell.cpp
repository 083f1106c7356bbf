#include "test/clouds/built_stemcell.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/yaml.hpp"

namespace slipway::test {

BuiltStemcell::BuiltStemcell() : image(folder.path() / "image") {
  const char* file = std::getenv("SLIPWAY_STEMCELL");
  if (file == nullptr)
    throw Error(Fault::invalid, "SLIPWAY_STEMCELL is not set: run this by test/clouds/with-stemcell");
  ArchiveReader reader{std::filesystem::path(file)};
  for (ArchiveEntry entry; reader.next(entry);) {
    if (entry.name == "stemcell.MF") manifest = parse_yaml(reader.read_all(1u << 20), "stemcell.MF");
    if (entry.name == "image") reader.read_to_file(image);
  }
  verify_file(image.string(), MultiDigest::parse(manifest.at("sha1").get<std::string>()));
}

bool BuiltStemcell::has_format(const std::vector<std::string>& accepted) const {
  const auto& formats = manifest.at("stemcell_formats");
  return std::any_of(formats.begin(), formats.end(), [&](const Json& format) {
    return std::find(accepted.begin(), accepted.end(), format.get<std::string>()) != accepted.end();
  });
}

}  // namespace slipway::test
