#include "base/file.hpp"
#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/kubeconfig.hpp"

namespace slipway::cli {

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace {

// For a POSIX shell: nothing inside single quotes means anything.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string joined_endpoints(const Json& credentials) {
  std::string text;
  for (const auto& endpoint : credentials.value("endpoints", Json::array())) {
    if (endpoint.is_string()) text += (text.empty() ? "" : ",") + endpoint.get<std::string>();
  }
  return text;
}

std::string etcd_environment(const fs::path& folder, const Json& credentials) {
  const auto line = [](const std::string& name, const std::string& value) {
    return "export " + name + "=" + shell_quoted(value) + "\n";
  };
  return line("ETCDCTL_API", "3") + line("ETCDCTL_ENDPOINTS", joined_endpoints(credentials)) +
         line("ETCDCTL_CACERT", (folder / "ca.crt").string()) +
         line("ETCDCTL_CERT", (folder / "client.crt").string()) +
         line("ETCDCTL_KEY", (folder / "client.key").string());
}

}  // namespace

void GetCredentials::keep_etcd_credentials(const fs::path& folder, const Json& credentials) const {
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
  write_file_atomically(folder / "ca.crt", field(credentials, "ca"), 0600);
  write_file_atomically(folder / "client.crt", field(credentials, "certificate"), 0600);
  write_file_atomically(folder / "client.key", field(credentials, "private_key"), 0600);
  write_file_atomically(folder / "env", etcd_environment(folder, credentials), 0600);
  terminal.out << "They are in " << folder.string() << ". Use them:\n  . "
               << shell_quoted((folder / "env").string())
               << "\n  etcdctl endpoint health\n  etcdctl put greeting hello\n";
}

Manual GetCredentials::manual() {
  return {"get-credentials",
          {},
          "CLUSTER-NAME",
          "Fetch what makes you the admin of a cluster: a context of kubectl, or etcd's certificates",
          {"pks get-credentials demo", ". ~/.pks/clusters/demo/env; etcdctl endpoint health",
           "pks get-credentials demo --json"}};
}

int GetCredentials::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer on standard output, no files");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  CredentialsFile file(terminal);
  Api api(file);
  const auto credentials = api.call("POST", "/v1/clusters/" + name + "/binds", "");
  if (json) {
    terminal.out << credentials.dump(2) << "\n";
    return exit_ok;
  }
  terminal.out << "\nFetching credentials for cluster " << name << ".\n";
  const auto kind = field(credentials, "kind");
  if (kind == "Config") {
    KubeconfigFile(terminal).merge(credentials, clock);
    terminal.out
        << "Context set for cluster " << name
        << ".\n\nYou can now switch between clusters by using:\n$kubectl config use-context <cluster-name>\n";
  } else if (kind == "etcd") {
    keep_etcd_credentials(fs::absolute(file.folder() / "clusters" / name), credentials);
  } else {
    throw Exit(exit_error, "this pks does not know clusters of kind '" + printable(kind) + "'");
  }
  return exit_ok;
}

}  // namespace slipway::cli
