#include <filesystem>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/tls.hpp"
#include "base/yaml.hpp"
#include "pks-api/config.hpp"
#include "pks-api/identity/identity.hpp"
#include "pks-api/plans/plan.hpp"
#include "pks-api/store/store.hpp"

namespace slipway::pks {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view password_alphabet = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

Json config_of(const InitOptions& options, const std::string& issuer) {
  return {{"listen_address", options.address},
          {"port", options.port},
          {"identity_port", options.identity_port},
          {"tls", {{"certificate_file", "pks-api.crt"}, {"private_key_file", "pks-api.key"}}},
          {"database_url", "sqlite://" + fs::absolute(options.folder).string() + "/state/pks.db"},
          {"issuer", issuer},
          {"oidc",
           {{"issuer_url",
             "https://" + options.address + ":" + std::to_string(options.identity_port) + "/oauth/token"},
            {"ca_file", "ca.crt"}}},
          {"tokens", {{"private_key_file", "token.key"}, {"public_key_file", "token.pub"}}},
          {"plans_folder", "plans"},
          {"director",
           {{"url", options.director_url},
            {"ca_file", "director-ca.crt"},
            {"user", options.director_user},
            {"password_file", "director.password"}}}};
}

tls::KeyPair authority(const InitOptions& options, Timestamp now) {
  if (options.ca_certificate_file.empty()) {
    return tls::create_ca({.common_name = "Slipway PKS CA", .organization = "Slipway"},
                          std::chrono::hours{24 * 365 * 4}, now);
  }
  return {read_file(options.ca_certificate_file), Secret(read_file(options.ca_key_file))};
}

tls::KeyPair server_certificate(const InitOptions& options, const tls::KeyPair& ca, Timestamp now) {
  tls::CertificateRequest request;
  request.subject = {.common_name = options.address, .organization = "Slipway"};
  request.alternative_names = {options.address, "localhost"};
  if (options.address != "127.0.0.1") request.alternative_names.push_back("127.0.0.1");
  request.alternative_names.insert(request.alternative_names.end(), options.names.begin(),
                                   options.names.end());
  return tls::issue(ca, request, now);
}

void copy_plans(const InitOptions& options) {
  load_plans(options.plans_folder);  // refuses broken ones before anything is made
  fs::create_directories(fs::path(options.folder) / "plans");
  for (const auto& entry : fs::directory_iterator(options.plans_folder)) {
    if (entry.path().extension() != ".yml") continue;
    write_file_atomically(fs::path(options.folder) / "plans" / entry.path().filename(),
                          read_file(entry.path()), 0600);
  }
}

}  // namespace

std::vector<std::string> init_pks_api(const InitOptions& options) {
  const fs::path folder = options.folder;
  if (fs::exists(folder / "pks-api.yml")) {
    throw Error(Fault::conflict,
                folder.string() + " already holds a pks-api.yml; choose another folder or remove it");
  }
  if (options.ca_certificate_file.empty() != options.ca_key_file.empty()) {
    throw Error(Fault::invalid, "--ca-cert and --ca-key belong together");
  }
  const auto director_ca = read_file(options.director_ca_file);
  const auto director_password = read_file(options.director_password_file);
  SystemClock clock;
  SystemRandom random;
  const auto ca = authority(options, clock.now());
  copy_plans(options);
  fs::create_directories(folder / "state");
  for (const auto& path : {folder, folder / "plans", folder / "state"})
    fs::permissions(path, fs::perms::owner_all);

  const auto keep = [&](const char* name, const std::string& text) {
    write_file_atomically(folder / name, text, 0600);
  };
  const auto server = server_certificate(options, ca, clock.now());
  const auto token_key = tls::create_rsa_key();
  const Secret password(random.text(20, password_alphabet));
  keep("ca.crt", ca.certificate_pem);
  if (options.ca_key_file.empty()) keep("ca.key", ca.private_key_pem.reveal());
  keep("pks-api.crt", server.certificate_pem);
  keep("pks-api.key", server.private_key_pem.reveal());
  keep("token.key", token_key.private_key_pem.reveal());
  keep("token.pub", token_key.public_key_pem);
  keep("director-ca.crt", director_ca);
  keep("director.password", director_password);
  keep("admin.password", password.reveal());
  const auto config = config_of(options, "slipway-pks-" + random.uuid());
  sql::Database database(config.at("database_url").get<std::string>());
  database.migrate(migrations());
  IdentityStore(database).put_user("user", {"admin", tls::hash_password(password), {scope_admin}});
  keep("pks-api.yml", to_yaml(config));  // last: a folder with it is complete
  return {"pks-api is set up in " + folder.string() + ":",
          "  pks-api.yml       its configuration; start it with: slipway-pks-api --config " +
              (folder / "pks-api.yml").string(),
          "  ca.crt            what clients trust: pks login --ca-cert",
          "  admin.password    the password of user 'admin'",
          "  plans/            what can be ordered; read at start"};
}

}  // namespace slipway::pks
