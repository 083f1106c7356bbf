#include "director/agents/nats_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "stemcells/agent/protocol/protocol.hpp"

namespace slipway::director {

using namespace std::chrono_literals;

namespace {

constexpr auto start_limit = 10s;
constexpr auto reload_limit = 5s;
constexpr auto restart_pause = 500ms;

Json as_mbus_certificate(const std::string& ca, const tls::KeyPair& pair) {
  return {{"ca", ca}, {"certificate", pair.certificate_pem}, {"private_key", pair.private_key_pem.reveal()}};
}

}  // namespace

// One thread owns the child: it starts it, waits for its end by pidfd and starts it again.
// Callers of allow() and forbid() share reloads: whoever finds none under way does one for all
// that have asked by then.
struct NatsServer::State {
  NatsServerOptions options;
  const BusAuthority& authority;
  Log log;

  std::mutex mutex;
  std::condition_variable changed;
  std::set<AgentId> agents;
  std::uint64_t wanted = 0;   // generation of `agents`
  std::uint64_t applied = 0;  // generation the server runs with
  bool reloading = false;
  std::uint64_t reloads_seen = 0;
  bool ready = false;
  bool stopping = false;
  std::string last_words;
  pid_t pid = 0;
  std::unique_ptr<ChildProcess> child;
  int wake_pipe[2] = {-1, -1};
  std::thread owner;

  State(NatsServerOptions o, const BusAuthority& a, Log l)
      : options(std::move(o)), authority(a), log(std::move(l)) {}

  ~State() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
      changed.notify_all();
    }
    if (owner.joinable()) {
      [[maybe_unused]] const auto woken = ::write(wake_pipe[1], "x", 1);
      owner.join();
    }
    if (wake_pipe[0] >= 0) ::close(wake_pipe[0]);
    if (wake_pipe[1] >= 0) ::close(wake_pipe[1]);
  }

  void write_permissions() {
    write_file_atomically(options.folder / "permissions.conf",
                          nats_permissions({agents.begin(), agents.end()}), 0600);
  }

  void write_configuration() {
    std::filesystem::create_directories(options.folder);
    std::filesystem::permissions(options.folder, std::filesystem::perms::owner_all);
    const auto server = authority.issue_server(options.certificate_addresses);
    write_file_atomically(options.folder / "server.crt", server.certificate_pem, 0600);
    write_file_atomically(options.folder / "server.key", server.private_key_pem.reveal(), 0600);
    write_file_atomically(options.folder / "ca.crt", authority.ca_pem(), 0600);
    const auto file = [&](const char* name) { return (options.folder / name).string(); };
    const std::string text =
        "listen: " + Json(options.listen_address + ":" + std::to_string(options.port)).dump() + "\n" +
        "max_payload: " + std::to_string(agent::max_payload_bytes + 4096) + "\n" + "tls: " +
        Json{{"cert_file", file("server.crt")},
             {"key_file", file("server.key")},
             {"ca_file", file("ca.crt")},
             {"verify_and_map", true},
             {"timeout", 10}}
            .dump() +
        "\ninclude \"permissions.conf\"\n";
    write_file_atomically(options.folder / "nats.conf", text, 0600);
    write_permissions();
  }

  void heard(std::string_view line) {
    std::lock_guard lock(mutex);
    if (line.find("Server is ready") != std::string_view::npos) ready = true;
    if (line.find("Reloaded server configuration") != std::string_view::npos) ++reloads_seen;
    if (line.find("[ERR]") != std::string_view::npos || line.find("[FTL]") != std::string_view::npos ||
        line.find("nats-server:") != std::string_view::npos) {
      last_words = line;
      log.warn("nats.server", {{"line", std::string(line)}});
    }
    changed.notify_all();
  }

  void start_child() {
    ChildProcess::Options spec;
    spec.argv = {options.program, "-c", (options.folder / "nats.conf").string()};
    spec.pipe_stdio = false;
    spec.on_stderr_line = [this](std::string_view line) { heard(line); };
    std::uint64_t generation = 0;
    {
      std::lock_guard lock(mutex);
      write_permissions();
      generation = wanted;
    }
    auto started = std::make_unique<ChildProcess>(std::move(spec));
    std::lock_guard lock(mutex);
    child = std::move(started);
    pid = child->pid();
    applied = std::max(applied, generation);
    changed.notify_all();
  }

  void wait_for_end_of_child() {
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    pollfd wait_for[2] = {{pidfd, POLLIN, 0}, {wake_pipe[0], POLLIN, 0}};
    while (::poll(wait_for, 2, -1) < 0 && errno == EINTR) {
    }
    if (pidfd >= 0) ::close(pidfd);
  }

  void own_child() {
    for (;;) {
      start_child();
      wait_for_end_of_child();
      std::unique_ptr<ChildProcess> ended;
      {
        std::unique_lock lock(mutex);
        ended = std::move(child);
        pid = 0;
        ready = false;
        changed.notify_all();
        if (!stopping) changed.wait_for(lock, restart_pause, [&] { return stopping; });
      }
      ended->terminate(2s);
      ended.reset();
      std::lock_guard lock(mutex);
      if (stopping) return;
      log.error("nats.server_died", {{"last_words", last_words}});
    }
  }

  // With `lock` held: returns when the server runs with generation `target` or later.
  void apply(std::unique_lock<std::mutex>& lock, std::uint64_t target) {
    while (applied < target && !stopping) {
      if (reloading) {
        changed.wait(lock);
        continue;
      }
      reloading = true;
      const auto generation = wanted;
      const auto seen = reloads_seen;
      write_permissions();
      if (pid > 0) ::kill(pid, SIGHUP);
      const bool done = changed.wait_for(
          lock, reload_limit, [&] { return reloads_seen > seen || stopping || applied >= generation; });
      reloading = false;
      if (done && reloads_seen > seen) applied = std::max(applied, generation);
      changed.notify_all();
      if (!done) {
        throw Error(Fault::retryable, "the message bus did not take new permissions within " +
                                          std::to_string(reload_limit.count()) + " s: " + last_words);
      }
    }
  }
};

NatsServer::NatsServer(NatsServerOptions options, const BusAuthority& authority, std::vector<AgentId> agents,
                       Log log)
    : state_(std::make_unique<State>(std::move(options), authority, std::move(log))) {
  State& state = *state_;
  state.agents.insert(agents.begin(), agents.end());
  state.write_configuration();
  if (::pipe2(state.wake_pipe, O_CLOEXEC) != 0) throw Error(Fault::internal, "no pipe for the message bus");
  state.owner = std::thread([&state] { state.own_child(); });
  std::unique_lock lock(state.mutex);
  const bool up = state.changed.wait_for(lock, start_limit, [&] { return state.ready; });
  if (up) return;
  const bool taken = state.last_words.find("address already in use") != std::string::npos;
  throw Error(taken ? Fault::conflict : Fault::internal, "nats-server did not start: " + state.last_words);
}

NatsServer::~NatsServer() = default;

void NatsServer::allow(const AgentId& agent) {
  std::unique_lock lock(state_->mutex);
  if (state_->agents.insert(agent).second) ++state_->wanted;
  state_->apply(lock, state_->wanted);
}

void NatsServer::forbid(const AgentId& agent) {
  std::unique_lock lock(state_->mutex);
  if (state_->agents.erase(agent) > 0) ++state_->wanted;
  state_->apply(lock, state_->wanted);
}

Json NatsServer::issue_bootstrap(const AgentId& agent) {
  const auto name = agent::bootstrap_agent_common_name(agent.value);
  return as_mbus_certificate(state_->authority.ca_pem(), state_->authority.issue_client(name, 1h));
}

Json NatsServer::issue_permanent(const AgentId& agent) {
  const auto name = agent::agent_common_name(agent.value);
  return as_mbus_certificate(state_->authority.ca_pem(),
                             state_->authority.issue_client(name, state_->options.permanent_lifetime));
}

}  // namespace slipway::director
