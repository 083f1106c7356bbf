#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http/server.hpp"
#include "base/log.hpp"
#include "director/api/authenticator.hpp"
#include "director/executor/services.hpp"
#include "director/tasks/task_queue.hpp"
#include "director/uploads/upload_folder.hpp"

namespace slipway::director {

namespace api {
class Routes;
}

struct ApiSettings {
  std::string director_name, director_uuid, version;
  std::string cpi_name = "libvirt";
  std::vector<ApiUser> users;
  std::vector<std::string> token_keys;          // PEM public keys of token issuers
  std::string token_issuer_url;                 // set: /info tells clients to log in there
  std::vector<std::string> certificate_files;   // for /director/certificate_expiry
};

// What the API works on. All outlive the DirectorApi.
struct ApiServices {
  Clock& clock;
  Random& random;
  Log log;
  Stores& stores;
  Tasks& tasks;
  TaskQueue& queue;
  Locks& locks;
  Blobstore& blobs;
  Cpis& cpis;
  UploadFolder& uploads;
  // Tells the health monitor that something is not as it was.
  std::function<void(const Json& what)> tell_change = [](const Json&) {};
  // {url, ca, certificate, private_key, lifetime_seconds} for a health monitor on the bus.
  std::function<Json()> issue_monitor_identity = [] { return Json(); };
};

// The director's REST API as the unmodified `bosh` CLI knows it: a handler for http::Server.
// Every failure becomes {code, description} with the status that goes with its fault.
// Source: contracts/director-api.md section 1.
class DirectorApi {
 public:
  DirectorApi(ApiServices services, ApiSettings settings);
  ~DirectorApi();
  http::Response operator()(http::Request& request) const;
  http::Handler handler() const;  // refers to this object
  const api::Routes& routes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::director
