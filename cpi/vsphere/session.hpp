#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "cpi/vsphere/config.hpp"
#include "cpi/vsphere/soap/envelope.hpp"
#include "cpi/vsphere/transport.hpp"

namespace slipway::cpi::vsphere {

// The managers of one vCenter, as its ServiceContent names them.
struct ServiceContent {
  MoRef root_folder, property_collector, session_manager, search_index, file_manager, virtual_disk_manager,
      custom_fields_manager, ovf_manager;
};

// What a call does when its answer is lost: one that only looks is repeated; one that watches is for its
// caller to begin anew.
enum class Effect { looks, watches, changes };

// One login at a vCenter. Logs in when first used and again when vCenter has forgotten the session; logs out
// when it is destroyed. What only looks is tried again, with growing pauses, while vCenter is busy or out of
// reach; what changes something only when it surely did not arrive. call() may be used by several threads;
// waiting on the property collector (properties.hpp) by one at a time.
//
// Errors name the method and the address, never the password or the cookie.
class Session {
 public:
  Session(const VsphereConfig& config, Transport& transport, Clock& clock, Random& random, const Log& log);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const ServiceContent& content();

  // The <METHODResponse>. Throws VimFault; Fault::retryable when vCenter did not get the call;
  // Fault::outcome_unknown when it may have.
  XmlIn call(const char* method, const MoRef& self, Effect effect, const Arguments& arguments);

  // Files on datastores, by HTTPS. `datacenter` is its inventory path.
  struct DatastoreFile {
    std::string datacenter, datastore, path;
    std::string bracketed() const { return "[" + datastore + "] " + path; }
  };
  std::optional<std::string> get_file(const DatastoreFile& file, std::size_t max_bytes);
  void put_file(const DatastoreFile& file, std::string content);

  // Sends a file to the URL of an upload lease, streaming.
  void upload(const std::string& url, const std::string& file, const char* method);

  // A property collector for waiting; the common one would keep other sessions waiting as well. Anew with
  // each login.
  MoRef waiting_collector();
  // Property filters that are no longer wanted; destroyed when the session is kept for the next call.
  void drop_later(const MoRef& filter);
  void destroy_dropped_filters();
  bool is_usable() const { return !broken_; }
  int logins() const { return logins_; }  // filters of an earlier login are gone

  const VsphereConfig& config() const { return config_; }
  Clock& clock() { return clock_; }
  Random& random() { return random_; }
  const Log& log() const { return log_; }

 private:
  http::ClientResponse post(const char* method, const std::string& body, Effect effect);
  XmlIn call_once(const char* method, const MoRef& self, Effect effect, const Arguments& arguments);
  XmlIn call_patiently(const char* method, const MoRef& self, Effect effect, const Arguments& arguments);
  void log_in();
  std::string cookie() const;
  http::ClientResponse send_file(const http::ClientRequest& request);

  const VsphereConfig& config_;
  Transport& transport_;
  Clock& clock_;
  Random& random_;
  const Log& log_;
  mutable std::mutex mutex_;  // guards cookie_
  Secret cookie_;
  std::mutex login_;  // one thread logs in
  std::optional<ServiceContent> content_;
  MoRef waiting_collector_;
  int collector_login_ = -1;
  std::vector<MoRef> dropped_;
  std::atomic<bool> broken_ = false;
  std::atomic<int> logins_ = 0;
};

}  // namespace slipway::cpi::vsphere
