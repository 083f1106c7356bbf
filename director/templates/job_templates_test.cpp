#include "director/templates/job_templates.hpp"

#include <doctest/doctest.h>

#include "base/archive.hpp"
#include "base/file.hpp"

using namespace slipway;
using namespace slipway::director;

namespace job_templates_test {

TEST_CASE("a job's templates come out of its tarball by destination") {
  const TempDir folder;
  const auto path = folder.path() / "web.tgz";
  ArchiveWriter writer(path);
  writer.add("job.MF", "name: web\ntemplates: {ctl.erb: bin/ctl, a/b.yml: config/b.yml}\npackages: [ruby]\n");
  writer.add("monit", "check process web");
  writer.add("templates/ctl.erb", "run");
  writer.add("templates/a/b.yml", "b: 1");
  writer.add("properties_schema.json", R"({"type": "object"})");
  writer.finish();
  const auto job = read_job_templates(path, "site", "1.2");
  CHECK(job.name == "web");
  CHECK(job.release_version == "1.2");
  CHECK(job.monit == "check process web");
  REQUIRE(job.files.size() == 2);
  CHECK(job.files[0].destination == "bin/ctl");
  CHECK(job.files[0].content == "run");
  CHECK(job.files[1].source == "a/b.yml");
  CHECK(job.properties_schema == Json{{"type", "object"}});
}

TEST_CASE("a job sees only the properties it declares") {
  const Json spec = {{"properties", {{"tls.cert", Json::object()}, {"port", {{"default", 80}}}}}};
  const Json given = {{"tls", {{"cert", "PEM"}, {"key", "secret"}}}, {"other", 1}};
  CHECK(effective_properties(spec, given) == Json{{"port", 80}, {"tls", {{"cert", "PEM"}}}});
}

TEST_CASE("false and zero are values, null takes the default") {
  const Json spec = {{"properties", {{"a", {{"default", true}}}, {"b", {{"default", 5}}}, {"c", {{"default", 7}}}}}};
  const Json given = {{"a", false}, {"b", 0}, {"c", nullptr}};
  CHECK(effective_properties(spec, given) == Json{{"a", false}, {"b", 0}, {"c", 7}});
}

TEST_CASE("a property without value or default is null and its parents exist") {
  const Json spec = {{"properties", {{"a.b.c", Json()}}}};
  CHECK(effective_properties(spec, Json::object()) == Json{{"a", {{"b", {{"c", nullptr}}}}}});
}

TEST_CASE("a property given with the wrong shape does not stop the others") {
  const Json spec = {{"properties", {{"a", Json::object()}, {"a.b", {{"default", 1}}}, {"c", {{"default", 2}}}}}};
  const auto result = effective_properties(spec, {{"a", "text"}});
  CHECK(result["c"] == 2);
  CHECK(result["a"]["b"] == 1);
}

TEST_CASE("a job without properties sees none") {
  CHECK(effective_properties(Json::object(), {{"a", 1}}) == Json::object());
}

}  // namespace job_templates_test
