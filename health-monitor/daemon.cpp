#include "health-monitor/daemon.hpp"

#include <unistd.h>

#include "base/file.hpp"
#include "base/http/server.hpp"
#include "health-monitor/plugins/event_log.hpp"
#include "health-monitor/plugins/prometheus.hpp"
#include "health-monitor/rounds.hpp"
#include "health-monitor/worker.hpp"

namespace slipway::health {

using namespace std::chrono_literals;

namespace {

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

}  // namespace

// The rounds on threads, over real wires.
struct Daemon::Parts {
  const MonitorConfig config;
  const Log log;
  SystemClock clock;
  SystemRandom random;
  DirectorClient director;
  Plugins plugins;
  std::unique_ptr<Worker> judge, bus_keeper, inventory, lease;
  Rounds rounds;  // what it follows may wake a worker until it is gone
  std::unique_ptr<http::Server> server;

  Parts(const MonitorConfig& c, Log l)
      : config(c),
        log(std::move(l)),
        director(director_config(c), c.director_user, Secret(first_line(c.director_password_file))),
        plugins(with_event_log(make_plugins(c.plugins, log)), log),
        rounds({.monitor = c.monitor,
                .repair = c.repair,
                .poll = std::chrono::seconds(c.poll_seconds),
                .lease = std::chrono::seconds(c.lease_seconds)},
               wires(), std::make_unique<ThreadPool>(RepairDesk::at_once)) {
    inventory = std::make_unique<Worker>([this] { return rounds.look_at_inventory(); });
    bus_keeper = std::make_unique<Worker>([this] { return rounds.keep_bus(); });
    lease = std::make_unique<Worker>([this] { return rounds.keep_lease(); });
    judge = std::make_unique<Worker>([this] { return rounds.judge(); });
    server =
        std::make_unique<http::Server>(listener(c), [this](http::Request& request) { return answer(request); }, log);
    log.info("health-monitor.ready", {{"port", std::to_string(server->port())}});
  }

  ~Parts() {
    server.reset();
    for (auto* worker : {&judge, &bus_keeper, &lease, &inventory}) (*worker)->stop();
    rounds.drop_bus();
    rounds.give_up_lease();
  }

  RoundsWires wires() {
    return {.name = random.uuid(),
            .director = director,
            .connect =
                [this](const BusIdentity& identity, Bus::Ears ears) {
                  return std::make_shared<NatsBus>(identity, std::move(ears), log);
                },
            .clock = clock,
            .random = random,
            .plugins = plugins,
            .tell = [this](const Notice& notice) { plugins.tell(notice); },
            .wake_inventory =
                [this] {
                  if (inventory) inventory->wake();
                },
            .log = log};
  }

  std::vector<std::unique_ptr<Plugin>> with_event_log(std::vector<std::unique_ptr<Plugin>> others) {
    others.push_back(make_event_log([this](const Json& event) { director.record_event(event); }));
    return others;
  }

  http::Response answer(http::Request& request) {
    if (request.method != "GET") return http::Response::text(405, "only GET\n");
    if (request.path == "/healthz") return http::Response::text(200, "ok\n");
    if (request.path == "/readyz") {
      const auto figures = rounds.monitor().figures();
      const bool ready = rounds.fleet_known() && !figures.deaf;
      return http::Response::text(ready ? 200 : 503, ready ? "ready\n" : "not yet: director or bus not reached\n");
    }
    if (request.path == "/metrics") {
      return http::Response::text(200, prometheus_text(rounds.monitor().figures(), plugins.counts()),
                                  "text/plain; version=0.0.4");
    }
    return http::Response::text(404, "there are /metrics, /healthz and /readyz\n");
  }
};

Daemon::Daemon(const MonitorConfig& config, Log log) : parts_(std::make_unique<Parts>(config, std::move(log))) {}

Daemon::~Daemon() = default;

}  // namespace slipway::health
