#include "health-monitor/rounds.hpp"

namespace slipway::health {

using namespace std::chrono_literals;

namespace {

constexpr auto round_retry_pause = 1s;
constexpr auto lost_bus_limit = 20s;  // then a new identity is fetched: the bus may have another CA
constexpr JsonLimits message_limits{.max_bytes = 1u << 20, .max_depth = 16};

Rounds::Pause milliseconds(Duration duration) { return std::chrono::ceil<std::chrono::milliseconds>(duration); }

}  // namespace

Rounds::Rounds(RoundsSettings settings, RoundsWires wires, std::unique_ptr<Executor> repairs)
    : settings_(std::move(settings)),
      wires_(std::move(wires)),
      monitor_(settings_.monitor, *this, wires_.random),
      intake_(monitor_, wires_.plugins, wires_.clock, wires_.log),
      desk_(
          wires_.director, settings_.repair, wires_.clock, std::move(repairs), [this] { return leading_.load(); },
          [this](const std::string& deployment) { look_again(deployment); }, wires_.log) {}

Rounds::~Rounds() = default;

Rounds::Pause Rounds::judge() {
  monitor_.step(wires_.clock.monotonic(), wires_.clock.now());
  return milliseconds(settings_.monitor.liveness.judge_every());
}

void Rounds::probe(const std::string& agent) {
  if (const auto now = current_bus()) now->probe(agent);
}

void Rounds::tell(Notice notice) {
  wires_.log.info("notice", {{"action", notice.action},
                      {"severity", std::to_string(notice.severity)},
                      {"deployment", notice.deployment},
                      {"instance", notice.instance},
                      {"title", notice.title},
                      {"summary", notice.summary}});
  wires_.tell(notice);
}

// The bus.
std::shared_ptr<Bus> Rounds::current_bus() {
  std::lock_guard lock(bus_mutex_);
  return bus_;
}

void Rounds::drop_bus() {
  std::shared_ptr<Bus> old;
  std::lock_guard lock(bus_mutex_);
  old.swap(bus_);
}

Bus::Ears Rounds::ears() {
  return {.heartbeat = [this](std::string_view agent, std::string_view payload) { intake_.take(agent, payload); },
          .alert =
              [this](std::string_view agent, std::string_view payload) {
                with_json(payload,
                          [&](const Json& json) { monitor_.alert_of(std::string(agent), json, wires_.clock.now()); });
              },
          .shutdown = [this](std::string_view agent,
                             std::string_view) { monitor_.shutdown_of(std::string(agent), wires_.clock.now()); },
          .director_alert =
              [this](std::string_view payload) {
                with_json(payload, [&](const Json& json) { monitor_.alert_of("director", json, wires_.clock.now()); });
              },
          .changed =
              [this](std::string_view payload) { with_json(payload, [&](const Json& json) { hear_change(json); }); },
          // However short: agents lost their connections with us, and some take longer to be back.
          .interrupted =
              [this] {
                monitor_.liveness().forgive(wires_.clock.monotonic());
                look_again("");
              }};
}

void Rounds::with_json(std::string_view payload, const std::function<void(const Json&)>& use) {
  try {
    const auto json = parse_json(payload, "message", message_limits);
    if (json.is_object()) use(json);
  } catch (const Error& error) {
    wires_.log.debug("bus.rubbish", {{"error", error.what()}});
  }
}

// {"deployment", "locked"}, {"resurrection_paused"}, or another key: then everything may be different.
void Rounds::hear_change(const Json& json) {
  const auto paused = json.find("resurrection_paused");
  if (paused != json.end() && paused->is_boolean()) return monitor_.set_paused(paused->get<bool>());
  const auto deployment = json.find("deployment");
  if (deployment == json.end() || !deployment->is_string()) return look_again("");
  const auto named = deployment->get<std::string>();
  const auto locked = json.find("locked");
  if (locked != json.end() && locked->is_boolean()) {
    // Its lock is let go only after it was looked at: else it would be judged by what was.
    if (locked->get<bool>()) return monitor_.set_locked(named, true);
  }
  look_again(named);
}

Rounds::Pause Rounds::keep_bus() {
  const auto now = wires_.clock.monotonic();
  const auto have = current_bus();
  if (have && now < identity_until_ && now - bus_proved_ < lost_bus_limit) {
    const auto begun = wires_.clock.monotonic();
    if (have->round_trip(milliseconds(settings_.monitor.liveness.timeout / 3))) {
      monitor_.liveness().bus_proved(begun);
      bus_proved_ = wires_.clock.monotonic();
    }
    return milliseconds(settings_.monitor.liveness.ear_check_every());
  }
  try {
    const auto identity = wires_.director.bus_identity();
    auto fresh = wires_.connect(identity, ears());
    {
      std::lock_guard lock(bus_mutex_);
      bus_.swap(fresh);
    }
    identity_until_ = wires_.clock.monotonic() + identity.lifetime / 2;
    bus_proved_ = wires_.clock.monotonic();
    wires_.log.info("bus.connected", {{"url", identity.url}});
    look_again("");  // what was told meanwhile was not heard
    return 0ms;
  } catch (const std::exception& error) {
    wires_.log.warn("bus.not_connected", {{"error", error.what()}});
    if (have && now < identity_until_) bus_proved_ = now;  // the old one goes on trying
    return round_retry_pause;
  }
}

// What the director says shall be there.
void Rounds::look_again(const std::string& deployment) {
  {
    std::lock_guard lock(changes_mutex_);
    if (deployment.empty())
      look_at_all_ = true;
    else
      changed_.insert(deployment);
  }
  wires_.wake_inventory();
}

Rounds::Pause Rounds::look_at_inventory() {
  std::set<std::string> those;
  const auto now = wires_.clock.monotonic();
  bool all = false;
  {
    std::lock_guard lock(changes_mutex_);
    those.swap(changed_);
    all = std::exchange(look_at_all_, false) || now - all_seen_ >= settings_.poll;
  }
  try {
    for (const auto& deployment : those) {
      if (all) break;
      auto seen = wires_.director.deployment(deployment);
      if (seen)
        monitor_.learn(std::move(*seen), wires_.clock.monotonic());
      else
        all = true;
    }
    if (all) {
      monitor_.learn(wires_.director.fleet(), wires_.clock.monotonic());
      all_seen_ = wires_.clock.monotonic();
      fleet_known_ = true;
    }
    return settings_.poll;
  } catch (const std::exception& error) {
    wires_.log.warn("inventory.unknown", {{"error", error.what()}});
    std::lock_guard lock(changes_mutex_);
    changed_.merge(those);
    look_at_all_ = look_at_all_ || all;
    return round_retry_pause;
  }
}

// Who acts. A lease that could not be renewed in time has ended for us no later than for the director.
Rounds::Pause Rounds::keep_lease() {
  const auto duration = settings_.lease;
  const auto asked = wires_.clock.monotonic();
  bool yours = false;
  try {
    const auto answer = wires_.director.lease(wires_.name, duration);
    yours = answer.yours;
    monitor_.set_paused(answer.paused);
    lease_until_ = yours ? asked + duration : Instant{};
  } catch (const std::exception& error) {
    wires_.log.warn("lease.not_renewed", {{"error", error.what()}});
    yours = wires_.clock.monotonic() < lease_until_;
  }
  if (yours != leading_) wires_.log.info(yours ? "lease.taken" : "lease.lost", {{"name", wires_.name}});
  leading_ = yours;
  monitor_.set_leading(yours, wires_.clock.monotonic());
  return std::min<Pause>(milliseconds(duration) / 3, 3s);
}

// The other one need not wait for its end.
void Rounds::give_up_lease() {
  try {
    if (leading_) wires_.director.lease(wires_.name, 0s);
  } catch (const Error&) {
  }
}

}  // namespace slipway::health
