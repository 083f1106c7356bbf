#pragma once

#include "base/file.hpp"
#include "base/json.hpp"

namespace slipway::test {

// The stemcell that SLIPWAY_STEMCELL names, unpacked as a director does before it calls create_stemcell.
struct BuiltStemcell {
  BuiltStemcell();

  TempDir folder{"stemcell"};
  Json manifest;                // stemcell.MF
  std::filesystem::path image;  // its digest is the manifest's

  bool has_format(const std::vector<std::string>& accepted) const;  // one of them
};

}  // namespace slipway::test
