#include "director/planner/compiled_choice.hpp"

#include <doctest/doctest.h>

using namespace slipway::director;

namespace compiled_choice_test {

namespace {

CompiledPackageRecord compiled(const std::string& os, const std::string& version, const std::string& key = "[]") {
  CompiledPackageRecord record;
  record.stemcell_os = os;
  record.stemcell_version = version;
  record.dependency_key = key;
  return record;
}

}  // namespace

TEST_CASE("which compiled package serves a stemcell depends on source, versions and exported_from") {
  const std::vector<CompiledPackageRecord> known = {compiled("debian", "621.9"), compiled("debian", "621.10"),
                                                    compiled("debian", "700.1"), compiled("ubuntu", "621.10"),
                                                    compiled("debian", "621.11", "[[\"x\",\"1\"]]")};
  struct Case {
    std::string what, wanted, expected;  // stemcell versions; expected empty: none
    bool has_source;
    std::vector<ReleaseUse::ExportedFrom> exported_from;
  };
  const std::vector<Case> cases = {
      {"the very stemcell", "621.9", "621.9", true, {}},
      {"with source nothing else will do", "621.12", "", true, {}},
      {"without source the newest of the same major version", "621.12", "621.10", false, {}},
      {"the very stemcell goes before a newer one", "621.9", "621.9", false, {}},
      {"another major version does not do", "622.1", "", false, {}},
      {"exported_from is exact", "621.12", "700.1", false, {{"debian", "700.1"}}},
      {"exported_from of another OS does not do", "621.10", "", false, {{"ubuntu", "621.10"}}},
      {"exported_from goes before the very stemcell", "621.9", "", false, {{"debian", "1"}}},
      {"any of several exported_from", "621.12", "621.9", true, {{"debian", "1"}, {"debian", "621.9"}}}};
  for (const auto& one : cases) {
    CAPTURE(one.what);
    PackageRecord package;
    if (one.has_source) package.blob = BlobId{"b"};
    const auto* found = choose_compiled(known, package, {1, "debian", one.wanted}, "[]", one.exported_from);
    CHECK((found ? found->stemcell_version : "") == one.expected);
    if (found) CHECK(found->stemcell_os == "debian");
  }
}

}  // namespace compiled_choice_test
