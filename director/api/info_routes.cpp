#include "base/file.hpp"
#include "base/tls.hpp"
#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

Json feature(bool on) { return {{"status", on}}; }

Json info(const ApiSettings& settings, const Caller& caller) {
  Json login = {{"type", "basic"}, {"options", Json::object()}};
  if (!settings.token_issuer_url.empty())
    login = {{"type", "uaa"},
             {"options", {{"url", settings.token_issuer_url}, {"urls", Json::array({settings.token_issuer_url})}}}};
  return {{"name", settings.director_name},
          {"uuid", settings.director_uuid},
          {"version", settings.version},
          {"user", caller.anonymous() ? Json(nullptr) : Json(caller.user)},
          {"cpi", settings.cpi_name},
          {"stemcell_os", "-"},
          {"stemcell_version", "-"},
          {"user_authentication", login},
          {"features",
           {{"local_dns", feature(true)},
            {"config_server", feature(true)},
            {"snapshots", feature(false)},
            {"compiled_package_cache", feature(false)},
            {"long_poll", feature(true)}}}};
}

}  // namespace

Json expiry(const std::string& path, const std::string& certificate_pem, Timestamp now) {
  const auto certificate = tls::inspect(certificate_pem);
  const auto left = std::chrono::floor<std::chrono::days>(certificate.not_after - now);
  return {{"certificate_path", path},
          {"expiry", to_rfc3339(certificate.not_after)},
          {"days_left", left.count()}};
}

void add_info_routes(Routes& routes, ApiServices& services, const ApiSettings& settings) {
  routes.add("GET", "/info", Need::nothing,
             [&settings](Request&, const Caller& caller) { return Response::json(200, info(settings, caller)); });
  routes.add("GET", "/director/certificate_expiry", Need::read_all, [&](Request&, const Caller&) {
    Json list = Json::array();
    for (const auto& path : settings.certificate_files) list.push_back(expiry(path, read_file(path), services.clock.now()));
    return Response::json(200, list);
  });
}

}  // namespace slipway::director::api
