#include "releases/format/properties_schema.hpp"

#include <csignal>
#include <utility>

#include "base/process.hpp"

namespace slipway::releases {

std::string_view schema_worker_source();  // schema_worker.py

namespace {

constexpr std::chrono::seconds start_time{60};

using Complaints = std::vector<std::string>;

// The program first, so that no file has to be found, then a line for each check.
std::string input_of(const std::vector<SchemaCheck>& checks, std::size_t first) {
  std::string text(schema_worker_source());
  for (std::size_t i = first; i < checks.size(); ++i) {
    text += R"({"schema":)" + dump(*checks[i].schema) + R"(,"properties":)";
    text += (checks[i].properties ? dump(*checks[i].properties) : "null") + "}\n";
  }
  return text;
}

// -I and -S: neither the environment nor packages that lie about decide what runs.
ProcessSpec worker(const std::vector<SchemaCheck>& checks, std::size_t first, const SchemaCheckLimits& limits) {
  const auto size = std::to_string(schema_worker_source().size());
  ProcessSpec spec;
  spec.argv = {limits.python, "-I", "-S", "-c",
               "import sys; exec(compile(sys.stdin.buffer.read(" + size + "), 'schema_worker.py', 'exec'))",
               std::to_string(limits.processor_time.count())};
  spec.env = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LANG", "C.UTF-8"}, {"LC_ALL", "C.UTF-8"}};
  spec.working_directory = "/";
  spec.standard_input = input_of(checks, first);
  // Processor time is what is limited; this is for a process that does not run at all.
  spec.timeout = start_time + limits.processor_time * 6 * static_cast<int>(checks.size() - first);
  return spec;
}

// Reads the replies; returns false when the worker did not even start.
bool read_replies(const std::string& output, std::vector<Complaints>& all) {
  std::size_t from = 0;
  bool started = false;
  for (auto end = output.find('\n'); end != std::string::npos; end = output.find('\n', from)) {
    const auto reply = parse_json(std::string_view(output).substr(from, end - from), "a reply of the schema checker");
    from = end + 1;
    if (std::exchange(started, true)) all.push_back(reply.get<Complaints>());
  }
  return started;
}

std::string end_of(const ProcessResult& result, const SchemaCheckLimits& limits) {
  const auto prefix = std::string(properties_schema_file) + ": ";
  if (result.signal == SIGPROF) {
    return prefix + "the check took more than " + std::to_string(limits.processor_time.count()) +
           " s of processor time; a pattern of it may be one that tries every way to match";
  }
  if (result.timed_out) return prefix + "the check did not end";
  if (result.too_much_output) return prefix + "the check found too much to tell";
  return prefix + "the check ended its process";
}

}  // namespace

std::vector<Complaints> check_by_schemas(const std::vector<SchemaCheck>& checks, const SchemaCheckLimits& limits) {
  std::vector<Complaints> all;
  while (all.size() < checks.size()) {
    const auto result = with_context("starting the schema checker (" + limits.python + ")",
                                     [&] { return run(worker(checks, all.size(), limits)); });
    if (!read_replies(result.standard_output, all)) {
      // What it says before it has read a property can hold none.
      throw Error(Fault::internal, "the schema checker (" + limits.python +
                                       ", with Debian's package python3-jsonschema) does not start: " +
                                       result.standard_error.substr(0, 2000));
    }
    if (all.size() < checks.size()) all.push_back({end_of(result, limits)});
  }
  return all;
}

void check_schemas(const std::map<std::string, const Json*>& schemas, Problems& problems) {
  std::vector<SchemaCheck> checks;
  for (const auto& [place, schema] : schemas) checks.push_back({schema});
  const auto found = check_by_schemas(checks);
  auto complaints = found.begin();
  for (const auto& [place, schema] : schemas) {
    for (const auto& complaint : *complaints++) problems.add(place, complaint);
  }
}

}  // namespace slipway::releases
