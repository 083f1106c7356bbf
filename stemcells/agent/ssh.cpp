#include "stemcells/agent/ssh.hpp"

#include <grp.h>
#include <pwd.h>
#include <regex.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/file.hpp"
#include "base/json_text.hpp"
#include "base/process.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::agent {

namespace fs = std::filesystem;

namespace {

std::string host_public_key() {
  for (const char* name : {"/etc/ssh/ssh_host_rsa_key.pub", "/etc/ssh/ssh_host_ed25519_key.pub"}) {
    if (!fs::exists(name)) continue;
    std::string text = read_file(name, 64u << 10);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  return {};
}

std::string existing_groups() {
  std::string list;
  for (const char* name : {"admin", "bosh_sudoers", "bosh_sshers", "vcap"}) {
    if (::getgrnam(name)) list += (list.empty() ? "" : ",") + std::string(name);
  }
  return list;
}

void write_key(const fs::path& home, const std::string& user, const std::string& key) {
  const passwd* account = ::getpwnam(user.c_str());
  if (!account) throw Error(Fault::internal, "the new user " + user + " is not there");
  const auto uid = account->pw_uid;
  const auto gid = account->pw_gid;
  const fs::path folder = home / ".ssh";
  make_folder(folder, 0700);
  write_file_atomically(folder / "authorized_keys", key + "\n", 0600);
  for (const auto& path : {folder, folder / "authorized_keys"}) {
    if (::lchown(path.c_str(), uid, gid) != 0) throw Error(Fault::internal, "cannot give " + path.string() + " away");
  }
}

std::vector<std::string> accounts(const Paths& paths) {
  std::vector<std::string> names;
  const std::string homes = (paths.base / "bosh_ssh").string() + "/";
  ::setpwent();
  while (const passwd* account = ::getpwent()) {
    if (is_ssh_user(account->pw_name) && std::string(account->pw_dir).starts_with(homes)) names.push_back(account->pw_name);
  }
  ::endpwent();
  return names;
}

// A key of the kind that is made at once: finding the primes of an RSA key may take half a minute on an emulated processor.
void start_server() {
  const fs::path key = "/etc/ssh/ssh_host_ed25519_key";
  if (!fs::exists(key))
    run_checked({.argv = {"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.string()},
                 .timeout = std::chrono::seconds(60)});
  run_checked({.argv = {"/usr/bin/systemctl", "start", "ssh.service"}, .timeout = std::chrono::seconds(60)});
}

// The regex is the director's, POSIX extended.
class Pattern {
 public:
  explicit Pattern(const std::string& text) {
    if (::regcomp(&regex_, text.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
      throw Error(Fault::invalid, "user_regex '" + text + "' is no regular expression");
    }
  }
  ~Pattern() { ::regfree(&regex_); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  bool matches(const std::string& text) const { return ::regexec(&regex_, text.c_str(), 0, nullptr, 0) == 0; }

 private:
  regex_t regex_{};
};

}  // namespace

Json ssh_setup(const Json& parameters, const Settings& settings, const Paths& paths, bool own_server) {
  const std::string user = text_or_empty(parameters, "user");
  std::string key = text_or_empty(parameters, "public_key");
  while (key.ends_with('\n')) key.pop_back();  // as authorized_keys has it
  if (!is_ssh_user(user)) throw Error(Fault::invalid, "user '" + user + "' must look like bosh_<lower case and digits>");
  if (key.empty() || key.find('\n') != std::string::npos) throw Error(Fault::invalid, "public_key must be one line");
  const fs::path homes = paths.base / "bosh_ssh";
  make_folder(homes, 0755);
  const fs::path home = homes / user;
  if (!::getpwnam(user.c_str())) {
    std::vector<std::string> argv{"/usr/sbin/useradd", "-m", "-b", homes.string(), "-s", "/bin/bash"};
    const std::string groups = existing_groups();
    if (!groups.empty()) argv.insert(argv.end(), {"-G", groups});
    argv.push_back(user);
    run_checked({.argv = argv, .timeout = std::chrono::seconds(30)});
  }
  write_key(home, user, key);
  if (own_server) start_server();
  const NetworkSettings* network = settings.default_network();
  return Json{{"command", "setup"},
              {"status", "success"},
              {"ip", network ? network->ip : ""},
              {"host_public_key", host_public_key()}};
}

Json ssh_cleanup(const Json& parameters, const Paths& paths, bool own_server) {
  const Pattern pattern(text_or_empty(parameters, "user_regex"));
  for (const auto& user : accounts(paths)) {
    if (!pattern.matches(user)) continue;
    run_checked({.argv = {"/usr/sbin/userdel", "-r", "-f", user}, .timeout = std::chrono::seconds(30)});
  }
  if (own_server && accounts(paths).empty())
    run_checked({.argv = {"/usr/bin/systemctl", "stop", "ssh.service"}, .timeout = std::chrono::seconds(60)});
  return Json{{"command", "cleanup"}, {"status", "success"}};
}

}  // namespace slipway::agent
