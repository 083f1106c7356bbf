#include "test/clouds/fault_proxy.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <list>
#include <mutex>
#include <thread>

#include "base/http/client.hpp"
#include "base/tls.hpp"

namespace slipway::test {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = beast::http;
using tcp = asio::ip::tcp;
using Stream = asio::ssl::stream<tcp::socket>;

constexpr std::uint64_t max_body_bytes = 256u << 20;
constexpr std::chrono::hours certificate_life{24};

struct Identity {
  std::string ca_pem;
  tls::KeyPair server;
};

Identity make_identity() {
  const auto now = SystemClock().now();
  const auto ca =
      tls::create_ca({.common_name = "fault proxy CA", .organization = "Test"}, certificate_life, now);
  tls::CertificateRequest request;
  request.subject = {.common_name = "fault proxy", .organization = "Test"};
  request.alternative_names = {"127.0.0.1", "localhost"};
  request.lifetime = certificate_life;
  return {ca.certificate_pem, tls::issue(ca, request, now)};
}

asio::ssl::context make_context(const tls::KeyPair& server) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.use_certificate_chain(asio::buffer(server.certificate_pem));
  context.use_private_key(asio::buffer(server.private_key_pem.reveal()), asio::ssl::context::pem);
  return context;
}

// Headers that belong to one hop, and those that the sender of the next hop makes itself.
bool belongs_to_hop(const std::string& name) {
  static const http::Headers names{{"connection", ""},     {"keep-alive", ""}, {"transfer-encoding", ""},
                                   {"content-length", ""}, {"expect", ""},     {"upgrade", ""}};
  return names.contains(name);
}

// The same length, and neither XML nor JSON any more.
void damage(std::string& body) {
  for (std::size_t i = body.size() / 3; i < body.size() && i < body.size() / 3 + 16; ++i) {
    body[i] = static_cast<char>(body[i] ^ 0x15);
  }
  if (!body.empty()) body.back() = '<';
}

}  // namespace

struct FaultProxy::State {
  const Identity identity = make_identity();
  asio::ssl::context context = make_context(identity.server);
  asio::io_context io;
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  http::Client upstream;

  std::mutex mutex;
  Faults faults;
  std::vector<ProxiedRequest> requests;
  std::list<Stream> connections;
  std::vector<std::thread> threads;
  bool stopping = false;
  std::thread listener;

  explicit State(const std::string& url)
      : upstream({.base_url = url,
                  .verify_peer = false,
                  .timeout = std::chrono::seconds(120),
                  .max_response_bytes = max_body_bytes}) {
    listener = std::thread([this] { listen(); });
  }

  ~State() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
      for (auto& connection : connections) ::shutdown(connection.lowest_layer().native_handle(), SHUT_RDWR);
    }
    ::shutdown(acceptor.native_handle(), SHUT_RDWR);  // wakes accept()
    listener.join();
    for (auto& thread : threads) thread.join();
  }

  void listen() {
    for (;;) {
      boost::system::error_code error;
      auto socket = acceptor.accept(error);
      std::lock_guard lock(mutex);
      if (stopping) return;
      if (error) continue;
      const auto at = connections.emplace(connections.end(), std::move(socket), context);
      threads.emplace_back([this, at] {
        serve(*at);
        std::lock_guard closing(mutex);
        connections.erase(at);
      });
    }
  }

  void serve(Stream& stream) {
    boost::system::error_code error;
    stream.handshake(asio::ssl::stream_base::server, error);
    beast::flat_buffer buffer;
    while (!error) {
      wire::request_parser<wire::string_body> parser;
      parser.body_limit(max_body_bytes);
      wire::read_header(stream, buffer, parser, error);
      if (error) return;
      if (beast::iequals(parser.get()[wire::field::expect], "100-continue")) {
        wire::response<wire::empty_body> go_on{wire::status::continue_, parser.get().version()};
        wire::write(stream, go_on, error);
      }
      wire::read(stream, buffer, parser, error);
      if (error) return;
      const auto message = parser.release();
      if (!exchange(stream, message) || !message.keep_alive()) return;
    }
  }

  // False: the connection is to be closed.
  bool exchange(Stream& stream, const wire::request<wire::string_body>& message) {
    ProxiedRequest request{.method = std::string(message.method_string()),
                           .target = std::string(message.target()),
                           .body = message.body()};
    for (const auto& field : message)
      request.headers[std::string(field.name_string())] = std::string(field.value());
    NetFault fault;
    {
      std::unique_lock lock(mutex);
      requests.push_back(request);
      const auto ask = faults;
      lock.unlock();
      if (ask) fault = ask(request);
    }
    using Kind = NetFault::Kind;
    if (fault.kind == Kind::lose_request) return false;
    if (fault.kind == Kind::delay) std::this_thread::sleep_for(fault.delay);
    http::ClientResponse reply;
    if (fault.kind == Kind::answer) {
      reply.status = fault.status;
      reply.headers["Content-Type"] = fault.content_type;
      reply.body = fault.body;
    } else {
      if (fault.kind == Kind::twice) forward(request);
      reply = forward(request);
    }
    if (fault.after_effect) fault.after_effect();
    if (fault.kind == Kind::lose_reply) return false;
    if (fault.kind == Kind::corrupt) damage(reply.body);
    return send(stream, message, reply, fault.kind == Kind::cut_reply);
  }

  http::ClientResponse forward(const ProxiedRequest& request) {
    http::ClientRequest next{.method = request.method, .target = request.target, .body = request.body};
    for (const auto& [name, value] : request.headers) {
      if (!belongs_to_hop(name)) next.headers[name] = value;
    }
    try {
      return upstream.send(next);
    } catch (const Error& error) {
      http::ClientResponse failed;
      failed.status = 502;
      failed.body = error.what();
      return failed;
    }
  }

  bool send(Stream& stream, const wire::request<wire::string_body>& message,
            const http::ClientResponse& reply, bool cut) {
    wire::response<wire::string_body> response;
    response.result(static_cast<unsigned>(reply.status));
    response.version(message.version());
    for (const auto& [name, value] : reply.headers) {
      if (!belongs_to_hop(name)) response.insert(name, value);
    }
    response.keep_alive(message.keep_alive());
    response.body() = message.method() == wire::verb::head ? "" : reply.body;
    if (message.method() == wire::verb::head && reply.headers.contains("Content-Length")) {
      response.set(wire::field::content_length, reply.headers.at("Content-Length"));
    } else {
      response.prepare_payload();
    }
    boost::system::error_code error;
    wire::response_serializer<wire::string_body> serializer(response);
    if (cut) {
      wire::write_header(stream, serializer, error);
      asio::write(stream, asio::buffer(response.body().data(), response.body().size() / 2), error);
      return false;
    }
    wire::write(stream, serializer, error);
    return !error;
  }
};

FaultProxy::FaultProxy(const std::string& upstream) : state_(std::make_unique<State>(upstream)) {}
FaultProxy::~FaultProxy() = default;

int FaultProxy::port() const { return state_->acceptor.local_endpoint().port(); }
std::string FaultProxy::url() const { return "https://127.0.0.1:" + std::to_string(port()); }
const std::string& FaultProxy::ca_pem() const { return state_->identity.ca_pem; }

void FaultProxy::set_faults(Faults faults) {
  std::lock_guard lock(state_->mutex);
  state_->faults = std::move(faults);
}

std::vector<ProxiedRequest> FaultProxy::take_requests() {
  std::lock_guard lock(state_->mutex);
  return std::exchange(state_->requests, {});
}

}  // namespace slipway::test
