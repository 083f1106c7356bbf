#include "stemcells/agent/scripts.hpp"

#include <algorithm>
#include <memory>

#include "base/file.hpp"
#include "stemcells/agent/script_process.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

struct Running {
  std::string job;
  std::unique_ptr<ScriptProcess> process;
};

bool is_executable(const fs::path& path) { return fs::exists(path) && !fs::is_directory(path); }

std::string joined(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string tail_of(const fs::path& file, std::size_t max_bytes) {
  std::error_code failed;
  const auto size = fs::file_size(file, failed);
  if (failed) return {};
  std::string text;
  std::unique_ptr<FILE, int (*)(FILE*)> in(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (!in) return {};
  if (size > max_bytes) {
    std::fseek(in.get(), static_cast<long>(size - max_bytes), SEEK_SET);
    text = "[the first " + std::to_string(size - max_bytes) + " bytes are left out]\n";
  }
  const auto begin = text.size();
  text.resize(begin + std::min<std::size_t>(size, max_bytes));
  text.resize(begin + std::fread(text.data() + begin, 1, text.size() - begin, in.get()));
  return text;
}

// As much of the end as fits into an answer together with another one: there, text may take six
// times the bytes it has.
std::string end_that_fits(const fs::path& file) {
  constexpr std::size_t most_in_file = 256u << 10;
  constexpr std::size_t most_in_answer = 448u << 10;
  for (auto size = most_in_file;; size /= 2) {
    auto text = tail_of(file, size);
    if (dump(Json(text)).size() <= most_in_answer) return text;
  }
}

}  // namespace

void run_scripts(const Paths& paths, const std::vector<std::string>& jobs, const std::string& script,
                 const std::map<std::string, std::string>& environment) {
  require_plain_name(script, "script");
  std::vector<std::string> failed, passed;
  std::vector<Running> running;
  for (const auto& job : jobs) {
    const fs::path program = paths.job(job) / "bin" / script;
    if (!is_executable(program)) continue;
    const fs::path logs = paths.log() / job;
    make_folder(logs, 0770, true);
    try {
      running.push_back({job, std::make_unique<ScriptProcess>(ScriptProcess::Spec{
                                  .argv = {program.string()},
                                  .env = script_environment(environment),
                                  .stdout_file = logs / (script + ".stdout.log"),
                                  .stderr_file = logs / (script + ".stderr.log")})});
    } catch (const Error&) {
      failed.push_back(job);
    }
  }
  for (auto& one : running) (one.process->wait().exit_code == 0 ? passed : failed).push_back(one.job);
  if (failed.empty()) return;
  std::string text = std::to_string(failed.size()) + " of " + std::to_string(failed.size() + passed.size()) + " " +
                     script + " scripts failed. Failed Jobs: " + joined(failed) + ".";
  if (!passed.empty()) text += " Successful Jobs: " + joined(passed) + ".";
  throw Error(Fault::internal, text);
}

ErrandResult run_errand(const Paths& paths, const std::string& job, const Cancelled& cancelled) {
  const fs::path program = paths.job(require_plain_name(job, "job")) / "bin" / "run";
  if (!is_executable(program)) throw Error(Fault::not_found, "Job '" + job + "' has no errand script bin/run");
  const TempDir work("errand", paths.tmp());
  ScriptProcess process({.argv = {program.string()},
                         .env = script_environment(),
                         .stdout_file = work.path() / "stdout",
                         .stderr_file = work.path() / "stderr"});
  const auto ended = process.wait({}, cancelled);
  ErrandResult result;
  // As a shell reports it: 128 plus the signal.
  result.exit_code = ended.exit_code >= 0 ? ended.exit_code : 128 + (ended.signal ? ended.signal : 15);
  result.standard_output = end_that_fits(work.path() / "stdout");
  result.standard_error = end_that_fits(work.path() / "stderr");
  return result;
}

std::vector<std::string> job_names(const Json& spec) {
  std::vector<std::string> names;
  const auto job = spec.find("job");
  if (job == spec.end() || !job->is_object()) return names;
  const auto templates = job->find("templates");
  if (templates == job->end() || !templates->is_array()) return names;
  for (const auto& item : *templates) {
    if (item.is_object() && item.contains("name") && item["name"].is_string()) {
      const auto name = item["name"].get<std::string>();
      if (is_plain_name(name)) names.push_back(name);
    }
  }
  return names;
}

}  // namespace slipway::agent
