#include <memory>
#include <mutex>

#include "director/api/routes.hpp"

namespace slipway::director::api {
namespace {

constexpr std::int64_t longest_lease_seconds = 300;

// Which of several health monitors acts. Kept in memory: after a restart of the director whoever asks first
// has it, and what the former one still asks for is looked at again under the deployment's lock.
class MonitorLease {
 public:
  struct Answer {
    bool yours = false;
    std::string holder;
    Duration left{};
  };
  Answer take(const std::string& who, Duration duration, Instant now) {
    std::lock_guard lock(mutex_);
    if (holder_.empty() || holder_ == who || now >= until_) {
      holder_ = who;
      until_ = now + duration;
    }
    return {holder_ == who, holder_, until_ - now};
  }
  void let_go(const std::string& who) {
    std::lock_guard lock(mutex_);
    if (holder_ == who) holder_.clear();
  }

 private:
  std::mutex mutex_;
  std::string holder_;
  Instant until_{};
};

Response lease(ApiServices& services, MonitorLease& lease, const Request& request) {
  const auto body = request.json_body(1u << 16);
  Problems problems;
  JsonReader in(body, "request", problems);
  const auto holder = in.string("holder");
  const auto seconds = in.integer("seconds", 0, longest_lease_seconds);
  if (holder.empty() || holder.size() > 200) problems.add("holder", "a name of 1 to 200 characters is needed");
  problems.throw_if_any("lease");
  const bool paused = services.stores.attributes.resurrection_paused();
  if (seconds == 0) {
    lease.let_go(holder);
    return Response::json(200,
                          {{"yours", false}, {"holder", ""}, {"seconds_left", 0}, {"resurrection_paused", paused}});
  }
  const auto answer = lease.take(holder, std::chrono::seconds(seconds), services.clock.monotonic());
  return Response::json(200, {{"yours", answer.yours},
                              {"holder", answer.holder},
                              {"resurrection_paused", paused},
                              {"seconds_left", std::chrono::duration_cast<std::chrono::seconds>(answer.left).count()}});
}

}  // namespace

// Ours; BOSH's health monitor has its certificate from the operator, and there is one of it.
void add_health_monitor_routes(Routes& routes, ApiServices& services) {
  routes.add("POST", "/health_monitor/bus_identity", Need::health_monitor,
             [&](Request&, const Caller&) { return Response::json(200, services.issue_monitor_identity()); });
  auto held = std::make_shared<MonitorLease>();
  routes.add("PUT", "/health_monitor/lease", Need::health_monitor,
             [&services, held](Request& request, const Caller&) { return lease(services, *held, request); });
}

}  // namespace slipway::director::api
