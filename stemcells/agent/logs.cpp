#include "stemcells/agent/logs.hpp"

#include <fnmatch.h>

#include "base/file.hpp"
#include "base/process.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

fs::path log_folder(const Paths& paths, const std::string& kind) {
  if (kind == "job") return paths.log();
  if (kind == "agent") return paths.agent_log();
  if (kind == "system") return "/var/log";
  throw Error(Fault::invalid, "Invalid log type '" + kind + "': job, agent or system");
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

void pack_logs(const Paths& paths, const std::string& kind, const std::vector<std::string>& globs,
               const fs::path& archive) {
  const fs::path folder = log_folder(paths, kind);
  std::string list;
  std::error_code ignored;
  const auto options = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(folder, options, ignored)) {
    if (!entry.is_regular_file(ignored)) continue;
    const std::string name = fs::relative(entry.path(), folder, ignored).string();
    bool wanted = globs.empty();
    for (const auto& glob : globs) wanted = wanted || log_matches(name, glob);
    if (wanted) list += "./" + name + '\0';
  }
  const ProcessResult result = run({.argv = {"/usr/bin/tar", "-czf", archive.string(), "-C", folder.string(), "--null",
                                             "--verbatim-files-from", "-T", "-"},
                                    .standard_input = list,
                                    .timeout = std::chrono::minutes(30)});
  constexpr int changed_while_read = 1;  // logs do
  if (!result.ok() && result.exit_code != changed_while_read) {
    throw Error(Fault::internal, "packing logs: " + result.standard_error);
  }
}

}  // namespace slipway::agent
