#include "releases/format/tarball.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "base/archive.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"

using namespace slipway;
using namespace slipway::releases;

namespace tarball_test {

namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

std::string tar_of(const Files& files) {
  const TempDir folder;
  ArchiveWriter writer(folder.path() / "x.tgz");
  for (const auto& [name, content] : files) writer.add(name, content);
  writer.finish();
  return read_file(folder.path() / "x.tgz");
}

const Files good_job = {{"job.MF", "name: web\ntemplates: {ctl.erb: bin/ctl}\npackages: [ruby]\n"},
                        {"monit", ""},
                        {"templates/ctl.erb", "x"}};

struct Sample {
  std::string job = tar_of(good_job);
  std::string package = tar_of({{"packaging", "make"}});
  std::string job_digest, package_digest;  // empty: the right ones
  bool with_package = true;
  Files extra;

  std::string manifest() const {
    const auto digest = [](const std::string& given, const std::string& bytes) {
      return given.empty() ? "sha256:" + sha256_hex(bytes) : given;
    };
    return "name: site\nversion: '1.0'\ncommit_hash: c\nuncommitted_changes: false\njobs:\n"
           "- {name: web, version: f1, fingerprint: f1, sha1: '" + digest(job_digest, job) + "'}\n"
           "packages:\n- {name: ruby, version: f2, fingerprint: f2, sha1: '" + digest(package_digest, package) +
           "', dependencies: []}\n";
  }

  std::string bytes() const {
    Files files = {{"release.MF", manifest()}, {"jobs/web.tgz", job}};
    if (with_package) files.push_back({"packages/ruby.tgz", package});
    files.insert(files.end(), extra.begin(), extra.end());
    return tar_of(files);
  }
};

ReleaseContent read(const std::string& bytes, const TempDir& folder, const ReadReleaseOptions& options = {}) {
  write_file_atomically(folder.path() / "release.tgz", bytes);
  std::filesystem::create_directory(folder.path() / "parts");
  return read_release(folder.path() / "release.tgz", folder.path() / "parts", options);
}

std::string refusal(const std::string& bytes, const ReadReleaseOptions& options = {}) {
  const TempDir folder;
  try {
    read(bytes, folder, options);
    return "(accepted)";
  } catch (const Error& error) {
    return error.what();
  }
}

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("not in: ", text);
  return found;
}

}  // namespace

TEST_CASE("a release comes apart into verified files") {
  const TempDir folder;
  const auto release = read(Sample{}.bytes(), folder);
  CHECK(release.manifest.name == "site");
  CHECK(release.jobs.at("web").packages == std::vector<std::string>{"ruby"});
  CHECK(std::filesystem::exists(release.package_files.at("ruby")));
}

TEST_CASE("files with a leading ./ are accepted and strangers ignored") {
  Sample sample;
  const auto bytes = tar_of({{"./release.MF", sample.manifest()}, {"./jobs/web.tgz", sample.job},
                             {"./packages/ruby.tgz", sample.package}, {"README", "x"}, {"license.tgz", "x"}});
  const TempDir folder;
  CHECK(read(bytes, folder).manifest.version == "1.0");
}

TEST_CASE("a wrong digest names the file") {
  Sample sample;
  sample.job_digest = "sha256:" + std::string(64, '0');
  sample.package_digest = std::string(40, '0');
  const auto text = refusal(sample.bytes());
  CHECK(contains(text, "jobs/web.tgz"));
  CHECK(contains(text, "packages/ruby.tgz"));
}

TEST_CASE("a missing package is allowed only when it is held already") {
  Sample sample;
  sample.with_package = false;
  CHECK(contains(refusal(sample.bytes()), "packages/ruby.tgz: is missing"));
  ReadReleaseOptions options;
  options.has_package = [](const ReleaseManifest&, const ReleasePackage& package) { return package.fingerprint == "f2"; };
  const TempDir folder;
  const auto release = read(sample.bytes(), folder, options);
  CHECK(!release.package_files.contains("ruby"));
}

TEST_CASE("a truncated tarball is refused") {
  const auto bytes = Sample{}.bytes();
  for (const auto size : {std::size_t{0}, std::size_t{10}, bytes.size() / 2}) {
    CHECK(refusal(bytes.substr(0, size)) != "(accepted)");
  }
  CHECK(refusal("this is no tar at all, not even a short one") != "(accepted)");
}

TEST_CASE("a tarball that unpacks to more than the limit is refused") {
  Sample sample;
  sample.extra = {{"packages/big.tgz", std::string(2'000'000, 'x')}};
  ReadReleaseOptions options;
  options.max_unpacked_bytes = 1'000'000;
  CHECK(refusal(sample.bytes(), options) != "(accepted)");
}

TEST_CASE("a tarball without release.MF or with a file twice is refused") {
  CHECK(contains(refusal(tar_of({{"jobs/web.tgz", "x"}})), "no release.MF"));
  Sample sample;
  sample.extra = {{"jobs/web.tgz", sample.job}};
  CHECK(contains(refusal(sample.bytes()), "'jobs/web.tgz' twice"));
}

TEST_CASE("a job whose templates are missing, leave its folder or collide is refused") {
  const auto with_job = [](const Files& files) {
    Sample sample;
    sample.job = tar_of(files);
    return refusal(sample.bytes());
  };
  CHECK(contains(with_job({{"job.MF", "name: web\ntemplates: {a.erb: a}\n"}, {"monit", ""}}), "templates/a.erb"));
  CHECK(contains(with_job({{"job.MF", "name: web\ntemplates: {a.erb: ../a}\n"}, {"monit", ""}, {"templates/a.erb", ""}}),
                 "allowed is a path inside the job's folder"));
  CHECK(contains(with_job({{"job.MF", "name: web\ntemplates: {a.erb: x, b.erb: x}\n"}, {"monit", ""},
                           {"templates/a.erb", ""}, {"templates/b.erb", ""}}),
                 "given twice"));
  CHECK(contains(with_job({{"job.MF", "name: other\n"}, {"monit", ""}}), "calls it 'other'"));
  CHECK(contains(with_job({{"job.MF", "name: web\npackages: [nope]\n"}, {"monit", ""}}), "package 'nope'"));
  CHECK(contains(with_job({{"monit", ""}}), "job.MF"));
  CHECK(contains(with_job({{"job.MF", "name: web\n"}}), "monit"));
}

TEST_CASE("a job whose properties_schema.json is no JSON or no schema is refused with the place") {
  const auto with_schema = [](const std::string& text) {
    Sample sample;
    auto files = good_job;
    files.emplace_back("properties_schema.json", text);
    sample.job = tar_of(files);
    return sample.bytes();
  };
  CHECK(contains(refusal(with_schema("{\"a\": }")), "jobs/web.tgz: job 'web': properties_schema.json: not JSON: parse error"));
  CHECK(contains(refusal(with_schema("true")), "properties_schema.json: is boolean, allowed is a JSON schema"));
  CHECK(contains(refusal(with_schema(std::string(2 << 20, ' '))), "properties_schema.json: larger than"));
  CHECK(contains(refusal(with_schema(std::string(100, '['))), "properties_schema.json: nested deeper than"));
  const TempDir folder;
  const auto release = read(with_schema(R"({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": 5})"), folder);
  try {
    check_properties_schemas(release);
    CHECK(false);
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    CHECK(contains(error.what(), "release site/1.0: jobs/web.tgz: properties_schema.json: #/type: fits none"));
  }
}

}  // namespace tarball_test
