#include "base/json_text.hpp"
#include "cli/cluster_session.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

constexpr const char* exec_v1 = "client.authentication.k8s.io/v1";
constexpr const char* exec_v1beta1 = "client.authentication.k8s.io/v1beta1";

// kubectl says which version it wants in a variable of the environment, and takes no other one.
std::string exec_version(const Terminal& terminal) {
  const auto wanted = Json::parse(terminal.environment("KUBERNETES_EXEC_INFO").value_or(""), nullptr, false);
  return text_or_empty(wanted, "apiVersion") == exec_v1beta1 ? exec_v1beta1 : exec_v1;
}

}  // namespace

Manual ClusterToken::manual() {
  return {"cluster-token",
          {},
          "",
          "Print a token for clusters, as kubectl asks for it (get-kubeconfig --sso)",
          {"pks cluster-token --issuer https://login.example.org --client-id clusters --user external:naomi"}};
}

int ClusterToken::run(const Words& words) {
  std::string issuer, client, user;
  CommandLine line(manual());
  line.flags()("issuer", po::value(&issuer)->required(), "URL of the issuer")(
      "client-id", po::value(&client)->required(), "the client that its users log in to clusters by")(
      "user", po::value(&user)->required(), "the user, as clusters call him");
  line.parse(words);
  const auto token = ClusterSession(terminal, issuer, client, user).token(clock);
  if (!token) {
    throw Exit(exit_error, "the session of " + printable(user) + " at " + printable(issuer) +
                               " is over; log in again: pks get-kubeconfig CLUSTER-NAME --sso");
  }
  const Json credential = {{"apiVersion", exec_version(terminal)},
                           {"kind", "ExecCredential"},
                           {"status", {{"token", token->text}, {"expirationTimestamp", to_rfc3339(token->expires)}}}};
  terminal.out << dump(credential) << "\n";
  return exit_ok;
}

}  // namespace slipway::cli
