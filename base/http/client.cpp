#include "base/http/client.hpp"

#include <cpprest/http_client.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pplx/threadpool.h>
#include <sys/stat.h>
#include <condition_variable>
#include <mutex>

#include "base/http/client_streams.hpp"

namespace slipway::http {
namespace {

namespace rest = web::http;
namespace ssl = boost::asio::ssl;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

// Enough for sockets and file reads: sinks run on the callers' threads.
constexpr std::size_t pool_threads = 4;

// What is there last is cleaned up first when the process ends: the pool's threads use OpenSSL to their end.
void start_pool_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::OPENSSL_init_ssl(0, nullptr);
    crossplat::threadpool::initialize_with_threads(pool_threads);
  });
}

// Trusts the given certificates and no others.
void trust_only(ssl::context& context, const std::string& pem) {
  X509_STORE* store = ::X509_STORE_new();
  BIO* input = ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  int count = 0;
  while (X509* certificate = ::PEM_read_bio_X509(input, nullptr, nullptr, nullptr)) {
    ::X509_STORE_add_cert(store, certificate);
    ::X509_free(certificate);
    ++count;
  }
  ::BIO_free(input);
  ::ERR_clear_error();  // the end of the text is reported as an error
  ::SSL_CTX_set_cert_store(context.native_handle(), store);
  if (count == 0) throw Error(Fault::invalid, "no CA certificate in the PEM text given");
}

void configure_tls(ssl::context& context, const ClientConfig& config) {
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  ::SSL_CTX_set_options(context.native_handle(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (!config.ca_pem.empty()) trust_only(context, config.ca_pem);
  if (config.client_certificate_pem.empty()) return;
  boost::system::error_code error;
  context.use_certificate_chain(boost::asio::buffer(config.client_certificate_pem), error);
  if (!error)
    context.use_private_key(boost::asio::buffer(config.client_private_key_pem.reveal()), ssl::context::pem,
                            error);
  if (error || ::SSL_CTX_check_private_key(context.native_handle()) != 1)
    throw Error(Fault::invalid, "the client certificate or its private key is unusable");
}

// What cpprestsdk reports, until the caller has looked at it. Kept alive by every callback,
// so that an exchange its caller has given up ends by itself.
class Exchange {
 public:
  struct Failure {
    std::string message;
    int code = 0;
  };

  void on_head(const rest::http_response& response) {
    std::lock_guard lock(mutex_);
    status_ = response.status_code();
    for (const auto& [name, value] : response.headers()) headers_[name] = value;
    progressed();
  }
  void on_piece(std::string_view piece, PieceSink::Used used) {
    std::lock_guard lock(mutex_);
    if (given_up_) {
      used.set(piece.size());
      return;
    }
    piece_ = piece;
    used_ = used;
    progressed();
  }
  void on_progress() {
    std::lock_guard lock(mutex_);
    progressed();
  }
  void on_end(std::optional<Failure> failure) {
    std::lock_guard lock(mutex_);
    ended_ = true;
    failure_ = std::move(failure);
    changed_.notify_all();
  }

  enum class Event { piece, end, timeout };

  // The next thing to do for the caller. With `streams`, `limit` starts anew at each progress.
  Event wait(std::chrono::milliseconds limit, bool streams) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (!piece_.empty() && status_ != 0) return Event::piece;
      if (ended_) return Event::end;
      const auto deadline = (streams ? last_progress_ : start_) + limit;
      if (Steady::now() >= deadline) return Event::timeout;
      changed_.wait_until(lock, deadline);
    }
  }
  // Only after Event::piece, and until piece_used().
  std::string_view piece() const { return piece_; }
  void piece_used() {
    std::unique_lock lock(mutex_);
    const auto size = std::exchange(piece_, {}).size();
    const auto used = used_;
    last_progress_ = Steady::now();
    lock.unlock();
    used.set(size);
  }

  // Pieces that still come are thrown away. Waits a little, so that the connection is gone.
  void give_up() {
    std::unique_lock lock(mutex_);
    given_up_ = true;
    if (!piece_.empty()) used_.set(std::exchange(piece_, {}).size());
    changed_.wait_for(lock, 500ms, [this] { return ended_; });
  }

  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  const std::optional<Failure>& failure() const { return failure_; }

 private:
  void progressed() {
    last_progress_ = Steady::now();
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int status_ = 0;
  Headers headers_;
  std::string_view piece_;
  PieceSink::Used used_;
  bool ended_ = false;
  bool given_up_ = false;
  std::optional<Failure> failure_;
  const Steady::time_point start_ = Steady::now();
  Steady::time_point last_progress_ = start_;
};

// cpprestsdk tells its phases apart by the text of its messages only.
Error to_error(const std::string& what, const Exchange::Failure& failure) {
  const auto is = [&](std::string_view text) { return failure.message.find(text) != std::string::npos; };
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(failure.code));
  const bool in_handshake = is("SSL handshake");
  if (in_handshake && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
    return Error(Fault::invalid, what + ": the server's certificate does not verify");
  // With TLS 1.3 the server's alert arrives when the client believes to be connected.
  const bool tls_alert =
      ERR_GET_LIB(static_cast<unsigned long>(failure.code)) == ERR_LIB_SSL && reason > 1000;
  if (tls_alert)
    return Error(Fault::unauthenticated,
                 what + ": the server refused the TLS connection, alert " + std::to_string(reason - 1000));
  const bool never_left = in_handshake || is("Failed to connect") || is("Error resolving address");
  return Error(never_left ? Fault::retryable : Fault::outcome_unknown, what + ": " + failure.message);
}

bool may_repeat(const std::string& method) { return method != "POST" && method != "PATCH"; }

concurrency::streams::istream open_source(const std::string& path, std::uint64_t& size,
                                          std::function<void()> on_progress) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || ::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (file >= 0) ::close(file);
    throw Error(Fault::not_found, "cannot read the file to send: " + path);
  }
  size = static_cast<std::uint64_t>(info.st_size);
  auto source = std::make_shared<FileSource>(file, size, std::move(on_progress));
  return concurrency::streams::streambuf<std::uint8_t>(source).create_istream();
}

}  // namespace

struct Client::State {
  // Shared with exchanges that were given up and may outlive the client for a moment.
  const std::shared_ptr<const ClientConfig> kept;
  const ClientConfig& config;
  rest::client::http_client_config rest_config;
  std::shared_ptr<rest::client::http_client> shared;

  explicit State(ClientConfig given)
      : kept(std::make_shared<const ClientConfig>(std::move(given))), config(*kept) {
    start_pool_once();
    rest_config.set_timeout(24h);  // Exchange keeps the time
    rest_config.set_max_redirects(0);
    rest_config.set_validate_certificates(config.verify_peer);
    const bool tls = config.base_url.starts_with("https://");
    if (tls) {
      ssl::context trial(ssl::context::tls_client);
      configure_tls(trial, config);
      rest_config.set_ssl_context_callback(
          [held = kept](ssl::context& context) { configure_tls(context, *held); });
    }
    try {
      shared = make();
    } catch (const std::exception& error) {
      throw Error(Fault::invalid, "not a usable URL: " + config.base_url + ": " + error.what());
    }
  }

  std::shared_ptr<rest::client::http_client> make() const {
    return std::make_shared<rest::client::http_client>(web::uri(config.base_url), rest_config);
  }

  rest::http_request make_request(const ClientRequest& request,
                                  const std::shared_ptr<Exchange>& exchange) const {
    rest::http_request message(request.method);
    try {
      message.set_request_uri(web::uri(request.target.empty() ? "/" : request.target));
    } catch (const web::uri_exception&) {
      throw Error(Fault::invalid, "malformed request target");
    }
    for (const auto& [name, value] : request.headers) {
      if ((name + value).find_first_of(std::string("\r\n\0", 3)) != std::string::npos)
        throw Error(Fault::invalid, "line break in request header " + name);
      message.headers().add(name, value);
    }
    if (!request.body_file.empty()) {
      std::uint64_t size = 0;
      const auto source = open_source(request.body_file, size, [exchange] { exchange->on_progress(); });
      message.set_body(source, size);
    } else if (!request.body.empty()) {
      message.set_body(std::vector<unsigned char>(request.body.begin(), request.body.end()));
    }
    auto sink = std::make_shared<PieceSink>(
        [exchange](std::string_view piece, PieceSink::Used used) { exchange->on_piece(piece, used); });
    message.set_response_stream(concurrency::streams::streambuf<std::uint8_t>(sink).create_ostream());
    return message;
  }

  // The last continuation looks at every exception: a task dropped with one inside would end
  // the process.
  void start(const ClientRequest& request, const std::shared_ptr<Exchange>& exchange,
             const pplx::cancellation_token& token) const {
    const bool reuse = may_repeat(request.method) || config.posts_may_repeat;
    auto client = reuse ? shared : make();
    client->request(make_request(request, exchange), token)
        .then([exchange](rest::http_response response) {
          exchange->on_head(response);
          return response.content_ready();
        })
        .then([exchange, client](pplx::task<rest::http_response> task) {
          try {
            task.get();
            exchange->on_end(std::nullopt);
          } catch (const rest::http_exception& error) {
            exchange->on_end(Exchange::Failure{error.what(), error.error_code().value()});
          } catch (const std::exception& error) {
            exchange->on_end(Exchange::Failure{error.what()});
          } catch (...) {
            exchange->on_end(Exchange::Failure{"cancelled"});
          }
        });
  }

  // `sink` null: the body is collected whatever the status.
  ClientResponse exchange_messages(const ClientRequest& request,
                                   const std::function<void(std::string_view)>* sink) const {
    const std::string what =
        request.method + " " + config.base_url + request.target.substr(0, request.target.find('?'));
    const auto limit =
        request.timeout.count() > 0 ? request.timeout : std::chrono::milliseconds(config.timeout);
    const bool streams = sink || !request.body_file.empty();
    auto exchange = std::make_shared<Exchange>();
    pplx::cancellation_token_source cancellation;
    start(request, exchange, cancellation.get_token());

    ClientResponse response;
    const auto give_up = [&] {
      cancellation.cancel();
      exchange->give_up();
    };
    try {
      for (;;) {
        const auto event = exchange->wait(limit, streams);
        if (event == Exchange::Event::end) break;
        if (event == Exchange::Event::timeout)
          throw Error(Fault::outcome_unknown,
                      what + ": no answer within " + std::to_string(limit.count()) + " ms");
        const auto piece = exchange->piece();
        if (sink && exchange->status() / 100 == 2) {
          (*sink)(piece);
        } else if (piece.size() > config.max_response_bytes - response.body.size()) {
          throw Error(Fault::exhausted, what + ": the response is larger than " +
                                            std::to_string(config.max_response_bytes) + " bytes");
        } else {
          response.body.append(piece);
        }
        exchange->piece_used();
      }
    } catch (...) {
      give_up();
      throw;
    }
    if (exchange->failure()) throw to_error(what, *exchange->failure());
    response.status = exchange->status();
    response.headers = exchange->headers();
    return response;
  }
};

Client::Client(ClientConfig config) : state_(std::make_unique<State>(std::move(config))) {}
Client::~Client() = default;

ClientResponse Client::send(const ClientRequest& request) const {
  return state_->exchange_messages(request, nullptr);
}

ClientResponse Client::download(const ClientRequest& request,
                                const std::function<void(std::string_view)>& sink) const {
  return state_->exchange_messages(request, &sink);
}

Json ClientResponse::json() const {
  return parse_json(body, "response body", {.max_bytes = body.size() + 1});
}

}  // namespace slipway::http
