#include "base/file.hpp"
#include "cli/cluster_session.hpp"
#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/kubeconfig.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

// The tokens go where kubectl looks for them, and renews them by itself.
void put_tokens(Json& kubeconfig, const Credentials& session) {
  auto& config = kubeconfig.at("users").at(0).at("user").at("auth-provider").at("config");
  config["id-token"] = session.id_token;
  config["refresh-token"] = session.refresh_token;
}

std::string usable_by(const std::string& user, const std::string& cluster) {
  return "You can now use the kubeconfig for user " + printable(user) + ":\n$kubectl config use-context " + cluster +
         "\n";
}

// What kubectl runs is not the API's to say.
Json asking_this_program(const Terminal& terminal, const ExternalIssuer& issuer, const std::string& user) {
  Json exec = {{"apiVersion", "client.authentication.k8s.io/v1"},
               {"command", std::filesystem::read_symlink("/proc/self/exe").string()},
               {"args",
                {"cluster-token", "--issuer", issuer.clusters.url, "--client-id", issuer.clusters.client, "--user",
                 user}},
               {"interactiveMode", "Never"},
               {"provideClusterInfo", false}};
  if (const auto home = terminal.environment("PKS_HOME").value_or(""); !home.empty()) {
    const auto place = std::filesystem::absolute(home).string();
    exec["env"] = Json::array({{{"name", "PKS_HOME"}, {"value", place}}});
  }
  return exec;
}

}  // namespace

Manual GetKubeconfig::manual() {
  return {"get-kubeconfig",
          {},
          "CLUSTER-NAME",
          "Log in to a cluster as a user of it, whose rights are what its admin has bound",
          {"pks get-kubeconfig demo -u naomi -a api.example.com --ca-cert ca.crt",
           "PKS_USER_PASSWORD=… pks get-kubeconfig demo -u naomi",
           "pks login -a api.example.com --sso && pks get-kubeconfig demo --sso"}};
}

int GetKubeconfig::run(const Words& words) {
  LoginRequest request;
  std::string password, ca_file;
  bool sso = false;
  CommandLine line(manual());
  line.flags()("username,u", po::value(&request.username), "user name")(
      "password,p", po::value(&password),
      "password; asked for, or taken from PKS_USER_PASSWORD, when omitted")(
      "sso", po::bool_switch(&sso), "as the user of the external issuer who is logged in by pks login --sso")(
      "api,a", po::value(&request.api),
      "HOST or https://HOST:PORT of the API; the one of pks login when omitted")(
      "ca-cert", po::value(&ca_file), "PEM file of the authority that signed the API's certificate")(
      "skip-ssl-validation,k", po::bool_switch(&request.skip_ssl_validation),
      "do not verify the API's certificate");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  if (sso == line.given("username")) throw UsageError("either --username or --sso is needed");
  if (sso) {
    for (const auto* flag : {"password", "api", "ca-cert", "skip-ssl-validation"}) {
      if (line.given(flag))
        throw UsageError(std::string("--sso goes by the session of pks login, and not with --") + flag);
    }
    return run_by_issuer(name);
  }
  if (request.api.empty()) {
    const auto session = CredentialsFile(terminal).load();
    if (!session) throw UsageError("--api is needed: nobody is logged in whose API could be taken");
    request.api = session->api;
    request.ca = session->ca;
    request.skip_ssl_validation = request.skip_ssl_validation || session->skip_ssl_validation;
  }
  if (!ca_file.empty()) request.ca = read_file(ca_file);
  request.password = given_password(terminal, password);
  return run_by_password(name, request);
}

int GetKubeconfig::run_by_password(const std::string& name, LoginRequest request) const {
  request.public_client = "pks_cluster_client";
  request.scope = "openid roles";
  const KubeconfigFile kubeconfig(terminal);
  const auto session = log_in(request);
  terminal.out << "\nFetching kubeconfig for cluster " << name << " and user " << session.username << ".\n";
  Api api(session);
  auto config = api.get("/v1/clusters/" + name + "/binds/" + http::url_encode(session.username) +
                        "?suppressClusterRoleBinding=true");
  put_tokens(config, session);
  kubeconfig.merge(config, clock);
  terminal.out << usable_by(session.username, name);
  return exit_ok;
}

int GetKubeconfig::run_by_issuer(const std::string& name) const {
  const KubeconfigFile kubeconfig(terminal);
  CredentialsFile file(terminal);
  Api api(file);
  auto config = api.get("/v1/clusters/" + name + "/binds/~");
  const auto issuer = external_issuer_of(api.get("/info"));
  auto& entry = config.at("users").at(0);
  const auto user = field(entry, "name");
  if (!issuer || !entry.at("user").contains("exec")) {
    throw Exit(exit_error,
               "Who is logged in is no user of an external issuer; use --username, or log in with: pks login --sso");
  }
  terminal.out << "\nFetching kubeconfig for cluster " << name << " and user " << printable(user) << ".\n"
               << std::flush;
  const ClusterSession session(terminal, issuer->clusters.url, issuer->clusters.client, user);
  if (!session.token(clock)) {
    const auto tokens = log_in_at(issuer->clusters, terminal, clock);
    const auto proved = issuer->cluster_user_prefix + user_of(*issuer, tokens.id_token);
    if (proved != user) {
      throw Exit(exit_error, "At the issuer you are " + printable(proved) + ", and at the API " + printable(user) +
                                 "; log in as the same one at both");
    }
    session.save(issuer->clusters, tokens);
  }
  entry["user"] = {{"exec", asking_this_program(terminal, *issuer, user)}};
  kubeconfig.merge(config, clock);
  terminal.out << usable_by(user, name);
  return exit_ok;
}

}  // namespace slipway::cli
