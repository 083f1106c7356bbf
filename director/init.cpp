#include <filesystem>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/tls.hpp"
#include "base/yaml.hpp"
#include "director/config.hpp"

namespace slipway::director {

namespace {

constexpr std::string_view password_alphabet = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

Json programs_of(const InitOptions& options) {
  if (options.cpi_type.empty()) return Json::object();
  return {{"/var/vcap/jobs/" + options.cpi_type + "_cpi/bin/cpi", options.cpi_command}};
}

Json config_of(const InitOptions& options, const std::string& uuid, const std::string& password_hash,
               const std::string& monitor_hash) {
  const auto& address = options.address;
  const Json admin = {{"name", "admin"}, {"password_hash", password_hash}, {"scopes", {"bosh.admin"}}};
  const Json monitor = {{"name", "health-monitor"},
                        {"password_hash", monitor_hash},
                        {"scopes", {"bosh.read", "slipway.health_monitor"}}};
  return {
      {"name", options.name},
      {"uuid", uuid},
      {"listen_address", address},
      {"port", options.port},
      {"tls", {{"certificate_file", "director.crt"}, {"private_key_file", "director.key"}}},
      {"state_folder", "state"},
      {"database_url",
       "sqlite://" + std::filesystem::absolute(options.folder).string() + "/state/director.db"},
      {"encryption_key_file", "encryption.key"},
      {"users", Json::array({admin, monitor})},
      {"agent_heartbeat_seconds", options.agent_heartbeat_seconds},
      {"blobstore",
       {{"listen_address", address},
        {"port", options.blobstore_port},
        {"public_url", "https://" + address + ":" + std::to_string(options.blobstore_port)},
        {"agent_password_file", "blobstore.password"},
        {"ca_file", "ca.crt"}}},
      {"nats", {{"listen_address", address}, {"port", options.nats_port}, {"certificate_names", {address}}}},
      {"cpi", {{"command", options.cpi_command}, {"programs", programs_of(options)}}},
      {"dns", {{"hosts_file", options.dns_hosts_file}}},
      {"own_addresses", {address}}};
}

}  // namespace

std::vector<std::string> init_director(const InitOptions& options) {
  namespace fs = std::filesystem;
  const fs::path folder = options.folder;
  if (fs::exists(folder / "director.yml")) {
    throw Error(Fault::conflict,
                folder.string() + " already holds a director.yml; choose another folder or remove it");
  }
  fs::create_directories(folder / "state");
  fs::permissions(folder, fs::perms::owner_all);
  SystemClock clock;
  SystemRandom random;
  const auto keep = [&](const char* name, const std::string& text) {
    write_file_atomically(folder / name, text, 0600);
  };

  const auto ca = tls::create_ca({.common_name = options.name + " CA", .organization = "Slipway"},
                                 std::chrono::hours{24 * 365 * 4}, clock.now());
  tls::CertificateRequest request;
  request.subject = {.common_name = options.address, .organization = "Slipway"};
  request.alternative_names = {options.address, "127.0.0.1", "localhost"};
  const auto server = tls::issue(ca, request, clock.now());
  const Secret password(random.text(20, password_alphabet)), monitor_password(random.text(32, password_alphabet));

  keep("ca.crt", ca.certificate_pem);
  keep("ca.key", ca.private_key_pem.reveal());
  keep("director.crt", server.certificate_pem);
  keep("director.key", server.private_key_pem.reveal());
  keep("encryption.key", random.hex(32));
  keep("blobstore.password", random.text(32, password_alphabet));
  keep("admin.password", password.reveal());
  keep("health-monitor.password", monitor_password.reveal());
  keep("director.yml", to_yaml(config_of(options, random.uuid(), tls::hash_password(password),
                                        tls::hash_password(monitor_password))));
  return {"Director '" + options.name + "' is set up in " + folder.string() + ":",
          "  director.yml      its configuration; start it with: slipway-director --config " +
              (folder / "director.yml").string(),
          "  ca.crt            what clients trust", "  admin.password    the password of user 'admin'",
          "  health-monitor.password  that of user 'health-monitor', for slipway-health-monitor init"};
}

}  // namespace slipway::director
