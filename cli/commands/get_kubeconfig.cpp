#include "base/file.hpp"
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

}  // namespace

Manual GetKubeconfig::manual() {
  return {"get-kubeconfig",
          {},
          "CLUSTER-NAME",
          "Log in to a cluster as a user of it, whose rights are what its admin has bound",
          {"pks get-kubeconfig demo -u naomi -a api.example.com --ca-cert ca.crt",
           "PKS_USER_PASSWORD=… pks get-kubeconfig demo -u naomi"}};
}

int GetKubeconfig::run(const Words& words) {
  LoginRequest request;
  std::string password, ca_file;
  CommandLine line(manual());
  line.flags()("username,u", po::value(&request.username)->required(), "user name")(
      "password,p", po::value(&password),
      "password; asked for, or taken from PKS_USER_PASSWORD, when omitted")(
      "api,a", po::value(&request.api),
      "HOST or https://HOST:PORT of the API; the one of pks login when omitted")(
      "ca-cert", po::value(&ca_file), "PEM file of the authority that signed the API's certificate")(
      "skip-ssl-validation,k", po::bool_switch(&request.skip_ssl_validation),
      "do not verify the API's certificate");
  line.parse(words);
  const auto name = checked_cluster_name(line.argument());
  if (request.api.empty()) {
    const auto session = CredentialsFile(terminal).load();
    if (!session) throw UsageError("--api is needed: nobody is logged in whose API could be taken");
    request.api = session->api;
    request.ca = session->ca;
    request.skip_ssl_validation = request.skip_ssl_validation || session->skip_ssl_validation;
  }
  if (!ca_file.empty()) request.ca = read_file(ca_file);
  request.password = given_password(terminal, password);
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
  terminal.out << "You can now use the kubeconfig for user " << session.username
               << ":\n$kubectl config use-context " << name << "\n";
  return exit_ok;
}

}  // namespace slipway::cli
