#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/http/server.hpp"
#include "base/tls.hpp"
#include "test/authority.hpp"

namespace slipway::cli {

// A director that deploys nothing but keeps the books as the real one does, and is stricter:
// two tasks at once on one deployment, an order given twice, a wrong password, a delete that
// leaves disks or a version that is not exact are noted as violations. A task makes a step each time it is
// looked at.
class FakeDirector {
 public:
  static constexpr const char* user = "admin";
  static constexpr const char* password = "director-secret";

  FakeDirector();
  ~FakeDirector();
  std::string url() const;
  std::string ca_pem() const { return authority_.ca().certificate_pem; }

  void hold(bool on);                              // tasks stand still
  void hold_begun(bool on);                        // tasks stand still once their first instance has begun
  void be_away(bool on);                           // every answer is 503
  void fail_tasks(bool on);                        // tasks end as error
  void fail_tasks_of(const std::string& context);  // those whose manifest has this text end as error
  void upload(const std::string& name,
              const std::string& version);  // a release, or a stemcell's operating system
  // As a health monitor tells it, of the only deployment; the newest comes first.
  void tell_of_repair(const std::string& action, const std::string& instance, const std::string& reason);
  void forget_tasks();                      // as after a restore from backup
  void wait_for_tasks(std::size_t count);   // until so many were submitted
  std::size_t submitted();
  std::vector<std::string> violations();
  std::set<std::string> deployments();
  std::size_t instances_of_only_deployment();
  // What it has as a certificate variable of that name, of any deployment: {ca, certificate, private_key}.
  // Made when it is asked for first.
  Json certificate(const std::string& name);
  const tls::KeyPair& cluster_ca() const { return cluster_ca_; }  // which signs those
  Json manifest_of_only_deployment();                             // null unless there is one deployment

 private:
  struct Task {
    std::int64_t id = 0;
    std::string state = "processing", kind, deployment, context, result, events;
    int nodes = 0;
    Json manifest;
    int steps = 0;
    std::uint64_t version = 1;
    bool stopping = false;  // to end between two instances
    bool is_final() const { return state == "done" || state == "error" || state == "cancelled"; }
  };
  http::Response guarded(http::Request& request, const http::Handler& handler);
  http::Response deploy(http::Request& request);
  http::Response remove(http::Request& request);
  http::Response submit(Task task, const http::Request& request);
  http::Response show(const http::Request& request);
  http::Response list(const http::Request& request);
  http::Response output(const http::Request& request);
  http::Response instances(const http::Request& request);
  http::Response variable(const http::Request& request);
  http::Response certificate_expiry(const http::Request& request);
  http::Response releases(const http::Request& request);
  http::Response events(const http::Request& request);
  http::Response stemcells(const http::Request& request);
  void check_versions(const Json& manifest);
  http::Response cancel(const http::Request& request);
  void step(Task& task);
  bool stands_still(const Task& task) const { return held_ || (held_begun_ && task.steps > 0); }
  void finish(Task& task);
  static Json to_json(const Task& task);
  Json certificate_of(const std::string& name);

  std::string folder_;
  SystemClock clock_;
  const test::Authority authority_{"director CA"};
  tls::KeyPair cluster_ca_;
  std::map<std::string, Json> certificates_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, Task> tasks_;
  std::map<std::string, Json> deployments_;  // name, manifest
  std::set<std::string> contexts_;
  std::vector<std::string> violations_;
  Json events_ = Json::array();
  std::map<std::string, std::vector<std::string>> releases_ = {{"etcd", {"1.9", "1.10"}},
                                                               {"kubernetes", {"1.34.2"}}};
  std::map<std::string, std::vector<std::string>> stemcells_ = {{"debian-bookworm", {"1.1"}}};
  std::string failing_text_;
  std::size_t submitted_ = 0;
  std::int64_t last_id_ = 0;
  bool held_ = false, held_begun_ = false, away_ = false, failing_ = false;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace slipway::cli
