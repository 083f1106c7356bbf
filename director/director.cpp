#include "director/director.hpp"

#include <unistd.h>

#include <filesystem>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/http/server.hpp"
#include "director/agents/nats_agent_client.hpp"
#include "director/agents/nats_server.hpp"
#include "director/api/director_api.hpp"
#include "director/blobstore/blob_handler.hpp"
#include "director/cleanup/cleanup_task.hpp"
#include "director/configured_cpis.hpp"
#include "director/executor/bodies.hpp"
#include "director/executor/care/care_tasks.hpp"
#include "director/executor/fetch_logs.hpp"
#include "director/executor/instance_tasks.hpp"
#include "director/executor/problems/problem_tasks.hpp"
#include "director/metrics.hpp"
#include "director/store/schema.hpp"
#include "director/tasks/director_lease.hpp"
#include "director/uploads/artifact_tasks.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

namespace fs = std::filesystem;

namespace {

constexpr const char* version = "0.1.0";
constexpr auto director_certificate_lifetime = std::chrono::hours{24 * 30};
constexpr auto monitor_certificate_lifetime = std::chrono::hours{24};
constexpr std::string_view deployment_lock = "lock:deployment:";

std::string line_of(const std::string& file) {
  auto text = read_file(file, 4096);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

Secret encryption_key(const std::string& file) {
  const auto hex = line_of(file);
  std::string key;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const auto digits = hex.substr(i, 2);
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) break;
    key.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
  }
  if (key.size() != 32 || hex.size() != 64) {
    throw Error(Fault::invalid, "encryption_key_file: " + file + " has to hold 32 bytes as 64 hex digits");
  }
  return Secret(std::move(key));
}

// Of its own kind, so that who learns it can open nothing in the store.
Secret signing_secret(const Secret& key) { return Secret(hmac_sha256(key.reveal(), "slipway: URLs of blobs")); }

std::string lock_file_of(const std::string& url) {
  constexpr std::string_view sqlite = "sqlite://";
  if (!url.starts_with(sqlite)) return "";
  return url.substr(sqlite.size(),
                    url.find('?') == std::string::npos ? std::string::npos : url.find('?') - sqlite.size()) +
         ".lock";
}

// Made by the first start and kept, sealed, in the store. No manifest can name it: a variable's
// name has no colon.
tls::KeyPair bus_ca(VariableValues& values, Clock& clock) {
  constexpr const char* name = "/:director/bus_ca";
  auto record = values.latest(name);
  if (!record) {
    const auto fresh = BusAuthority::create_ca(clock.now());
    record = values.put_if_absent(
        name, {{"certificate", fresh.certificate_pem}, {"private_key", fresh.private_key_pem.reveal()}},
        clock.now());
  }
  return {record->value.at("certificate").get<std::string>(),
          Secret(record->value.at("private_key").get<std::string>())};
}

std::vector<AgentId> known_agents(Vms& vms) {
  std::vector<AgentId> agents;
  for (const auto& vm : vms.all()) agents.push_back(vm.agent);
  return agents;
}

ExecutorSettings executor_settings(const DirectorConfig& config) {
  ExecutorSettings settings;
  settings.director_name = config.name;
  settings.director_uuid = config.uuid;
  settings.dns_domain = config.dns_domain;
  settings.dns_hosts_file = config.dns_hosts_file;
  settings.own_addresses = config.own_addresses;
  settings.agent_blobstores =
      Json::array({{{"provider", "dav"},
                    {"options",
                     {{"endpoint", config.blobstore_public_url},
                      {"user", config.blobstore_user},
                      {"password", line_of(config.blobstore_password_file)},
                      {"tls", {{"cert", {{"ca", read_file(config.blobstore_ca_file)}}}}}}}}});
  settings.work_folder = (fs::path(config.state_folder) / "work").string();
  settings.max_parallel = static_cast<std::size_t>(config.max_parallel);
  settings.agent_wait = std::chrono::seconds{config.agent_wait_seconds};
  settings.reboot_wait = settings.agent_wait;
  settings.agent_heartbeat = std::chrono::seconds{config.agent_heartbeat_seconds};
  settings.keep_unreachable_vms = config.keep_unreachable_vms;
  settings.enable_snapshots = config.enable_snapshots;
  settings.orphan_lifetime = std::chrono::hours{config.orphaned_disk_lifetime_hours};
  settings.failed_vms.bundles = config.failed_vm_bundles;
  settings.failed_vms.bundles_per_deployment = static_cast<std::size_t>(config.bundles_per_deployment);
  settings.failed_vms.bundle_lifetime = std::chrono::hours{config.bundle_lifetime_hours};
  settings.failed_vms.bundle_bytes = std::int64_t{config.bundle_max_mib} << 20;
  settings.failed_vms.hold = std::chrono::hours{config.hold_failed_vms_hours};
  settings.failed_vms.held_per_deployment = static_cast<std::size_t>(config.held_vms_per_deployment);
  return settings;
}

ApiSettings api_settings(const DirectorConfig& config) {
  ApiSettings settings;
  settings.director_name = config.name;
  settings.director_uuid = config.uuid;
  settings.version = version;
  for (const auto& user : config.users)
    settings.users.push_back({user.name, user.password_hash, user.scopes});
  for (const auto& file : config.token_key_files) settings.token_keys.push_back(read_file(file));
  settings.certificate_files = {config.certificate_file, config.blobstore_ca_file};
  return settings;
}

http::ServerConfig server_config(const DirectorConfig& config, const std::string& address, int port) {
  http::ServerConfig server;
  server.address = address;
  server.port = port;
  server.certificate_file = config.certificate_file;
  server.private_key_file = config.private_key_file;
  server.threads = static_cast<std::size_t>(config.request_threads);
  return server;
}

// Scratch of tasks that died with the last process.
fs::path emptied(const fs::path& folder) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

}  // namespace

struct Director::Parts {
  DirectorConfig config;
  Log log;
  SystemClock clock;
  SystemRandom random;
  std::string process_id;
  sql::Database database;
  DirectorLease lease;
  fs::path work_folder;
  Stores stores;
  Locks locks;
  Tasks tasks;
  Blobstore blobs;
  UploadFolder uploads;
  BusAuthority authority;
  NatsServer nats;
  NatsAgentClient agents;
  ConfiguredCpis cpis;
  Renderer renderer;
  JobTemplateCache templates;
  Services services;
  ArtifactServices artifacts;
  TaskQueue queue;
  DirectorApi api;
  BlobHandler blob_handler;
  std::unique_ptr<http::Server> blob_server, api_server;
  std::unique_ptr<RecurringTasks> recurring;

  Parts(const DirectorConfig& c, Log l, std::function<void()> on_lost)
      : config(c),
        log(std::move(l)),
        process_id(random.uuid()),
        database((fs::create_directories(config.state_folder), config.database_url)),
        lease(database, clock,
              {.id = process_id,
               .description = config.name + " (pid " + std::to_string(::getpid()) + ")",
               .lock_file = lock_file_of(config.database_url),
               .migrate = [this] { database.migrate(migrations()); }},
              std::move(on_lost)),
        work_folder(emptied(fs::path(config.state_folder) / "work")),
        stores(database, encryption_key(config.encryption_key_file)),
        locks(database, clock, process_id),
        tasks(database, (fs::path(config.state_folder) / "tasks").string()),
        blobs(fs::path(config.state_folder) / "blobs", random),
        uploads(fs::path(config.state_folder) / "uploads", random),
        authority(bus_ca(stores.variable_values, clock), clock),
        nats(nats_options(), authority, known_agents(stores.vms), log),
        agents(client_options(), random, log),
        cpis(config, stores, clock),
        templates(blobs),
        services{clock,
                 random,
                 log,
                 stores,
                 locks,
                 blobs,
                 cpis,
                 agents,
                 nats,
                 renderer,
                 executor_settings(config)},
        artifacts{clock, random, stores, locks, blobs, cpis, work_folder},
        queue(tasks, clock, log,
              {.director_id = process_id,
               .workers = static_cast<std::size_t>(config.workers),
               .urgent_workers = static_cast<std::size_t>(config.urgent_workers),
               .sole_director = lease.sole()}),
        api({clock, random, log, stores, tasks, queue, locks, blobs, cpis, uploads,
             [this](const Json& what) { agents.announce(agent::changes_subject, what); },
             [this] { return monitor_identity(); }},
            api_settings(config)),
        blob_handler(blobs,
                     {config.blobstore_user, Secret(line_of(config.blobstore_password_file)),
                      signing_secret(encryption_key(config.encryption_key_file))},
                     clock) {
    services.settings.sign_url = [this](const std::string& method, const BlobId& blob, std::chrono::seconds lifetime) {
      return config.blobstore_public_url + blob_handler.signed_target(method, blob, lifetime);
    };
    register_deployment_tasks(queue, services, templates);
    register_instance_tasks(queue, services, templates);
    register_problem_tasks(queue, services);
    register_care_tasks(queue, services);
    register_artifact_tasks(queue, artifacts);
    register_cleanup_task(queue, services, artifacts);
    locks.on_lost([this](TaskId task) { queue.cancel(task); });
    locks.on_change([this](const std::string& name, bool held) {
      if (!name.starts_with(deployment_lock)) return;
      agents.announce(agent::changes_subject, {{"deployment", name.substr(deployment_lock.size())}, {"locked", held}});
    });
    uploads.sweep(tasks);
    remove_expired_blobs(services);
    // Agents must be able to fetch before a resumed task tells them to.
    blob_server = std::make_unique<http::Server>(
        server_config(config, config.blobstore_address, config.blobstore_port), std::ref(blob_handler), log);
    queue.start();
    recurring = std::make_unique<RecurringTasks>(queue, tasks, clock, log, recurring_care(services));
    api_server = std::make_unique<http::Server>(server_config(config, config.listen_address, config.port),
                                                with_metrics(api.handler(), tasks, stores), log);
    log.info("director.ready", {{"address", config.listen_address}, {"port", std::to_string(config.port)}});
  }

  NatsServerOptions nats_options() const {
    NatsServerOptions options;
    options.program = config.nats_program;
    options.listen_address = config.nats_address;
    options.port = config.nats_port;
    options.certificate_addresses = config.nats_certificate_names;
    options.folder = fs::path(config.state_folder) / "nats";
    return options;
  }

  std::string bus_url(const std::string& where_all_are_meant) const {
    const auto host = config.nats_address == "0.0.0.0" ? where_all_are_meant : config.nats_address;
    return "nats://" + host + ":" + std::to_string(config.nats_port);
  }

  NatsClientOptions client_options() const {
    return {.url = bus_url("127.0.0.1"),
            .ca_pem = authority.ca_pem(),
            .identity = authority.issue_client(agent::director_common_name, director_certificate_lifetime),
            .director_uuid = process_id};
  }

  Json monitor_identity() const {
    const auto pair = authority.issue_client(agent::health_monitor_common_name, monitor_certificate_lifetime);
    return {{"url", bus_url(config.nats_certificate_names.empty() ? "127.0.0.1" : config.nats_certificate_names.front())},
            {"ca", authority.ca_pem()},
            {"certificate", pair.certificate_pem},
            {"private_key", pair.private_key_pem.reveal()},
            {"lifetime_seconds", std::chrono::seconds(monitor_certificate_lifetime).count()}};
  }

  // No new requests, then no new steps, then the wires.
  ~Parts() {
    api_server.reset();
    recurring.reset();
    queue.stop();
    blob_server.reset();
  }
};

Director::Director(const DirectorConfig& config, Log log, std::function<void()> on_lost)
    : parts_(std::make_unique<Parts>(config, std::move(log), std::move(on_lost))) {}

Director::~Director() = default;

}  // namespace slipway::director
