// "((name))" in a manifest: found, replaced and named.
#include "base/yaml.hpp"
#include "director/variables/placeholders.hpp"
#include "test/fuzz/fuzz.hpp"

namespace slipway::fuzz {

void run(std::string_view input) {
  refusals_are_right([&] {
    const auto document = parse_yaml(input, "input", {.max_bytes = 64u << 10, .max_nodes = 10'000});
    std::map<std::string, Json> values;
    const Json kinds = Json::array({"text", 7, true, nullptr, Json{{"a", "x"}}, Json::array({1}), "((again))"});
    for (const auto& placeholder : director::find_placeholders(document)) {
      director::name_problem(placeholder.name);
      values[placeholder.text] = kinds[values.size() % kinds.size()];
    }
    Problems problems;
    director::replace_placeholders(document, values, problems);
    // What is not given a value is a problem or stays; it is no reason to fail.
    director::replace_placeholders(document, {}, problems);
  });
}

}  // namespace slipway::fuzz
