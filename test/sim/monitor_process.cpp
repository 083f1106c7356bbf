#include "test/sim/monitor_process.hpp"

#include "health-monitor/rounds.hpp"

namespace slipway::sim {

using namespace health;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 40s;  // with an answer of the director

[[noreturn]] void throw_death() { throw Error(Fault::cancelled, "the monitor is dead"); }

class BusOverNetwork final : public Bus {
 public:
  BusOverNetwork(Network& network, std::size_t number, Clock& clock, Ears ears)
      : network_(network), number_(number), clock_(clock) {
    network_.listen(number_, std::make_shared<Ears>(std::move(ears)));
  }
  void probe(const std::string& agent) override { network_.probe(number_, agent); }
  bool round_trip(std::chrono::milliseconds limit) override { return network_.round_trip(number_, clock_, limit); }

 private:
  Network& network_;
  const std::size_t number_;
  Clock& clock_;
};

}  // namespace

struct MonitorProcess::Life : std::enable_shared_from_this<Life> {
  MonitorProcess& process;
  const std::string name;
  bool alive = true;
  ProcessClock clock{process.time_, [this] {
                       if (!alive) throw_death();
                     }};
  Dice random;
  DirectorClient director;
  Plugins plugins{{}, Log::discard()};
  Signal inventory_due;
  std::unique_ptr<Rounds> rounds;

  // The desk's threads.
  class Threads final : public Executor {
   public:
    explicit Threads(Life& life) : life_(life) {}
    bool try_submit(std::function<void()> job) override {
      life_.in_thread("/desk", std::move(job));
      return true;
    }

   private:
    Life& life_;
  };

  Life(MonitorProcess& the_process, int number)
      : process(the_process),
        name("monitor-" + std::to_string(process.number_ + 1) + "." + std::to_string(number)),
        random(process.seed_, 5000 + 100 * process.number_ + static_cast<std::uint64_t>(number)),
        director([this](const http::ClientRequest& request) { return process.send(*this, request); }, Secret("")),
        inventory_due(process.time_, name + "/inventory") {
    RoundsSettings settings;
    settings.monitor.liveness = process.liveness_;
    settings.monitor.ladder.backoff_most = 2min;
    settings.repair.reboot_wait = 30s;
    rounds = std::make_unique<Rounds>(settings, wires(), std::make_unique<Threads>(*this));
  }

  RoundsWires wires() {
    return {.name = name,
            .director = director,
            .connect =
                [this](const BusIdentity&, Bus::Ears ears) -> std::shared_ptr<Bus> {
              if (!process.network_.bus_served || process.network_.monitor_cut[process.number_])
                throw Error(Fault::retryable, "the bus does not answer");
              return std::make_shared<BusOverNetwork>(process.network_, process.number_, clock, std::move(ears));
            },
            .clock = clock,
            .random = random,
            .plugins = plugins,
            .tell =
                [this](const Notice& notice) {
                  process.trace_.line(process.time_.now(), name,
                                      notice.action + ": " + notice.title + " (" + notice.summary + ")");
                },
            .wake_inventory = [this] { inventory_due.raise(); },
            .log = Log::discard()};
  }

  void run() {
    in_thread("/bus", [this] { repeat([this] { return rounds->keep_bus(); }); });
    in_thread("/lease", [this] { repeat([this] { return rounds->keep_lease(); }); });
    in_thread("/inventory", [this] {
      while (alive) {
        const auto seen = inventory_due.count();
        const auto pause = rounds->look_at_inventory();
        inventory_due.wait(seen, pause);
      }
    });
    judge();
  }

  void repeat(const std::function<Rounds::Pause()>& round) {
    while (alive) clock.sleep_for(std::max<Duration>(round(), 1ms));
  }

  // It waits for nothing, so it needs no thread.
  void judge() {
    if (!alive) return;
    const auto pause = rounds->judge();
    process.time_.after(pause, [self = shared_from_this()] { self->judge(); });
  }

  void in_thread(const std::string& owner, std::function<void()> body) {
    process.time_.start(name + owner, [self = shared_from_this(), body = std::move(body)] {
      try {
        body();
      } catch (const Error&) {
        if (self->alive) throw;
      }
    });
  }
};

MonitorProcess::MonitorProcess(VirtualTime& time, Trace& trace, Network& network, DirectorProcess& director,
                               LivenessSettings liveness, std::size_t number, std::uint64_t seed)
    : time_(time),
      trace_(trace),
      network_(network),
      director_(director),
      liveness_(liveness),
      number_(number),
      seed_(seed),
      dice_(seed, 20 + number) {}

MonitorProcess::~MonitorProcess() = default;

bool MonitorProcess::lives() const { return life_ && life_->alive; }

Monitor::Figures MonitorProcess::figures() const { return life_->rounds->monitor().figures(); }

void MonitorProcess::start() {
  if (lives()) return;
  life_ = std::make_shared<Life>(*this, ++lives_);
  trace_.line(time_.now(), life_->name, "starts");
  life_->run();
}

void MonitorProcess::kill() {
  if (!lives()) return;
  trace_.line(time_.now(), life_->name, "dies");
  life_->alive = false;
  network_.listen(number_, nullptr);
  time_.wake_all(life_->name);
}

void MonitorProcess::kill_at(int request, bool after, std::function<void()> then) {
  requests_left_ = request;
  dies_after_ = after;
  then_ = std::move(then);
}

// Requests and responses are lost, late and sent twice as everything is.
http::ClientResponse MonitorProcess::send(Life& life, const http::ClientRequest& request) {
  auto& clock = life.clock;
  const auto& losses = network_.losses;
  if (network_.rest_cut[number_] || dice_.chance(losses.lost / 2)) {
    clock.sleep_for(5s);
    throw Error(Fault::retryable, "the director does not answer");
  }
  clock.sleep_for(dice_.chance(losses.late) ? dice_.between(100ms, 5s) : dice_.between(1ms, 10ms));
  const bool dies = &life == life_.get() && requests_left_ > 0 && --requests_left_ == 0;
  const auto die = [&] {
    kill();
    then_();
    throw_death();
  };
  if (dies && !dies_after_) die();
  const bool answer_is_lost = dice_.chance(losses.lost / 2), twice = dice_.chance(losses.doubled);
  auto response = director_.serve(request, "monitor", "bosh.read slipway.health_monitor");
  if (twice) response = director_.serve(request, "monitor", "bosh.read slipway.health_monitor");
  if (dies) die();
  if (answer_is_lost || network_.rest_cut[number_]) {
    clock.sleep_for(patience);
    throw Error(Fault::outcome_unknown, "the director's answer did not come");
  }
  clock.sleep_for(dice_.between(1ms, 10ms));
  return response;
}

}  // namespace slipway::sim
