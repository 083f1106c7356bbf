#include "health-monitor/daemon.hpp"

#include <unistd.h>

#include <atomic>

#include "base/file.hpp"
#include "base/http/server.hpp"
#include "health-monitor/bus/bus.hpp"
#include "health-monitor/detect/heartbeat_intake.hpp"
#include "health-monitor/plugins/event_log.hpp"
#include "health-monitor/plugins/prometheus.hpp"
#include "health-monitor/repair/repair_desk.hpp"
#include "health-monitor/worker.hpp"

namespace slipway::health {

using namespace std::chrono_literals;

namespace {

constexpr auto retry_pause = 1s;
constexpr auto lost_bus_limit = 20s;  // then a new identity is fetched: the bus may have another CA
constexpr JsonLimits message_limits{.max_bytes = 1u << 20, .max_depth = 16};

std::string first_line(const std::string& file) {
  const auto text = read_file(file, 1u << 16);
  return text.substr(0, text.find_first_of("\r\n"));
}

http::ClientConfig director_config(const MonitorConfig& config) {
  http::ClientConfig client;
  client.base_url = config.director_url;
  client.ca_pem = read_file(config.director_ca_file);
  client.timeout = 40s;  // long polls take 20
  client.max_response_bytes = 256u << 20;
  return client;
}

http::ServerConfig listener(const MonitorConfig& config) {
  http::ServerConfig server;
  server.address = config.listen_address;
  server.port = config.port;
  server.certificate_file = config.certificate_file;
  server.private_key_file = config.private_key_file;
  server.threads = 2;
  server.max_connections = 64;
  server.max_body_bytes = 4096;
  return server;
}

Worker::Pause milliseconds(Duration duration) { return std::chrono::ceil<std::chrono::milliseconds>(duration); }

}  // namespace

struct Daemon::Parts final : Hands {
  const MonitorConfig config;
  const Log log;
  SystemClock clock;
  SystemRandom random;
  const std::string name;  // of this process, for the lease
  DirectorClient director;
  Monitor monitor;
  Plugins plugins;
  HeartbeatIntake intake{monitor, plugins, clock, log};
  std::atomic<bool> leading{false};

  std::mutex bus_mutex;
  std::shared_ptr<Bus> bus;
  Instant identity_until{}, bus_proved{};

  std::mutex changes_mutex;
  std::set<std::string> changed;  // deployments to look at again
  bool look_at_all = true;
  Instant all_seen{};
  std::atomic<bool> fleet_known{false};

  Instant lease_until{};

  std::unique_ptr<Worker> judge, bus_keeper, inventory, lease;
  RepairDesk desk;  // what it follows may wake a worker until it is gone
  std::unique_ptr<http::Server> server;

  Parts(const MonitorConfig& c, Log l)
      : config(c),
        log(std::move(l)),
        name(random.uuid()),
        director(director_config(c), c.director_user, Secret(first_line(c.director_password_file))),
        monitor(c.monitor, *this, random),
        plugins(with_event_log(make_plugins(c.plugins, log)), log),
        desk(
            director, c.repair, [this] { return leading.load(); },
            [this](const std::string& deployment) { look_again(deployment); }, log) {
    inventory = std::make_unique<Worker>([this] { return look_at_inventory(); });
    bus_keeper = std::make_unique<Worker>([this] { return keep_bus(); });
    lease = std::make_unique<Worker>([this] { return keep_lease(); });
    judge = std::make_unique<Worker>([this] {
      monitor.step(clock.monotonic(), clock.now());
      return milliseconds(config.monitor.liveness.judge_every());
    });
    server =
        std::make_unique<http::Server>(listener(c), [this](http::Request& request) { return answer(request); }, log);
    log.info("health-monitor.ready", {{"port", std::to_string(server->port())}, {"name", name}});
  }

  ~Parts() override {
    server.reset();
    for (auto* worker : {&judge, &bus_keeper, &lease, &inventory}) (*worker)->stop();
    drop_bus();
    try {
      if (leading) director.lease(name, 0s);  // the other one need not wait
    } catch (const Error&) {
    }
  }

  std::vector<std::unique_ptr<Plugin>> with_event_log(std::vector<std::unique_ptr<Plugin>> others) {
    others.push_back(make_event_log([this](const Json& event) { director.record_event(event); }));
    return others;
  }

  // Hands
  void probe(const std::string& agent) override {
    if (const auto now = current_bus()) now->probe(agent);
  }
  void repair(const RepairOrder& order) override { desk.take(order); }
  std::vector<RepairOutcome> outcomes() override { return desk.outcomes(); }
  void tell(Notice notice) override {
    log.info("notice", {{"action", notice.action},
                        {"severity", std::to_string(notice.severity)},
                        {"deployment", notice.deployment},
                        {"instance", notice.instance},
                        {"title", notice.title},
                        {"summary", notice.summary}});
    plugins.tell(notice);
  }

  // The bus.
  std::shared_ptr<Bus> current_bus() {
    std::lock_guard lock(bus_mutex);
    return bus;
  }

  void drop_bus() {
    std::shared_ptr<Bus> old;
    std::lock_guard lock(bus_mutex);
    old.swap(bus);
  }

  Bus::Ears ears() {
    return {.heartbeat = [this](std::string_view agent, std::string_view payload) { intake.take(agent, payload); },
            .alert =
                [this](std::string_view agent, std::string_view payload) {
                  with_json(payload,
                            [&](const Json& json) { monitor.alert_of(std::string(agent), json, clock.now()); });
                },
            .shutdown = [this](std::string_view agent,
                               std::string_view) { monitor.shutdown_of(std::string(agent), clock.now()); },
            .director_alert =
                [this](std::string_view payload) {
                  with_json(payload, [&](const Json& json) { monitor.alert_of("director", json, clock.now()); });
                },
            .changed =
                [this](std::string_view payload) { with_json(payload, [&](const Json& json) { hear_change(json); }); },
            // However short: agents lost their connections with us, and some take longer to be back.
            .interrupted =
                [this] {
                  monitor.liveness().forgive(clock.monotonic());
                  look_again("");
                }};
  }

  template <class Use>
  void with_json(std::string_view payload, Use&& use) {
    try {
      const auto json = parse_json(payload, "message", message_limits);
      if (json.is_object()) use(json);
    } catch (const Error& error) {
      log.debug("bus.rubbish", {{"error", error.what()}});
    }
  }

  // {"deployment", "locked"}, {"resurrection_paused"}, or another key: then everything may be different.
  void hear_change(const Json& json) {
    const auto paused = json.find("resurrection_paused");
    if (paused != json.end() && paused->is_boolean()) return monitor.set_paused(paused->get<bool>());
    const auto deployment = json.find("deployment");
    if (deployment == json.end() || !deployment->is_string()) return look_again("");
    const auto named = deployment->get<std::string>();
    const auto locked = json.find("locked");
    if (locked != json.end() && locked->is_boolean()) {
      // Its lock is let go only after it was looked at: else it would be judged by what was.
      if (locked->get<bool>()) return monitor.set_locked(named, true);
    }
    look_again(named);
  }

  Worker::Pause keep_bus() {
    const auto now = clock.monotonic();
    const auto have = current_bus();
    if (have && now < identity_until && now - bus_proved < lost_bus_limit) {
      const auto begun = clock.monotonic();
      if (have->round_trip(milliseconds(config.monitor.liveness.timeout / 3))) {
        monitor.liveness().bus_proved(begun);
        bus_proved = clock.monotonic();
      }
      return milliseconds(config.monitor.liveness.ear_check_every());
    }
    try {
      const auto identity = director.bus_identity();
      auto fresh = std::make_shared<Bus>(identity, ears(), log);
      {
        std::lock_guard lock(bus_mutex);
        bus.swap(fresh);
      }
      identity_until = clock.monotonic() + identity.lifetime / 2;
      bus_proved = clock.monotonic();
      log.info("bus.connected", {{"url", identity.url}});
      look_again("");  // what was told meanwhile was not heard
      return 0ms;
    } catch (const std::exception& error) {
      log.warn("bus.not_connected", {{"error", error.what()}});
      if (have && now < identity_until) bus_proved = now;  // the old one goes on trying
      return retry_pause;
    }
  }

  // What the director says shall be there.
  void look_again(const std::string& deployment) {
    {
      std::lock_guard lock(changes_mutex);
      if (deployment.empty())
        look_at_all = true;
      else
        changed.insert(deployment);
    }
    if (inventory) inventory->wake();
  }

  Worker::Pause look_at_inventory() {
    std::set<std::string> those;
    const auto now = clock.monotonic();
    bool all = false;
    {
      std::lock_guard lock(changes_mutex);
      those.swap(changed);
      all = std::exchange(look_at_all, false) || now - all_seen >= std::chrono::seconds(config.poll_seconds);
    }
    try {
      for (const auto& deployment : those) {
        if (all) break;
        auto seen = director.deployment(deployment);
        if (seen)
          monitor.learn(std::move(*seen), clock.monotonic());
        else
          all = true;
      }
      if (all) {
        monitor.learn(director.fleet(), clock.monotonic());
        all_seen = clock.monotonic();
        fleet_known = true;
      }
      return std::chrono::seconds(config.poll_seconds);
    } catch (const std::exception& error) {
      log.warn("inventory.unknown", {{"error", error.what()}});
      std::lock_guard lock(changes_mutex);
      changed.merge(those);
      look_at_all = look_at_all || all;
      return retry_pause;
    }
  }

  // Who acts. A lease that could not be renewed in time has ended for us no later than for the director.
  Worker::Pause keep_lease() {
    const auto duration = std::chrono::seconds(config.lease_seconds);
    const auto asked = clock.monotonic();
    bool yours = false;
    try {
      const auto answer = director.lease(name, duration);
      yours = answer.yours;
      monitor.set_paused(answer.paused);
      lease_until = yours ? asked + duration : Instant{};
    } catch (const std::exception& error) {
      log.warn("lease.not_renewed", {{"error", error.what()}});
      yours = clock.monotonic() < lease_until;
    }
    if (yours != leading) log.info(yours ? "lease.taken" : "lease.lost", {{"name", name}});
    leading = yours;
    monitor.set_leading(yours, clock.monotonic());
    return std::min<Worker::Pause>(milliseconds(duration) / 3, 3s);
  }

  http::Response answer(http::Request& request) {
    if (request.method != "GET") return http::Response::text(405, "only GET\n");
    if (request.path == "/healthz") return http::Response::text(200, "ok\n");
    if (request.path == "/readyz") {
      const auto figures = monitor.figures();
      const bool ready = fleet_known && !figures.deaf;
      return http::Response::text(ready ? 200 : 503, ready ? "ready\n" : "not yet: director or bus not reached\n");
    }
    if (request.path == "/metrics") {
      return http::Response::text(200, prometheus_text(monitor.figures(), plugins.counts()),
                                  "text/plain; version=0.0.4");
    }
    return http::Response::text(404, "there are /metrics, /healthz and /readyz\n");
  }
};

Daemon::Daemon(const MonitorConfig& config, Log log) : parts_(std::make_unique<Parts>(config, std::move(log))) {}

Daemon::~Daemon() = default;

}  // namespace slipway::health
