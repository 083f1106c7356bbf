#include "cpi/vsphere/session.hpp"

#include <algorithm>

#include "cpi/vsphere/soap/fault.hpp"

namespace slipway::cpi::vsphere {

namespace {

using namespace std::chrono_literals;

constexpr int login_tries = 6;
constexpr const char* sdk = "/sdk";
const MoRef service_instance{"ServiceInstance", "ServiceInstance"};

bool gateway_is_busy(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

// "vmware_soap_session=…" of a Set-Cookie header, without its attributes.
std::string session_cookie(const http::Headers& headers) {
  const auto found = headers.find("Set-Cookie");
  if (found == headers.end()) return {};
  constexpr std::string_view name = "vmware_soap_session=";
  const auto begin = found->second.find(name);
  if (begin == std::string::npos) return {};
  return found->second.substr(begin, found->second.find_first_of(";,", begin) - begin);
}

std::string folder_target(const Session::DatastoreFile& file) {
  std::string path;
  for (std::size_t begin = 0; begin <= file.path.size();) {
    const auto end = std::min(file.path.find('/', begin), file.path.size());
    path += "/" + http::url_encode(file.path.substr(begin, end - begin));
    begin = end + 1;
  }
  return "/folder" + path + "?dcPath=" + http::url_encode(file.datacenter) +
         "&dsName=" + http::url_encode(file.datastore);
}

}  // namespace

Session::Session(const VsphereConfig& config, Transport& transport, Clock& clock, Random& random,
                 const Log& log)
    : config_(config), transport_(transport), clock_(clock), random_(random), log_(log) {}

Session::~Session() {
  // One that cannot be reached is not waited for once more: the session ends by itself in half an hour.
  if (broken_ || cookie().empty() || !content_) return;
  try {
    call_once("Logout", content_->session_manager, Effect::changes, {});
  } catch (const std::exception& error) {
    log_.debug("vsphere.logout", {{"error", error.what()}});
  }
}

std::string Session::cookie() const {
  const std::lock_guard lock(mutex_);
  return cookie_.reveal();
}

const ServiceContent& Session::content() {
  const std::lock_guard lock(login_);
  if (!content_) log_in();
  return *content_;
}

void Session::log_in() {
  if (!content_) {
    const auto answer =
        call_patiently("RetrieveServiceContent", service_instance, Effect::looks, {}).child("returnval");
    content_ = ServiceContent{answer.ref("rootFolder"),          answer.ref("propertyCollector"),
                              answer.ref("sessionManager"),      answer.ref("searchIndex"),
                              answer.ref("fileManager"),         answer.ref("virtualDiskManager"),
                              answer.ref("customFieldsManager"), answer.ref("ovfManager")};
    if (content_->session_manager.empty() || content_->property_collector.empty() ||
        content_->search_index.empty()) {
      content_.reset();
      throw Error(Fault::outcome_unknown, config_.url() + " does not answer as a vCenter does");
    }
  }
  ++logins_;
  try {
    call_patiently("Login", content_->session_manager, Effect::looks, [&](XmlOut& in) {
      in.text("userName", config_.user).text("password", config_.password.reveal());
    });
  } catch (const VimFault& fault) {
    if (!fault.is("InvalidLogin")) throw;
    throw Error(Fault::unauthenticated,
                config_.url() + " refuses the user '" + config_.user + "' or its password");
  }
}

http::ClientResponse Session::post(const char* method, const std::string& body, Effect effect) {
  http::ClientRequest request{.method = "POST", .target = sdk, .body = body};
  request.headers = {{"Content-Type", "text/xml; charset=utf-8"}, {"SOAPAction", "urn:vim25/6.7"}};
  // Who has a session may not log in: a login whose answer was lost would not be repeated.
  const bool is_login = std::string_view(method) == "Login";
  if (const auto known = cookie(); !known.empty() && !is_login) request.headers["Cookie"] = known;
  auto response = transport_.send(config_.url(), request, effect != Effect::changes);
  if (auto given = session_cookie(response.headers); !given.empty()) {
    const std::lock_guard lock(mutex_);
    cookie_ = Secret(std::move(given));
  }
  if (response.status == 200 || response.status == 500) return response;
  const auto what = std::string(method) + " at " + config_.url();
  if (gateway_is_busy(response.status)) {
    // It may also have been a gateway that gave up waiting for the effect.
    const bool surely_undone = response.status == 429 || response.status == 503;
    throw Error(surely_undone ? Fault::retryable : Fault::outcome_unknown,
                what + ": HTTP status " + std::to_string(response.status));
  }
  throw Error(Fault::internal,
              what + ": HTTP status " + std::to_string(response.status) + "; is this a vCenter?");
}

XmlIn Session::call_once(const char* method, const MoRef& self, Effect effect, const Arguments& arguments) {
  const auto what = std::string(method) + " at " + config_.url();
  const auto response = post(method, soap_request(method, self, arguments), effect);
  return soap_response(response.body, method, what);
}

XmlIn Session::call_patiently(const char* method, const MoRef& self, Effect effect,
                              const Arguments& arguments) {
  for (int attempt = 1;; ++attempt) {
    try {
      return call_once(method, self, effect, arguments);
    } catch (const VimFault&) {
      throw;  // vCenter has decided
    } catch (const Error& error) {
      const bool again = error.fault() == Fault::retryable ||
                         (effect == Effect::looks && error.fault() == Fault::outcome_unknown);
      if (!again || attempt == login_tries) {
        if (error.fault() == Fault::outcome_unknown) broken_ = true;
        throw;
      }
      // 0.1 to 0.2 s, then twice as much each time: many CPIs that were turned away come back apart.
      const auto pause = 100ms * (1 << (attempt - 1));
      log_.warn("vsphere.again",
                {{"method", method}, {"attempt", std::to_string(attempt)}, {"error", error.what()}});
      clock_.sleep_for(pause +
                       std::chrono::milliseconds(random_.below(static_cast<std::uint64_t>(pause.count()))));
    }
  }
}

XmlIn Session::call(const char* method, const MoRef& self, Effect effect, const Arguments& arguments) {
  content();
  const auto before = cookie();
  try {
    return call_patiently(method, self, effect, arguments);
  } catch (const VimFault& fault) {
    if (!fault.is("NotAuthenticated")) throw;
  }
  {
    // Idle for too long, or vCenter was restarted: nothing was done.
    const std::lock_guard lock(login_);
    if (cookie() == before) log_in();
  }
  return call_patiently(method, self, effect, arguments);
}

http::ClientResponse Session::send_file(const http::ClientRequest& given) {
  content();
  for (int attempt = 1;; ++attempt) {
    auto request = given;
    request.headers["Cookie"] = cookie();
    const auto what =
        given.method + " " + given.target.substr(0, given.target.find('?')) + " at " + config_.url();
    try {
      auto response = transport_.send(config_.url(), request, true);
      if (response.status == 401) {
        const std::lock_guard lock(login_);
        log_in();
        throw Error(Fault::retryable, what + ": vCenter had forgotten the session");
      }
      if (response.status == 403)
        throw Error(Fault::forbidden, what + ": the account may not reach this datastore's files");
      if (gateway_is_busy(response.status) || response.status == 500) {
        throw Error(Fault::retryable, what + ": HTTP status " + std::to_string(response.status));
      }
      return response;
    } catch (const Error& error) {
      // Both reading a file and writing the same content once more are harmless.
      const bool again = error.fault() == Fault::retryable || error.fault() == Fault::outcome_unknown;
      if (!again || attempt == login_tries) throw;
      clock_.sleep_for(100ms * (1 << (attempt - 1)) + std::chrono::milliseconds(random_.below(100)));
    }
  }
}

std::optional<std::string> Session::get_file(const DatastoreFile& file, std::size_t max_bytes) {
  auto response = send_file({.method = "GET", .target = folder_target(file)});
  if (response.status == 404) return std::nullopt;
  if (response.status != 200) {
    throw Error(Fault::internal,
                "reading " + file.bracketed() + ": HTTP status " + std::to_string(response.status));
  }
  if (response.body.size() > max_bytes) {
    throw Error(Fault::exhausted,
                file.bracketed() + " is larger than " + std::to_string(max_bytes) + " bytes");
  }
  return std::move(response.body);
}

void Session::put_file(const DatastoreFile& file, std::string content) {
  const auto response = send_file({.method = "PUT",
                                   .target = folder_target(file),
                                   .headers = {{"Content-Type", "application/octet-stream"}},
                                   .body = std::move(content)});
  if (response.status / 100 != 2) {
    throw Error(response.status == 507 ? Fault::exhausted : Fault::internal,
                "writing " + file.bracketed() + ": HTTP status " + std::to_string(response.status));
  }
}

void Session::upload(const std::string& url, const std::string& file, const char* method) {
  // "https://*/nfc/…": the server that was asked. Any other host is an ESXi host of the cluster.
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme))
    throw Error(Fault::invalid, "vCenter wants an upload to '" + url + "', which is not HTTPS");
  const auto slash = std::min(url.find('/', scheme.size()), url.size());
  const auto host = url.substr(scheme.size(), slash - scheme.size());
  const auto origin = host == "*" ? config_.url() : std::string(scheme) + host;
  http::ClientRequest request{.method = method, .target = url.substr(slash), .body_file = file};
  request.headers = {{"Content-Type", "application/x-vnd.vmware-streamVmdk"}};
  // A ticket is in the URL; the cookie is vCenter's alone.
  if (origin == config_.url()) request.headers["Cookie"] = cookie();
  const auto response = transport_.send(origin, request, false);
  if (response.status / 100 == 2) return;
  throw Error(Fault::retryable, "uploading the stemcell's disk to " + origin + ": HTTP status " +
                                    std::to_string(response.status));
}

MoRef Session::waiting_collector() {
  content();
  if (collector_login_ == logins_) return waiting_collector_;
  dropped_.clear();
  // Made twice, one of them waits for nothing and goes with the session.
  waiting_collector_ =
      call("CreatePropertyCollector", content().property_collector, Effect::looks, {}).ref("returnval");
  collector_login_ = logins_;
  return waiting_collector_;
}

void Session::drop_later(const MoRef& filter) { dropped_.push_back(filter); }

void Session::destroy_dropped_filters() {
  for (const auto& filter : std::exchange(dropped_, {}))
    call("DestroyPropertyFilter", filter, Effect::changes, {});
}

}  // namespace slipway::cpi::vsphere
