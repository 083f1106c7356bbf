#include "base/http/server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/http/connection.hpp"
#include "base/http/tls_context.hpp"
#include "base/parallel.hpp"

namespace slipway::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// TLS is computed here, so that one busy connection does not hold up all others.
constexpr std::size_t io_threads = 2;

asio::ip::address parse_address(const std::string& text) {
  error_code error;
  const auto address = asio::ip::make_address(text, error);
  if (error) throw Error(Fault::invalid, "not an IP address to listen on: " + text);
  return address;
}

}  // namespace

struct Server::State {
  ServerConfig config;
  Log log;
  int port = 0;
  std::unique_ptr<asio::ssl::context> tls;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::strand<asio::io_context::executor_type> strand{asio::make_strand(io)};
  tcp::acceptor acceptor{strand};
  asio::steady_timer pause{strand};
  std::unique_ptr<ThreadPool> pool;
  std::shared_ptr<ConnectionContext> context;
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable ended;
  std::set<Connection*> connections;
  bool full = false;  // accepting waits for a connection to end
  bool stopping = false;

  State(ServerConfig given, Log given_log) : config(std::move(given)), log(std::move(given_log)) {}

  void listen() {
    const tcp::endpoint endpoint(parse_address(config.address), static_cast<unsigned short>(config.port));
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) {
      port = acceptor.local_endpoint().port();
      return;
    }
    const bool taken = error == asio::error::address_in_use;
    throw Error(
        taken ? Fault::conflict : Fault::invalid,
        "listening on " + config.address + ":" + std::to_string(config.port) + ": " + error.message());
  }

  void accept_next() {
    acceptor.async_accept(asio::make_strand(io), [this](error_code error, tcp::socket socket) {
      if (!acceptor.is_open()) return;
      if (error) return accept_later(error);
      if (add(std::move(socket))) accept_next();
    });
  }

  // Out of file descriptors, most likely: trying again at once would only burn the processor.
  void accept_later(const error_code& error) {
    log.warn("http.accept_failed", {{"error", error.message()}});
    pause.expires_after(std::chrono::milliseconds(100));
    pause.async_wait([this](error_code stopped) {
      if (!stopped) accept_next();
    });
  }

  // Whether another connection may be accepted.
  bool add(tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(context, make_transport(std::move(socket), tls.get()),
                                                   [this](Connection* ended_one) { remove(ended_one); });
    std::unique_lock lock(mutex);
    if (stopping) {
      lock.unlock();
      return false;
    }
    connections.insert(connection.get());
    full = connections.size() >= config.max_connections;
    const bool more = !full;
    lock.unlock();
    connection->start();
    return more;
  }

  void remove(Connection* connection) {
    std::lock_guard lock(mutex);
    connections.erase(connection);
    if (full && !stopping) {
      full = false;
      asio::post(strand, [this] { accept_next(); });
    }
    ended.notify_all();
  }

  void stop() {
    asio::post(strand, [this] {
      error_code ignored;
      acceptor.close(ignored);
      pause.cancel();
    });
    std::unique_lock lock(mutex);
    stopping = true;
    std::vector<std::shared_ptr<Connection>> alive;
    for (auto* connection : connections)
      if (auto shared = connection->weak_from_this().lock()) alive.push_back(std::move(shared));
    lock.unlock();
    for (auto& connection : alive) connection->stop();
    alive.clear();
    lock.lock();
    ended.wait(lock, [this] { return connections.empty(); });
    lock.unlock();
    pool.reset();
    work.reset();
    for (auto& thread : threads) thread.join();
    threads.clear();
  }
};

Server::Server(ServerConfig config, Handler handler, Log log,
               std::function<Response(const std::exception&)> on_error)
    : state_(std::make_unique<State>(std::move(config), std::move(log))) {
  auto& state = *state_;
  if (!on_error)
    on_error = [&state](const std::exception& error) {
      state.log.error("http.handler_failed", {{"error", error.what()}});
      return Response::empty(500);
    };
  state.tls = make_tls_context(state.config);
  state.listen();
  state.pool = std::make_unique<ThreadPool>(std::max<std::size_t>(state.config.threads, 1),
                                            state.config.max_connections + 1);
  state.context = std::make_shared<ConnectionContext>(ConnectionContext{
      &state.config, std::move(handler), std::move(on_error), state.log,
      [&state](std::function<void()> job) { return state.pool->try_submit(std::move(job)); }});
  asio::post(state.strand, [&state] { state.accept_next(); });
  for (std::size_t i = 0; i < io_threads; ++i) state.threads.emplace_back([&state] { state.io.run(); });
}

Server::~Server() { stop(); }

int Server::port() const { return state_->port; }

void Server::stop() {
  if (!state_->threads.empty()) state_->stop();
}

}  // namespace slipway::http
