#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/tls.hpp"
#include "cpi/simulated/simulated_cpi.hpp"
#include "director/api/director_api.hpp"
#include "director/store/fixture.hpp"

namespace slipway::director {

class TextReader final : public http::BodyReader {
 public:
  explicit TextReader(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<char> out) override {
    const auto count = std::min(out.size(), text_.size() - at_);
    std::memcpy(out.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }
  std::optional<std::uint64_t> length() const override { return text_.size(); }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class SimulatedCpis final : public Cpis {
 public:
  SimulatedCpis() : cpi_(std::make_shared<cpi::SimulatedCpi>(cloud_, clock_)) {}
  std::shared_ptr<cpi::Cpi> open(const std::string&, cpi::CallObserver) override { return cpi_; }
  std::vector<std::string> names() const override { return {""}; }
  cpi::SimulatedCpi& cpi() { return *cpi_; }
  cpi::SimulatedCloud& cloud() { return cloud_; }

 private:
  SystemClock clock_;
  cpi::SimulatedCloud cloud_;
  std::shared_ptr<cpi::SimulatedCpi> cpi_;
};

// For tests: the API over an empty store. The user "admin" has the password "admin"; requests
// go out with a token of the role they name, which costs less than a password.
struct ApiFixture : StoreFixture {
  SystemClock clock;
  SystemRandom random;
  Stores stores{db, Secret(std::string(32, 'k'))};
  Tasks tasks{db, (folder.path() / "tasks").string()};
  Locks locks{db, clock, "d1"};
  Blobstore blobs{folder.path() / "blobs", random};
  SimulatedCpis cpis;
  UploadFolder uploads{folder.path() / "uploads", random};
  TaskQueue queue{tasks, clock, Log::discard(), {.director_id = "d1"}};
  std::map<std::string, std::vector<std::string>> roles;
  std::map<std::string, std::string> tokens;
  std::unique_ptr<DirectorApi> api;

  explicit ApiFixture(std::map<std::string, std::vector<std::string>> the_roles = {}) : roles(std::move(the_roles)) {
    static const auto admin_hash = tls::hash_password(Secret("admin"));
    roles["admin"] = {"bosh.admin"};
    ApiSettings settings;
    settings.director_name = "test";
    settings.director_uuid = "uuid-1";
    settings.version = "0.0.0";
    settings.token_keys = {key().public_key_pem};
    settings.users = {{"admin", admin_hash, {"bosh.admin"}}};
    for (const auto* type : {"update_stemcell", "update_release", "delete_stemcell", "delete_release",
                             "create_deployment", "delete_deployment", "change_instances", "scan_and_fix",
                             "fetch_instances", "run_errand", "fetch_logs", "ssh", "cck_scan", "cck_apply",
                             "delete_orphan_disks", "orphan_disk", "attach_disk", "delete_vm", "create_snapshot",
                             "snapshot_deployment", "delete_snapshot", "delete_deployment_snapshots", "export_release",
                             "cleanup_artifacts"})
      queue.register_type(type, [](TaskContext&) { return ""; });
    api = std::make_unique<DirectorApi>(
        ApiServices{clock, random, Log::discard(), stores, tasks, queue, locks, blobs, cpis, uploads}, settings);
  }

  http::Response send(const std::string& method, const std::string& target, std::string body = {},
                      const std::string& user = "admin", http::Headers headers = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.path = target.substr(0, target.find('?'));
    if (const auto question = target.find('?'); question != std::string::npos) {
      std::string query = target.substr(question + 1) + "&";
      for (std::size_t at = 0; at < query.size();) {
        const auto end = query.find('&', at);
        const auto pair = query.substr(at, end - at);
        const auto equals = pair.find('=');
        if (!pair.empty())
          request.query.emplace(pair.substr(0, equals), equals == std::string::npos ? "" : pair.substr(equals + 1));
        at = end + 1;
      }
    }
    request.headers = std::move(headers);
    if (!user.empty() && !request.headers.contains("Authorization"))
      request.headers["Authorization"] = "bearer " + token(user);
    request.body = std::make_shared<TextReader>(std::move(body));
    return (*api)(request);
  }

  static const tls::RsaKey& key() {
    static const auto made = tls::create_rsa_key();
    return made;
  }
  const std::string& token(const std::string& user) {
    auto& made = tokens[user];
    if (!made.empty()) return made;
    const Json claims = {{"user_name", user},
                         {"scope", roles.at(user)},
                         {"exp", to_epoch_seconds(clock.now()) + 600}};
    const auto message = base64url_encode(R"({"alg":"RS256"})") + "." + base64url_encode(claims.dump());
    return made = message + "." + base64url_encode(tls::rs256_sign(key().private_key_pem, message));
  }

  static std::string body(const http::Response& response) { return std::get<std::string>(response.body); }
  static Json json(const http::Response& response) { return parse_json(body(response), "response"); }
  // The task a 302 leads to.
  TaskRecord task(const http::Response& response) {
    const auto location = response.headers.at("Location");
    return tasks.find(std::stoll(location.substr(location.rfind('/') + 1))).value();
  }
};

}  // namespace slipway::director
