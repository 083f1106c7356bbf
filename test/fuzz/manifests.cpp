// What an operator sends as YAML: any document, deployment manifests and cloud configs.
#include "base/yaml.hpp"
#include "director/domain/cloud_config.hpp"
#include "director/domain/manifest.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  refusals_are_right([&] {
    const auto document = parse_yaml(input, "input", {.max_bytes = 64u << 10, .max_nodes = 10'000});
    require(parse_yaml(to_yaml(document), "what was written") == document);
    refusals_are_right([&] { director::parse_manifest(document); });
    refusals_are_right([&] { director::parse_cloud_config({{"default", document}}); });
  });
}

}  // namespace slipway::fuzz
