#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/http/server.hpp"
#include "base/http/transport.hpp"

namespace slipway::http {

struct FeedInProgress;

// What all connections of a server share. Outlives them.
struct ConnectionContext {
  const ServerConfig* config;
  Handler handler;
  std::function<Response(const std::exception&)> on_error;
  Log log;
  std::function<bool(std::function<void()>)> submit;  // to the pool of handlers
};

// One client's connection. While it waits for a request it costs no thread: it lives on its
// strand. A complete header moves it to a thread of the pool, where body, handler and response
// run as straight-line code; each step there is an operation on the strand that is waited for,
// so that every one has a time limit.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<const ConnectionContext> context, std::unique_ptr<Transport> transport,
             std::function<void(Connection*)> on_end);
  ~Connection();

  void start();
  void stop();  // from any thread: no further request; closed at once when none is running

  // For the pool's thread. read_body: 0 at the end; throws as BodyReader says.
  std::size_t read_body(std::span<char> out);
  std::optional<std::uint64_t> body_length() const;
  void write(std::string_view bytes);  // Fault::cancelled when the client is gone

 private:
  struct Outcome {
    boost::system::error_code error;
    std::size_t size = 0;
  };
  using Limit = Transport::Limit;

  void await_request();
  void read_header();
  void on_header(boost::system::error_code error);
  void refuse(int status);  // from the strand, before a handler has seen anything
  void serve();
  void answer(Request& request);
  Request make_request();
  Response call_handler(Request& request);
  Response answer_to(const std::exception& error);
  void send(Response response, bool is_head);
  void write_all(std::string_view bytes);
  void send_file(const FileBody& body, const std::string& head, bool is_head);
  void send_stream(StreamBody& body, std::string head, bool chunked);
  void send_feed(FeedBody& body, const std::string& head, bool chunked);
  std::string head_of(const Response& response, std::optional<std::uint64_t> length, bool chunked);
  void write_head(std::string_view bytes);
  bool much_of_body_is_left() const;
  bool discard_rest_of_body();
  void finish(bool keep);  // from the pool
  void begin_feed();       // from the pool; what follows runs on the strand
  void feed_more();
  void limit_feed(std::chrono::seconds limit);
  void write_feed(std::string_view bytes, Limit limit);
  void end_feed();
  void close_gently();     // on the strand
  void discard_input(std::chrono::steady_clock::time_point until);
  Outcome wait_for(const std::function<void(Limit, Transport::Done)>& start);

  std::shared_ptr<const ConnectionContext> context_;
  std::unique_ptr<Transport> transport_;
  std::function<void(Connection*)> on_end_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::string last_words_;
  std::string client_common_name_;
  std::atomic<bool> stopping_{false};
  bool idle_ = true;           // strand only: no request is being handled
  bool continue_due_ = false;  // the client waits for "100 Continue"
  bool body_too_large_ = false;
  bool broken_ = false;  // the connection is of no more use
  bool keep_ = false;
  bool head_sent_ = false;
  std::unique_ptr<FeedInProgress> promised_feed_;  // between its head and its first byte
  std::unique_ptr<FeedInProgress> feed_;           // strand only
  std::uint64_t bytes_moved_ = 0;
  std::chrono::steady_clock::duration waited_{};
};

}  // namespace slipway::http
