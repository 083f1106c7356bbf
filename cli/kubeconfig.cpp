#include "cli/kubeconfig.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::cli {

namespace {

namespace fs = std::filesystem;

constexpr int lock_attempts = 50;
constexpr std::chrono::milliseconds lock_pause{100};

// The lock that kubectl takes as well: a file beside the configuration that must not exist.
class Lock {
 public:
  Lock(fs::path path, Clock& clock) : path_(std::move(path)) {
    for (int attempt = 0; attempt < lock_attempts; ++attempt) {
      const int file = ::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
      if (file >= 0) {
        ::close(file);
        return;
      }
      if (errno != EEXIST) {
        throw Error(Fault::forbidden, path_.string() + " cannot be made, so the kubeconfig is not changed");
      }
      clock.sleep_for(lock_pause);
    }
    throw Error(Fault::conflict, path_.string() +
                                     " is there: another program changes the kubeconfig, or died while it "
                                     "did. If none runs, remove that file");
  }
  ~Lock() { ::unlink(path_.c_str()); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  fs::path path_;
};

std::string name_of(const Json& entry) {
  if (!entry.is_object()) return "";
  const auto name = entry.find("name");
  return name != entry.end() && name->is_string() ? name->get<std::string>() : "";
}

void merge_list(Json& existing, const Json& given, const char* key, const std::string& source) {
  auto& list = existing[key];
  if (list.is_null()) list = Json::array();
  if (!list.is_array())
    throw Error(Fault::invalid, source + ": '" + key + "' is no list, so this is no kubeconfig");
  for (const auto& entry : given.value(key, Json::array())) {
    const auto name = name_of(entry);
    auto same = list.begin();
    while (same != list.end() && name_of(*same) != name) ++same;
    if (same == list.end()) {
      list.push_back(entry);
    } else {
      *same = entry;
    }
  }
}

}  // namespace

Json merged_kubeconfig(Json existing, const Json& given, const std::string& source) {
  if (existing.is_null())
    existing = {{"apiVersion", "v1"}, {"kind", "Config"}, {"preferences", Json::object()}};
  if (!existing.is_object()) throw Error(Fault::invalid, source + " is no kubeconfig: it holds no mapping");
  for (const auto* key : {"clusters", "contexts", "users"}) merge_list(existing, given, key, source);
  existing["current-context"] = given.at("current-context");
  return existing;
}

KubeconfigFile::KubeconfigFile(const Terminal& terminal) {
  const auto listed = terminal.environment("KUBECONFIG").value_or("");
  const auto home = terminal.environment("HOME").value_or("");
  const auto begin = listed.find_first_not_of(':');
  if (begin != std::string::npos) {
    path_ = listed.substr(begin, listed.find(':', begin) - begin);
  } else if (!home.empty()) {
    path_ = fs::path(home) / ".kube" / "config";
  } else {
    throw UsageError("neither KUBECONFIG nor HOME is set: there is no place for a kubeconfig");
  }
}

void KubeconfigFile::merge(const Json& given, Clock& clock) const {
  // Written through a link to where it leads, also when nothing is there yet.
  const auto file = fs::weakly_canonical(path_);
  if (!fs::exists(file.parent_path())) {
    fs::create_directories(file.parent_path());
    fs::permissions(file.parent_path(), fs::perms::owner_all);
  }
  const Lock lock(file.string() + ".lock", clock);
  const auto existing = fs::exists(file) ? parse_yaml(read_file(file), file.string()) : Json();
  write_file_atomically(file, to_yaml(merged_kubeconfig(existing, given, file.string())), 0600);
}

}  // namespace slipway::cli
