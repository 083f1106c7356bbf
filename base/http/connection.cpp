#include "base/http/connection.hpp"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <future>

#include "base/http/client.hpp"
#include "base/http/feed_in_progress.hpp"

namespace slipway::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr std::size_t chunk_bytes = 64u << 10;
constexpr std::uint64_t worth_reading_to_the_end = 256u << 10;
// A peer must move at least this much on average, or it could hold a thread with a byte
// a minute.
constexpr std::uint64_t slowest_bytes_per_s = 1024;

class ConnectionBody final : public BodyReader {
 public:
  explicit ConnectionBody(Connection& connection)
      : connection_(&connection), length_(connection.body_length()) {}
  std::size_t read(std::span<char> out) override {
    if (!connection_) throw Error(Fault::internal, "a request's body was read after its response");
    return out.empty() ? 0 : connection_->read_body(out);
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  void detach() { connection_ = nullptr; }

 private:
  Connection* connection_;
  std::optional<std::uint64_t> length_;
};

}  // namespace

Connection::Connection(std::shared_ptr<const ConnectionContext> context, std::unique_ptr<Transport> transport,
                       std::function<void(Connection*)> on_end)
    : context_(std::move(context)), transport_(std::move(transport)), on_end_(std::move(on_end)) {}

Connection::~Connection() {
  transport_.reset();
  on_end_(this);
}

void Connection::start() {
  asio::dispatch(transport_->executor(), [self = shared_from_this()] {
    self->transport_->handshake(self->context_->config->idle_timeout, [self](error_code error, std::size_t) {
      if (error) return self->transport_->close();
      self->client_common_name_ = self->transport_->peer_common_name();
      self->await_request();
    });
  });
}

void Connection::stop() {
  stopping_ = true;
  asio::post(transport_->executor(), [self = shared_from_this()] {
    if (self->idle_) self->transport_->close();
    if (self->feed_) self->end_feed();
  });
}

// The time limit of the header starts with its first byte, so that a request on a connection
// that was idle for long has as much time as any other.
void Connection::await_request() {
  idle_ = true;
  if (stopping_) return close_gently();
  if (buffer_.size() > 0) return read_header();
  buffer_.shrink_to_fit();
  transport_->read_some(buffer_, 4096, context_->config->idle_timeout,
                        [self = shared_from_this()](error_code error, std::size_t) {
                          if (error) return self->transport_->close();
                          self->read_header();
                        });
}

void Connection::read_header() {
  const auto& config = *context_->config;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(config.max_header_bytes));
  parser_->body_limit(config.max_body_bytes);
  transport_->read_header(
      buffer_, *parser_, config.idle_timeout,
      [self = shared_from_this()](error_code error, std::size_t) { self->on_header(error); });
}

void Connection::on_header(error_code error) {
  namespace http = beast::http;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return refuse(431);
  if (error == http::error::body_limit) return refuse(413);
  const bool malformed = error &&
                         error.category() == http::make_error_code(http::error::bad_method).category() &&
                         error != http::error::end_of_stream && error != http::error::partial_message;
  if (malformed) return refuse(400);
  if (error || stopping_) return transport_->close();

  const auto& fields = parser_->get();
  keep_ = parser_->keep_alive();
  continue_due_ = beast::iequals(fields[http::field::expect], "100-continue") && fields.version() >= 11;
  body_too_large_ = broken_ = head_sent_ = false;
  bytes_moved_ = 0;
  waited_ = {};
  idle_ = false;
  if (!context_->submit([self = shared_from_this()] { self->serve(); })) refuse(503);
}

void Connection::refuse(int status) {
  keep_ = false;
  last_words_ = head_of(Response::empty(status), 0, false);
  transport_->write(asio::buffer(last_words_), context_->config->idle_timeout,
                    [self = shared_from_this()](error_code error, std::size_t) {
                      if (error) return self->transport_->close();
                      self->close_gently();
                    });
}

// Runs one operation on the strand and waits for its end. Only for threads of the pool.
Connection::Outcome Connection::wait_for(const std::function<void(Limit, Transport::Done)>& start) {
  if (broken_) return {asio::error::not_connected, 0};
  const auto allowed =
      context_->config->idle_timeout + std::chrono::seconds(bytes_moved_ / slowest_bytes_per_s);
  const auto left = std::chrono::duration_cast<Limit>(allowed - waited_);
  const auto limit = std::clamp<Limit>(left, 1ms, context_->config->idle_timeout);
  auto promise = std::make_shared<std::promise<Outcome>>();
  auto result = promise->get_future();
  const auto begin = Steady::now();
  asio::post(transport_->executor(), [&start, limit, promise] {
    start(limit, [promise](error_code error, std::size_t size) { promise->set_value({error, size}); });
  });
  const auto outcome = result.get();
  waited_ += Steady::now() - begin;
  bytes_moved_ += outcome.size;
  return outcome;
}

std::optional<std::uint64_t> Connection::body_length() const {
  if (parser_->chunked()) return std::nullopt;
  return parser_->content_length().value_or(0);
}

std::size_t Connection::read_body(std::span<char> out) {
  if (body_too_large_) throw BodyTooLarge("the request body is too large");
  if (parser_->is_done()) return 0;
  if (continue_due_) {
    continue_due_ = false;
    write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  buffer_.reserve(chunk_bytes);
  while (!parser_->is_done()) {
    auto& body = parser_->get().body();
    body.data = out.data();
    body.size = out.size();
    body.more = true;
    const auto outcome = wait_for([this](Limit limit, Transport::Done done) {
      transport_->read_body(buffer_, *parser_, limit, std::move(done));
    });
    const auto size = out.size() - body.size;
    if (outcome.error == beast::http::error::body_limit) {
      body_too_large_ = true;
      throw BodyTooLarge("the request body is larger than " +
                                        std::to_string(context_->config->max_body_bytes) + " bytes");
    }
    if (outcome.error && outcome.error != beast::http::error::need_buffer) {
      broken_ = true;
      throw Error(Fault::cancelled, outcome.error == beast::error::timeout
                                        ? "the client sends its body too slowly"
                                        : "the client broke off in the middle of its body");
    }
    if (size > 0) return size;
  }
  return 0;
}

bool Connection::much_of_body_is_left() const {
  return !parser_->is_done() && parser_->content_length_remaining().value_or(0) > worth_reading_to_the_end;
}

void Connection::write(std::string_view bytes) {
  const auto outcome = wait_for([&](Limit limit, Transport::Done done) {
    transport_->write(asio::buffer(bytes.data(), bytes.size()), limit, std::move(done));
  });
  if (!outcome.error) return;
  broken_ = true;
  throw Error(Fault::cancelled, "the client went away");
}

Request Connection::make_request() {
  const auto& fields = parser_->get();
  Request request;
  request.method = std::string(fields.method_string());
  request.target = std::string(fields.target());
  const std::string_view target = request.target;
  const auto mark = std::min(target.find('?'), target.size());
  request.path = url_decode(target.substr(0, mark));
  if (!request.path.starts_with('/') || request.path.find('\0') != std::string::npos)
    throw Error(Fault::invalid, "malformed request target");
  request.query = parse_query(target.substr(std::min(mark + 1, target.size())));
  for (const auto& field : fields) {
    auto& value = request.headers[std::string(field.name_string())];
    if (!value.empty()) value += ", ";
    value += std::string(field.value());
  }
  request.remote_address = transport_->remote_address();
  request.client_common_name = client_common_name_;
  return request;
}

Response Connection::call_handler(Request& request) {
  try {
    return context_->handler(request);
  } catch (const std::exception& error) {
    if (broken_) throw;
    return answer_to(error);
  }
}

Response Connection::answer_to(const std::exception& error) {
  if (body_too_large_) return Response::empty(413);
  try {
    return context_->on_error(error);
  } catch (const std::exception& second) {
    context_->log.error("http.on_error_failed", {{"error", second.what()}});
    return Response::empty(500);
  }
}

void Connection::serve() {
  const auto body = std::make_shared<ConnectionBody>(*this);
  std::optional<Request> request;
  try {
    request = make_request();
  } catch (const Error&) {
    keep_ = false;
  }
  try {
    if (!request) {
      send(Response::empty(400), false);
    } else if (stopping_) {
      send(Response::empty(503), false);
    } else {
      request->body = body;
      answer(*request);
    }
  } catch (const std::exception& error) {
    // Only a cut connection still tells the client that the response is not whole.
    if (!broken_) context_->log.warn("http.response_cut", {{"error", error.what()}});
    broken_ = true;
  }
  body->detach();
  if (promised_feed_ && !broken_) return begin_feed();
  finish(!broken_ && keep_ && !stopping_ && discard_rest_of_body());
}

void Connection::answer(Request& request) {
  const bool is_head = request.method == "HEAD";
  try {
    send(call_handler(request), is_head);
  } catch (const std::exception& error) {
    if (broken_ || head_sent_) throw;
    send(answer_to(error), is_head);
  }
}

// A small rest is read, so that the connection can serve on; a large one costs less to cut.
bool Connection::discard_rest_of_body() {
  if (parser_->is_done()) return true;
  if (continue_due_ || body_too_large_) return false;
  std::uint64_t left = worth_reading_to_the_end;
  std::vector<char> waste(16u << 10);
  try {
    while (const auto size = read_body(waste)) {
      if (size > left) return false;
      left -= size;
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

void Connection::finish(bool keep) {
  asio::post(transport_->executor(), [self = shared_from_this(), keep] {
    if (self->broken_) return self->transport_->close();
    if (!keep) return self->close_gently();
    self->await_request();
  });
}

// Closing with input unread makes the kernel send a reset, which can overtake the response
// on its way to the client's program. A client that was refused in the middle of a large body may read the answer only
// when it has sent all.
void Connection::close_gently() {
  static constexpr auto longest = 30s;
  idle_ = true;
  transport_->end_output(2s, [self = shared_from_this()](error_code, std::size_t) {
    self->discard_input(Steady::now() + longest);
  });
}

void Connection::discard_input(Steady::time_point until) {
  constexpr Limit silence = 2s;
  const auto left = std::min(silence, std::chrono::duration_cast<Limit>(until - Steady::now()));
  if (left <= 0ms || stopping_) return transport_->close();
  transport_->discard_some(left, [self = shared_from_this(), until](error_code error, std::size_t) {
    if (error) return self->transport_->close();
    self->discard_input(until);
  });
}

}  // namespace slipway::http
