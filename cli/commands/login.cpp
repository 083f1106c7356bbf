#include "base/file.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual Login::manual() {
  return {"login",
          {},
          "",
          "Log in to the API",
          {"pks login -a api.example.com -u alana --ca-cert ca.crt",
           "PKS_USER_PASSWORD=… pks login -a api.example.com -u alana",
           "pks login -a api.example.com --client-name pipeline --client-secret SECRET",
           "pks login -a api.example.com --sso"}};
}

int Login::run(const Words& words) {
  LoginRequest request;
  std::string password, client_secret, ca_file;
  bool sso = false;
  CommandLine line(manual());
  line.flags()("api,a", po::value(&request.api)->required(), "HOST or https://HOST:PORT of the API")(
      "username,u", po::value(&request.username), "user name")(
      "password,p", po::value(&password),
      "password; asked for, or taken from PKS_USER_PASSWORD, when omitted")(
      "client-name", po::value(&request.client_name), "name of a client, instead of a user")(
      "client-secret", po::value(&client_secret), "its secret; or PKS_CLIENT_SECRET")(
      "sso", po::bool_switch(&sso), "log in at the external issuer whose users the API takes")(
      "ca-cert", po::value(&ca_file), "PEM file of the authority that signed the API's certificate")(
      "skip-ssl-validation,k", po::bool_switch(&request.skip_ssl_validation),
      "do not verify the API's certificate")("skip-ssl-verification", po::bool_switch(),
                                             "the same (deprecated)");
  line.parse(words);
  for (const auto& word : words) {
    if (word == "--skip-ssl-verification") request.skip_ssl_validation = true;
  }
  if (int(sso) + int(!request.username.empty()) + int(!request.client_name.empty()) != 1) {
    throw UsageError("either --username, --client-name or --sso is needed");
  }
  if (!ca_file.empty()) request.ca = read_file(ca_file);
  if (!request.username.empty()) request.password = given_password(terminal, password);
  if (!request.client_name.empty()) {
    if (client_secret.empty()) client_secret = terminal.environment("PKS_CLIENT_SECRET").value_or("");
    request.client_secret =
        client_secret.empty() ? read_password(terminal, "Client secret: ") : Secret(client_secret);
  }
  const CredentialsFile file(terminal);
  const auto credentials = sso ? log_in_by_issuer(request, terminal, clock) : log_in(request);
  file.save(credentials);
  terminal.out << "\nAPI Endpoint: " << credentials.api << "\nUser: " << credentials.username
               << "\nLogin successful.\n\n";
  return exit_ok;
}

}  // namespace slipway::cli
