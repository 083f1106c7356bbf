#include "pks-api/daemon.hpp"

#include <unistd.h>

#include "base/file.hpp"
#include "base/tls.hpp"
#include "pks-api/api/api.hpp"

namespace slipway::pks {

namespace {

std::string first_line(const std::string& file) {
  const auto text = read_file(file);
  return text.substr(0, text.find_first_of("\r\n"));
}

http::ClientConfig director_config(const PksConfig& config) {
  http::ClientConfig client;
  client.base_url = config.director_url;
  client.ca_pem = read_file(config.director_ca_file);
  client.timeout = std::chrono::seconds(60);
  return client;
}

http::ServerConfig listener(const PksConfig& config, int port) {
  http::ServerConfig server;
  server.address = config.listen_address;
  server.port = port;
  server.certificate_file = config.certificate_file;
  server.private_key_file = config.private_key_file;
  server.threads = static_cast<std::size_t>(config.request_threads);
  server.max_body_bytes = 1u << 20;
  return server;
}

// Clusters would not start with a CA that is none.
std::string external_ca(const std::string& file) {
  if (file.empty()) return "";
  auto pem = read_file(file);
  with_context("external_issuer.ca_file, " + file, [&] { tls::inspect(pem); });
  return pem;
}

OidcSettings oidc_settings(const PksConfig& config) {
  check_issuer_url(config.oidc_issuer_url);
  OidcSettings settings{config.oidc_issuer_url, config.oidc_ca_file.empty() ? "" : read_file(config.oidc_ca_file)};
  const auto& external = config.external_issuer;
  if (external.url.empty()) return settings;
  settings.external = {external.url,        external_ca(external.ca_file), external.audience, external.cluster_client,
                       external.user_claim, external.groups_claim};
  return settings;
}

std::unique_ptr<Directory> directory_of(const PksConfig& config) {
  return config.ldap.url.empty() ? nullptr : std::make_unique<Directory>(config.ldap);
}

std::unique_ptr<ExternalIssuer> external_issuer_of(const PksConfig& config, Clock& clock) {
  return config.external_issuer.url.empty() ? nullptr
                                            : std::make_unique<ExternalIssuer>(config.external_issuer, clock);
}

sql::Database& migrated(sql::Database& database) {
  database.migrate(migrations());
  return database;
}

}  // namespace

struct Daemon::Parts {
  Log log;
  SystemClock clock;
  SystemRandom random;
  PlanCatalog plans;
  OidcSettings oidc;
  Tokens tokens;
  sql::Database database;
  ClusterStore clusters_store;
  IdentityStore identity_store;
  std::unique_ptr<Directory> directory;
  std::unique_ptr<ExternalIssuer> external_issuer;
  Identity identity;
  AuditLog audit;
  RequestCounts counts;
  DirectorClient director;
  ProgressBoard board;
  QuotaStore quota_store;
  ProfileStore profile_store;
  FleetStore fleet_store;
  std::mutex orders;
  Quotas quotas;
  Profiles profiles;
  Intents intents;
  Operations operations;
  Clusters clusters;
  Fleets fleets;
  Services services;
  std::unique_ptr<http::Server> identity_server, api_server;

  Parts(const PksConfig& c, Log l)
      : log(std::move(l)),
        plans(load_plans(c.plans_folder)),
        oidc(oidc_settings(c)),
        tokens(c.issuer, Secret(read_file(c.token_private_key_file)), read_file(c.token_public_key_file)),
        database(c.database_url),
        clusters_store(migrated(database)),
        identity_store(database),
        directory(directory_of(c)),
        external_issuer(external_issuer_of(c, clock)),
        identity(identity_store, tokens, clock, random, oidc, {}, {directory.get(), external_issuer.get()}),
        audit(c.audit_file, database, clock, c.audit_rotate_bytes),
        director(director_config(c), c.director_user, Secret(first_line(c.director_password_file))),
        board(clock),
        quota_store(database),
        profile_store(database),
        fleet_store(database),
        quotas({quota_store, clusters_store, plans}),
        profiles({profile_store, clusters_store, orders, clock, random}),
        intents{plans, oidc, profiles},
        operations({clusters_store, director, intents, board, clock, log},
                   static_cast<std::size_t>(c.max_operations)),
        clusters({clusters_store, operations, director, intents, quotas, orders, clock, random}),
        fleets({fleet_store, clusters_store, clusters, clock, random, log}),
        services{.clusters = clusters,
                 .store = clusters_store,
                 .operations = operations,
                 .director = director,
                 .fleets = fleets,
                 .quotas = quotas,
                 .profiles = profiles,
                 .board = board,
                 .identity = identity,
                 .audit = audit,
                 .counts = counts,
                 .tokens = tokens,
                 .plans = plans,
                 .oidc = oidc,
                 .clock = clock,
                 .log = log,
                 .max_waiting = static_cast<std::size_t>(c.request_threads) / 2,
                 .identity_port = c.identity_port} {
    operations.take_up_all();
    const auto on_error = [this](const std::exception& error) { return error_reply(error, log); };
    identity_server = std::make_unique<http::Server>(listener(c, c.identity_port), identity_handler(services),
                                                     log, on_error);
    api_server = std::make_unique<http::Server>(listener(c, c.port), api_handler(services), log, on_error);
    log.info("pks-api.ready", {{"address", c.listen_address},
                               {"port", std::to_string(c.port)},
                               {"identity_port", std::to_string(c.identity_port)},
                               {"pid", std::to_string(::getpid())}});
  }
};

Daemon::Daemon(const PksConfig& config, Log log) : parts_(std::make_unique<Parts>(config, std::move(log))) {}

Daemon::~Daemon() = default;

void check_files(const PksConfig& config) {
  load_plans(config.plans_folder);
  oidc_settings(config);
  directory_of(config);
  SystemClock clock;
  external_issuer_of(config, clock);
  for (const auto& file :
       {config.certificate_file, config.private_key_file, config.token_private_key_file,
        config.token_public_key_file, config.director_ca_file, config.director_password_file}) {
    read_file(file);
  }
}

}  // namespace slipway::pks
