#include <doctest/doctest.h>

#include <chrono>

#include "base/error.hpp"
#include "director/templates/test_jobs.hpp"

using namespace slipway;
using namespace slipway::director;

namespace properties_check_test {

namespace {

constexpr const char* port_schema = R"({"$schema": "https://json-schema.org/draft/2020-12/schema",
  "properties": {"port": {"type": "integer", "maximum": 65535}, "name": {"type": ["string", "null"]}}})";

std::shared_ptr<const JobTemplates> job_with(const std::string& name, const std::string& schema, const Files& files) {
  auto job = std::make_shared<JobTemplates>(*job_of(name, files));
  job->properties_schema = parse_json(schema, "the test's schema");
  return job;
}

std::string failure(const std::vector<InstanceToRender>& instances, RendererOptions options = {}) {
  Renderer renderer(std::move(options));
  try {
    renderer.render(instances);
    return "(no error)";
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
}

}  // namespace

TEST_CASE("what a schema refuses is told like what templates say: group, job, property and instances, all at once") {
  const auto web = job_with("web", port_schema, {{"config/x", "x"}});
  const auto db = job_with("db", port_schema, {{"config/x", "x"}});
  const Json bad = {{"port", "s3cr3t"}, {"name", 5}};
  CHECK(failure({instance_of({{web, bad, {}}, {db, {{"port", 70000}}, {}}}, 0), instance_of({{web, bad, {}}}, 1),
                 instance_of({{web, {{"port", 1}}, {}}}, 0, "fine"), instance_of({{db, {{"port", nullptr}}, {}}}, 0, "db")}) ==
        "Unable to render instance groups for deployment. Errors are:\n"
        "  - Unable to render jobs for instance group 'web'. Errors are:\n"
        "    - Unable to render templates for job 'web'. Errors are:\n"
        "      - Error validating properties: 'name' is an integer, allowed is string or null [instances 0, 1]\n"
        "      - Error validating properties: 'port' is a string, allowed is integer [instances 0, 1]\n"
        "    - Unable to render templates for job 'db'. Errors are:\n"
        "      - Error validating properties: 'port' is more than 65535 [instance 0]\n"
        "  - Unable to render jobs for instance group 'db'. Errors are:\n"
        "    - Unable to render templates for job 'db'. Errors are:\n"
        "      - Error validating properties: 'port' is null (not set), allowed is integer [instance 0]");
}

TEST_CASE("nothing is rendered while properties are refused") {
  const auto job = job_with("web", port_schema, {{"config/x", "<%= raise 'rendered' %>"}});
  CHECK(failure({instance_of({{job, {{"port", "x"}}, {}}})}).find("rendered") == std::string::npos);
  CHECK(failure({instance_of({{job, {{"port", 1}}, {}}})}).find("rendered") != std::string::npos);
}

TEST_CASE("a hanging schema names its job, and the others' errors are told too") {
  const auto slow = job_with("slow", R"({"$schema": "https://json-schema.org/draft/2020-12/schema",
                                         "properties": {"name": {"pattern": "^(a+)+$"}}})", {});
  const auto web = job_with("web", port_schema, {});
  RendererOptions options;
  options.schemas.processor_time = std::chrono::seconds(1);
  const auto text = failure({instance_of({{slow, {{"name", std::string(64, 'a') + "!"}}, {}}, {web, {{"port", "x"}}, {}}})}, options);
  CAPTURE(text);
  CHECK(text.find("for job 'slow'. Errors are:\n      - Error validating properties: properties_schema.json: the check took "
                  "more than 1 s of processor time") != std::string::npos);
  CHECK(text.find("'port' is a string") != std::string::npos);
}

TEST_CASE("equal properties of a job are checked once") {
  const auto web = job_with("web", R"({"$schema": "https://json-schema.org/draft/2020-12/schema",
                                       "properties": {"name": {"pattern": "^(a+)+$"}}})", {});
  std::vector<InstanceToRender> instances;
  for (int i = 0; i < 200; ++i) instances.push_back(instance_of({{web, {{"name", std::string(64, 'a') + "!"}}, {}}}, i));
  RendererOptions options;
  options.schemas.processor_time = std::chrono::seconds(1);
  const auto start = std::chrono::steady_clock::now();
  CHECK(failure(instances, options).find("198, 199]") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(100));  // 200 for each by itself
}

TEST_CASE("without a schema no Python is needed, and a missing one is an internal fault") {
  RendererOptions options;
  options.schemas.python = "/no/such/python";
  Renderer renderer(options);
  CHECK(render_one(renderer, "fine") == "fine");
  try {
    renderer.render({instance_of({{job_with("web", port_schema, {}), {{"port", 1}}, {}}})});
    CHECK(false);
  } catch (const Error& error) {
    CHECK(error.fault() != Fault::invalid);
    CHECK(std::string(error.what()).find("/no/such/python") != std::string::npos);
  }
}

}  // namespace properties_check_test
