#include <charconv>
#include <mutex>

#include "base/file.hpp"
#include "base/parallel.hpp"
#include "stemcells/agent/script_process.hpp"
#include "stemcells/agent/scripts.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

Json persistent_state(const Json& spec) {
  const auto disk = spec.find("persistent_disk");
  return Json{{"persistent_disk", disk != spec.end() && disk->is_number() ? *disk : Json(0)}};
}

std::string configuration_hash(const Json& spec) {
  const auto found = spec.find("configuration_hash");
  return found != spec.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json templates_of(const Json& spec) {
  const auto job = spec.find("job");
  return job != spec.end() && job->is_object() ? job->value("templates", Json::array()) : Json::array();
}

Json packages_of(const Json& spec) {
  const auto packages = spec.find("packages");
  return packages != spec.end() && packages->is_object() ? *packages : Json::object();
}

std::string word(const Json& package, const char* key) {
  return package.is_object() && package.contains(key) ? package[key].dump() : std::string();
}

struct DrainScript {
  const Paths& paths;
  const std::string& job;
  Clock& clock;
  const Cancelled& cancelled;
  const NodeLog& log;

  // The integer the script printed.
  long run_once(const DrainParameters& parameters) const {
    const TempDir work("drain", paths.tmp());
    std::map<std::string, std::string> environment{{"BOSH_JOB_STATE", dump(parameters.job_state)}};
    if (!parameters.job_next_state.empty()) environment["BOSH_JOB_NEXT_STATE"] = dump(parameters.job_next_state);
    std::vector<std::string> argv{(paths.job(job) / "bin" / "drain").string(), parameters.job_change,
                                  parameters.hash_change};
    argv.insert(argv.end(), parameters.updated_packages.begin(), parameters.updated_packages.end());
    make_folder(paths.log() / job, 0770, true);
    ScriptProcess process({.argv = argv,
                           .env = script_environment(environment),
                           .stdout_file = work.path() / "stdout",
                           .stderr_file = paths.log() / job / "drain.stderr.log"});
    const auto ended = process.wait({}, cancelled);
    if (ended.cancelled) throw Error(Fault::cancelled, "drain of " + job + " was cancelled");
    const auto seconds = drain_seconds(read_file(work.path() / "stdout", 1u << 20));
    if (!seconds) {
      throw Error(Fault::internal, "Script did not return a signed integer (" + ended.describe() + ")");
    }
    if (ended.exit_code != 0) log.warn("drain.exit_ignored", {{"job", job}, {"end", ended.describe()}});
    return *seconds;
  }

  void wait(long seconds) const {
    const auto until = clock.monotonic() + std::chrono::seconds(seconds);
    while (clock.monotonic() < until) {
      if (cancelled()) throw Error(Fault::cancelled, "drain of " + job + " was cancelled");
      clock.sleep_for(std::min<Duration>(200ms, until - clock.monotonic()));
    }
  }

  void run(DrainParameters parameters) const {
    for (;;) {
      const long seconds = run_once(parameters);
      wait(std::abs(seconds));
      if (seconds >= 0) return;
      parameters.job_change = "job_check_status";
      parameters.hash_change = "hash_unchanged";
      parameters.updated_packages.clear();
    }
  }
};

}  // namespace

std::optional<long> drain_seconds(const std::string& printed) {
  const auto begin = printed.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return std::nullopt;
  const auto end = printed.find_last_not_of(" \t\r\n") + 1;
  const char* first = printed.data() + begin + (printed[begin] == '+' ? 1 : 0);
  const char* last = printed.data() + end;
  long seconds = 0;
  const auto [stop, failed] = std::from_chars(first, last, seconds);
  constexpr long longest = 365L * 24 * 3600;
  if (failed != std::errc() || stop != last || seconds > longest || seconds < -longest) return std::nullopt;
  return seconds;
}

DrainParameters drain_for_shutdown(const Json& current_spec) {
  DrainParameters parameters{.job_change = "job_shutdown", .hash_change = "hash_unchanged"};
  parameters.job_state = persistent_state(current_spec);
  return parameters;
}

DrainParameters drain_for_update(const Json& current_spec, const Json& new_spec) {
  DrainParameters parameters;
  parameters.job_state = persistent_state(current_spec);
  parameters.job_next_state = persistent_state(new_spec);
  const Json before = templates_of(current_spec);
  parameters.job_change = before.empty() ? "job_new" : before == templates_of(new_spec) ? "job_unchanged" : "job_changed";
  const std::string hash = configuration_hash(current_spec);
  parameters.hash_change =
      hash.empty() ? "hash_new" : hash == configuration_hash(new_spec) ? "hash_unchanged" : "hash_changed";
  const Json packages = packages_of(current_spec);
  const Json updated = packages_of(new_spec);
  for (const auto& [name, package] : updated.items()) {
    const auto old = packages.find(name);
    const bool same = old != packages.end() && word(*old, "sha1") == word(package, "sha1") &&
                      word(*old, "version") == word(package, "version");
    if (!same) parameters.updated_packages.push_back(name);
  }
  return parameters;
}

void run_drain(const Paths& paths, const std::vector<std::string>& jobs, const DrainParameters& parameters,
               Clock& clock, const Cancelled& cancelled, const NodeLog& log) {
  std::vector<std::string> draining;
  for (const auto& job : jobs) {
    if (fs::exists(paths.job(job) / "bin" / "drain")) draining.push_back(job);
  }
  if (draining.empty()) return;
  std::mutex mutex;
  std::optional<Error> first;
  std::size_t failures = 0;
  parallel_for(draining.size(), draining.size(), [&](std::size_t index) {
    try {
      DrainScript{paths, draining[index], clock, cancelled, log}.run(parameters);
    } catch (const Error& error) {
      const std::lock_guard lock(mutex);
      ++failures;
      if (!first) first = error.within("Job " + draining[index]);
    }
  });
  if (!first) return;
  if (first->fault() == Fault::cancelled) throw *first;
  throw first->within(std::to_string(failures) + " of " + std::to_string(draining.size()) + " drain scripts failed");
}

}  // namespace slipway::agent
