#include "pks-api/config.hpp"

namespace slipway::pks {

namespace {

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// A token of the one would be looked for among the other's.
void refuse_own_issuer(const PksConfig& config) {
  if (config.external_issuer.url.empty()) return;
  const auto url = without_slash(config.external_issuer.url);
  const auto refuse = [&](const std::string& key, const std::string& own) {
    if (url != without_slash(own)) return;
    throw Error(Fault::invalid, "external_issuer.url is '" + config.external_issuer.url.substr(0, 200) + "', as " +
                                    key + " is: that is this API's own, and another issuer is allowed");
  };
  refuse("oidc.issuer_url", config.oidc_issuer_url);
  refuse("issuer", config.issuer);
}

}  // namespace

PksConfig read_pks_config(Config& in) {
  PksConfig c;
  c.listen_address = in.string("listen_address", "0.0.0.0", "address both ports listen on");
  c.port = static_cast<int>(in.integer("port", 9021, 1, 65535, "port of the API"));
  c.identity_port =
      static_cast<int>(in.integer("identity_port", 8443, 1, 65535, "port of the token endpoint"));
  c.certificate_file = in.path("tls.certificate_file", "PEM certificate of both ports");
  c.private_key_file = in.path("tls.private_key_file", "its key, readable by the daemon only");
  c.database_url = in.string("database_url", "sqlite:///path/pks.db or postgresql://user@host/db");
  c.issuer = in.string("issuer", "the 'iss' of tokens, unique for this installation");
  c.oidc_issuer_url = in.string("oidc.issuer_url", "",
                                "https://HOST:8443/oauth/token as clusters reach it; empty: "
                                "their users cannot log in here");
  c.oidc_ca_file = in.path("oidc.ca_file", "", "PEM CA of that URL's certificate; empty: public authorities");
  c.ldap = read_directory_settings(in);
  c.external_issuer = read_external_issuer_settings(in);
  c.token_private_key_file = in.path("tokens.private_key_file", "PEM RSA key that signs tokens");
  c.token_public_key_file = in.path("tokens.public_key_file", "PEM public key that verifies them");
  c.plans_folder = in.path("plans_folder", "folder whose *.yml files are the plans");
  c.director_url = in.string("director.url", "https://HOST:25555");
  c.director_ca_file = in.path("director.ca_file", "PEM CA of the director's certificate");
  c.director_user = in.string("director.user", "admin", "user of the director's API");
  c.director_password_file = in.path("director.password_file", "file with that user's password");
  c.request_threads =
      static_cast<int>(in.integer("request_threads", 16, 2, 512, "requests handled at once on each port"));
  c.max_operations = static_cast<int>(
      in.integer("max_operations", 16, 1, 256, "clusters worked on at once; more wait in line"));
  c.audit_file =
      in.path("audit.file", "state/audit.log", "who did what: one chain of lines, see the commands of audit");
  c.audit_rotate_bytes = static_cast<std::uint64_t>(in.integer(
                             "audit.rotate_mib", 64, 0, 1 << 20,
                             "how large a file of it becomes before the next is begun; 0: there is one for ever"))
                         << 20;
  c.log_file = in.path("log.file", "", "where the log goes; empty: standard error");
  c.log_level = in.string("log.level", "info", "debug, info, warn or error");
  in.finish();
  refuse_own_issuer(c);
  return c;
}

}  // namespace slipway::pks
