#include "stemcells/agent/logs.hpp"

#include <fnmatch.h>

#include "base/file.hpp"
#include "base/process.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

// Logs of one type: where they lie, and below which folder their names in the archive begin.
struct LogSource {
  fs::path folder, root;
};

LogSource log_source(const Paths& paths, const std::string& type) {
  if (type == "job") return {paths.log(), paths.log()};
  if (type == "agent") return {paths.agent_log(), paths.agent_log()};
  // The system's keep their path, so that they cannot be taken for a job's.
  if (type == "system") return {"/var/log", "/"};
  throw Error(Fault::invalid, "Invalid log type '" + type + "': job, agent and system, joined by commas");
}

std::vector<LogSource> log_sources(const Paths& paths, const std::string& types) {
  std::vector<LogSource> sources;
  for (std::size_t at = 0; at <= types.size();) {
    const auto end = std::min(types.find(',', at), types.size());
    sources.push_back(log_source(paths, types.substr(at, end - at)));
    at = end + 1;
  }
  return sources;
}

// Names below the root for tar, each ended by a zero.
std::string matching_files(const LogSource& source, const std::vector<std::string>& globs) {
  std::string list;
  std::error_code ignored;
  const auto options = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(source.folder, options, ignored)) {
    // A job's link must not bring another file along, nor make an archive that leads outside.
    if (entry.is_symlink(ignored) || !entry.is_regular_file(ignored)) continue;
    const std::string name = entry.path().lexically_relative(source.folder).string();
    bool wanted = globs.empty();
    for (const auto& glob : globs) wanted = wanted || log_matches(name, glob);
    if (wanted) list += "./" + entry.path().lexically_relative(source.root).string() + '\0';
  }
  return list;
}

}  // namespace

bool log_matches(const std::string& path, const std::string& glob) {
  if (glob.starts_with("**/")) {
    const std::string rest = glob.substr(3);
    if (log_matches(path, rest)) return true;
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (log_matches(path.substr(slash + 1), rest)) return true;
    }
    return false;
  }
  // "a/**/b": the part before is plain, the part after may lie any number of folders below.
  const auto deep = glob.find("/**/");
  if (deep != std::string::npos) {
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (::fnmatch(glob.substr(0, deep).c_str(), path.substr(0, slash).c_str(), FNM_PATHNAME) == 0 &&
          log_matches(path.substr(slash + 1), glob.substr(deep + 1))) {
        return true;
      }
    }
    return false;
  }
  return ::fnmatch(glob.c_str(), path.c_str(), FNM_PATHNAME) == 0;
}

void pack_logs(const Paths& paths, const std::string& types, const std::vector<std::string>& globs,
               const fs::path& archive) {
  const TempDir lists("log-lists", paths.tmp());
  std::vector<std::string> argv = {"/usr/bin/tar", "-czf", archive.string(), "--null", "--verbatim-files-from",
                                   "-T", "/dev/null"};
  for (const auto& source : log_sources(paths, types)) {
    const auto files = matching_files(source, globs);
    if (files.empty()) continue;
    const fs::path list = lists.path() / std::to_string(argv.size());
    write_file_atomically(list, files, 0600);
    argv.insert(argv.end(), {"-C", source.root.string(), "-T", list.string()});
  }
  const ProcessResult result = run({.argv = argv, .timeout = std::chrono::minutes(30)});
  constexpr int changed_while_read = 1;  // logs do
  if (!result.ok() && result.exit_code != changed_while_read) {
    throw Error(Fault::internal, "packing logs: " + result.standard_error);
  }
}

}  // namespace slipway::agent
