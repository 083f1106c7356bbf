#include <filesystem>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/tls.hpp"
#include "base/yaml.hpp"
#include "health-monitor/config.hpp"

namespace slipway::health {

namespace fs = std::filesystem;

namespace {

Json config_of(const InitOptions& options) {
  Json config = {{"director",
                  {{"url", options.director_url},
                   {"ca_file", "director-ca.crt"},
                   {"user", options.director_user},
                   {"password_file", "director.password"}}},
                 {"listen_address", options.address},
                 {"port", options.port},
                 {"tls", {{"certificate_file", "health-monitor.crt"}, {"private_key_file", "health-monitor.key"}}},
                 {"plugins", Json::array()}};
  if (options.interval_ms > 0) config["heartbeat"]["interval_ms"] = options.interval_ms;
  if (options.timeout_ms > 0) config["heartbeat"]["timeout_ms"] = options.timeout_ms;
  if (options.grace_seconds > 0) config["heartbeat"]["grace_seconds"] = options.grace_seconds;
  return config;
}

}  // namespace

std::vector<std::string> init_monitor(const InitOptions& options) {
  const fs::path folder = options.folder;
  const auto file = folder / "health-monitor.yml";
  if (fs::exists(file))
    throw Error(Fault::conflict,
                folder.string() + " already holds a health-monitor.yml; choose another folder or remove it");
  const auto director_ca = read_file(options.director_ca_file, 1u << 20);
  const auto password = read_file(options.director_password_file, 1u << 16);
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
  SystemClock clock;
  tls::CertificateRequest request;
  request.subject = {.common_name = options.address, .organization = "Slipway"};
  request.alternative_names = {options.address, "127.0.0.1", "localhost"};
  request.lifetime = std::chrono::hours{24 * 365};
  const auto server = tls::self_signed(request, clock.now());
  const auto keep = [&](const char* name, const std::string& text) {
    write_file_atomically(folder / name, text, 0600);
  };
  keep("director-ca.crt", director_ca);
  keep("director.password", password);
  keep("health-monitor.crt", server.certificate_pem);
  keep("health-monitor.key", server.private_key_pem.reveal());
  keep("health-monitor.yml", to_yaml(config_of(options)));
  return {"The health monitor of " + options.director_url + " is set up in " + folder.string() + ":",
          "  health-monitor.yml   its configuration; start it with: slipway-health-monitor --config " + file.string(),
          "  health-monitor.crt   what scrapers of /metrics trust"};
}

}  // namespace slipway::health
