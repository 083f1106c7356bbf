#include "test/sim/director_process.hpp"

#include "base/digest.hpp"
#include "base/tls.hpp"
#include "director/api/director_api.hpp"
#include "director/api/fixture.hpp"
#include "director/executor/care/care_tasks.hpp"
#include "director/executor/instance_tasks.hpp"
#include "director/executor/problems/problem_tasks.hpp"
#include "test/scenario/director/mortal_wires.hpp"

namespace slipway::sim {

using namespace director;
using namespace std::chrono_literals;

namespace {

constexpr auto heartbeat = 30s;  // of the queue, and of its locks
constexpr auto idle_for = 20s;   // at most, when nobody says that there is work
constexpr std::size_t workers = 3, urgent_workers = 1;

// Nobody can sign in by the bus in here: who asks is told apart by a token, as pks-api's users are.
const tls::RsaKey& token_key() {
  static const auto made = tls::create_rsa_key();
  return made;
}

std::string token(const std::string& user, const std::string& scope) {
  const Json claims = {{"user_name", user}, {"scope", scope}, {"exp", 10'000'000'000}};
  const auto message = base64url_encode(R"({"alg":"RS256"})") + "." + base64url_encode(claims.dump());
  return message + "." + base64url_encode(tls::rs256_sign(token_key().private_key_pem, message));
}

const std::string& cached_token(const std::string& user, const std::string& scope) {
  static std::mutex mutex;
  static std::map<std::string, std::string> tokens;
  const std::lock_guard lock(mutex);
  auto& made = tokens[user];
  if (made.empty()) made = token(user, scope);
  return made;
}

// Not for two threads otherwise; in here only one runs.
std::string life_name(int number) { return "director-" + std::to_string(number); }

http::Request as_received(const http::ClientRequest& sent, const std::string& user, const std::string& scope) {
  http::Request request;
  request.method = sent.method;
  request.target = sent.target;
  const auto question = sent.target.find('?');
  request.path = http::url_decode(sent.target.substr(0, question));
  if (question != std::string::npos) request.query = http::parse_query(sent.target.substr(question + 1));
  request.headers = sent.headers;
  request.headers["Authorization"] = "bearer " + cached_token(user, scope);
  request.body = std::make_shared<TextReader>(sent.body);
  return request;
}

http::ClientResponse as_received(const http::Response& response) {
  http::ClientResponse received{.status = response.status, .headers = response.headers};
  if (const auto* text = std::get_if<std::string>(&response.body)) received.body = *text;
  return received;
}

// The bus between a life and the agents.
class AgentsOverNetwork final : public AgentClient {
 public:
  AgentsOverNetwork(Network& network, Clock& clock) : network_(network), clock_(clock) {}
  Json request(const AgentId& agent, const std::string& method, const Json& arguments,
               std::chrono::milliseconds timeout, const std::string& request_id = {}) override {
    return network_.request(clock_, agent, method, arguments, timeout, request_id);
  }
  void post(const AgentId& agent, const std::string& method, const Json& arguments) override {
    try {
      network_.request(clock_, agent, method, arguments, 20ms);
    } catch (const Error& error) {
      if (error.fault() == Fault::cancelled) throw;
    }
  }
  bool wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) override {
    return network_.wait_for_life(clock_, agent, timeout);
  }

 private:
  Network& network_;
  Clock& clock_;
};

}  // namespace

struct DirectorProcess::Life : std::enable_shared_from_this<Life> {
  DirectorProcess& process;
  const int number;
  const std::string name = life_name(number);
  test::DirectorWorld& ground;
  test::Mortality fate;
  ProcessClock clock{process.time_, [this] { fate.require_alive(); }};
  Dice random;
  Dice pauses;  // of the store
  sql::Database database;
  Stores stores;
  Locks locks;
  Blobstore blobs;
  cpi::SimulatedCpi cloud;
  cpi::InterposedCpi hosts;  // the cloud's hosts may be down
  test::SimulatedCpis plain_cpis;
  test::MortalCpis cpis;
  AgentsOverNetwork plain_agents;
  test::MortalAgents agents;
  test::MortalAccess access;
  JobTemplateCache templates;
  Services services;
  Tasks tasks;
  TaskQueue queue;
  RecurringTasks recurring;
  UploadFolder uploads;
  DirectorApi api;
  bool ready = false;  // to be asked by clients
  Signal work{process.time_, name + "/work"};

  Life(DirectorProcess& the_process, int the_number)
      : process(the_process),
        number(the_number),
        ground(process.ground_),
        random(process.seed_, 1000 + static_cast<std::uint64_t>(the_number)),
        pauses(process.seed_, 3000 + static_cast<std::uint64_t>(the_number)),
        database("sqlite://" + (ground.folder.path() / "director.db").string(), 2),
        stores(database, Secret(test::store_key)),
        locks(database, clock, name, Locks::Renewal::by_owner),
        blobs(ground.folder.path() / "blobs", random),
        cloud(ground.cloud, clock, process.seed_ * 7 + static_cast<std::uint64_t>(number), process.faults_),
        hosts(cloud, [this](const auto& call, const auto& action) { over_hosts(call, action); }),
        plain_cpis(hosts),
        cpis(plain_cpis, fate),
        plain_agents(process.network_, clock),
        agents(plain_agents, fate),
        access(ground.access, fate),
        templates(blobs),
        services{clock, random, Log::discard(), stores,          locks,
                 blobs, cpis,   agents,         access, ground.renderer, settings()},
        tasks(database, (ground.folder.path() / "tasks").string()),
        queue(tasks, clock, Log::discard(), {.director_id = name, .own_threads = false}),
        recurring(queue, tasks, clock, Log::discard(), recurring_care(services), RecurringTasks::Looking::by_owner),
        uploads(ground.folder.path() / "uploads", random),
        api({clock, random, Log::discard(), stores, tasks, queue, locks, blobs, cpis, uploads,
             [this](const Json& what) { announce(what); }, [] { return monitor_identity(); }},
            api_settings()) {}

  ExecutorSettings settings() const {
    auto settings = ground.services.settings;
    settings.max_parallel = 1;  // several threads of one task would run as the system likes
    settings.agent_wait = 60s;
    settings.reboot_wait = 30s;
    if (process.seed_ % 3 == 0) settings.failed_vms.hold = 10min;  // so that some are over within a world
    return settings;
  }

  static ApiSettings api_settings() {
    ApiSettings settings;
    settings.director_name = "sim";
    settings.director_uuid = "d1";
    settings.version = "0";
    settings.token_keys = {token_key().public_key_pem};
    return settings;
  }

  static Json monitor_identity() {
    return {{"url", "sim://bus"}, {"ca", ""}, {"certificate", ""}, {"private_key", ""}, {"lifetime_seconds", 86400}};
  }

  // What its schedule will give it to do.
  std::vector<std::string> care_to_do() {
    std::vector<std::string> due;
    for (const auto& task : recurring_care(services))
      if (task.has_work()) due.push_back(task.type + " is due");
    return due;
  }

  void announce(const Json& what) {
    if (!fate.dead()) process.network_.announce(what);
  }

  // Every change of the store takes its time, now and then so long that others come in between.
  void over_store(std::string_view what, bool changes, const std::function<void()>& action) {
    if (!changes) {
      fate.require_alive();
      action();
      return;
    }
    if (process.time_.in_thread() && pauses.chance(0.05)) clock.sleep_for(pauses.between(1ms, 200ms));
    process.referee_.store_changed(what);
    fate.act({"store " + std::string(what.substr(0, 60)), false}, action);
  }

  void over_hosts(const cpi::CallOnItsWay& call, const std::function<void()>& action) {
    process.referee_.cpi_asked(call);
    auto host = std::string();
    if (call.vm) {
      if (const auto vm = ground.cloud.find_vm(*call.vm)) host = Network::host_of(*vm);
    } else if (call.creates) {
      host = Network::host_of({.agent = call.creates->agent, .cloud_properties = call.creates->cloud_properties});
    }
    if (!host.empty() && process.network_.is_down(host)) {
      clock.sleep_for(5s);
      throw cpi::CpiError(cpi::ErrorType::cloud_error, "simulated: host " + host + " does not answer");
    }
    process.referee_.cpi_called(call);
    const auto subject = call.vm        ? call.vm->value
                         : call.creates ? "for " + call.creates->agent.value
                         : call.disk    ? call.disk->value
                                        : std::string();
    try {
      action();
      if (call.changes) process.trace_.line(process.time_.now(), name, call.method + " " + subject);
    } catch (const cpi::CpiError& error) {
      process.trace_.line(process.time_.now(), name, call.method + " " + subject + ": " + error.what());
      throw;
    }
  }

  void run() {
    database.interpose([this](std::string_view what, bool changes, const std::function<void()>& action) {
      over_store(what, changes, action);
    });
    locks.on_lost([this](TaskId task) { queue.cancel(task); });
    locks.on_change([this](const std::string& lock, bool held) {
      constexpr std::string_view prefix = "lock:deployment:";
      if (lock.starts_with(prefix)) announce({{"deployment", lock.substr(prefix.size())}, {"locked", held}});
    });
    register_deployment_tasks(queue, services, templates);
    register_instance_tasks(queue, services, templates);
    register_problem_tasks(queue, services);
    register_care_tasks(queue, services);
    access.configure_anew(stores.vms);
    queue.start();
    for (std::size_t i = 0; i < workers + urgent_workers; ++i)
      in_thread("/work", [this, urgent = i >= workers] { work_on(urgent); });
    in_thread("", [this] {
      for (;;) {
        clock.sleep_for(heartbeat);
        queue.keep_up();
        locks.renew_now();
        recurring.submit_due();
        work.raise();
      }
    });
  }

  void work_on(bool urgent) {
    while (!fate.dead()) {
      const auto seen = work.count();
      if (queue.run_next(urgent)) continue;
      work.wait(seen, idle_for);
    }
  }

  // Ends with the life, which lasts as long as one of its threads.
  void in_thread(const std::string& owner, std::function<void()> body) {
    process.time_.start(name + owner, [self = shared_from_this(), body = std::move(body)] {
      try {
        body();
      } catch (const Error& error) {
        if (!self->fate.dead()) throw;
      }
    });
  }
};

DirectorProcess::DirectorProcess(VirtualTime& time, Trace& trace, test::DirectorWorld& ground, Network& network,
                                 Referee& referee, std::uint64_t seed)
    : time_(time), trace_(trace), ground_(ground), network_(network), referee_(referee), seed_(seed) {}

DirectorProcess::~DirectorProcess() = default;

std::vector<std::string> DirectorProcess::care_to_do() const {
  if (!lives() || !life_->ready) return {"the director is not up"};
  return life_->care_to_do();
}

bool DirectorProcess::lives() const { return life_ && !life_->fate.dead(); }

void DirectorProcess::start() {
  if (lives()) return;
  life_ = std::make_shared<Life>(*this, ++lives_);
  life_->fate.on_death = [this, number = lives_] { died(number); };
  trace_.line(time_.now(), life_->name, "starts");
  life_->in_thread("", [life = life_] {
    life->run();
    life->ready = true;
    if (life->process.changed) life->process.changed(true);
  });
}

void DirectorProcess::kill() {
  if (lives()) life_->fate.end();
}

void DirectorProcess::kill_at(int effect, bool after) {
  if (lives())
    life_->fate.begin_life(effect, after ? test::Mortality::Moment::after : test::Mortality::Moment::before);
}

void DirectorProcess::died(int number) {
  const auto effects = life_->fate.effects();
  trace_.line(time_.now(), life_name(number), "dies" + (effects.empty() ? "" : " at " + effects.back().name));
  time_.wake_all(life_name(number));
  if (changed) changed(false);
}

http::ClientResponse DirectorProcess::serve(const http::ClientRequest& request, const std::string& user,
                                            const std::string& scope) {
  const auto life = life_;
  if (!lives() || !life->ready) throw Error(Fault::retryable, "connection refused");
  auto received = as_received(request, user, scope);
  const auto response = as_received(life->api(received));
  if (life->fate.dead()) throw Error(Fault::outcome_unknown, "connection reset");
  if (request.method != "GET") life->work.raise();
  return response;
}

void DirectorProcess::set_cpi_faults(cpi::FaultPlan plan) {
  faults_ = std::move(plan);
  if (lives()) life_->cloud.set_plan(faults_);
}

}  // namespace slipway::sim
