#include "stemcells/agent/connection_check.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <exception>

namespace slipway::agent {

namespace {

namespace net = boost::asio;
namespace beast = boost::beast;

class Attempt {
  template <typename Future>
  auto finish(Future future) {
    io_.restart();
    io_.run();
    return future.get();
  }

 public:
  explicit Attempt(const ConnectionCheck& check) : check_(check) {}

  std::string run() {
    if (!check_.unix_socket.empty()) {
      using Local = net::local::stream_protocol;
      beast::basic_stream<Local> stream(io_);
      stream.expires_after(limit());
      finish(stream.async_connect(Local::endpoint(check_.unix_socket), net::use_future));
      return "";
    }
    if (check_.protocol == ConnectionCheck::Protocol::https) {
      net::ssl::context tls(net::ssl::context::tls_client);
      tls.set_verify_mode(net::ssl::verify_none);
      beast::ssl_stream<beast::tcp_stream> stream(io_, tls);
      connect(stream.next_layer());
      finish(stream.async_handshake(net::ssl::stream_base::client, net::use_future));
      return ask(stream);
    }
    beast::tcp_stream stream(io_);
    connect(stream);
    return check_.protocol == ConnectionCheck::Protocol::http ? ask(stream) : "";
  }

 private:
  std::chrono::seconds limit() const { return std::chrono::seconds(check_.timeout_seconds); }

  void connect(beast::tcp_stream& stream) {
    net::ip::tcp::resolver resolver(io_);
    const auto endpoints = resolver.resolve(check_.host, std::to_string(check_.port));
    stream.expires_after(limit());
    finish(stream.async_connect(endpoints, net::use_future));
  }

  template <typename Stream>
  std::string ask(Stream& stream) {
    beast::http::request<beast::http::empty_body> request(beast::http::verb::get, check_.request, 11);
    request.set(beast::http::field::host, check_.host);
    request.set(beast::http::field::connection, "close");
    finish(beast::http::async_write(stream, request, net::use_future));
    beast::flat_buffer buffer;
    beast::http::response_parser<beast::http::empty_body> answer;
    answer.skip(true);  // its body is of no interest, however long
    finish(beast::http::async_read_header(stream, buffer, answer, net::use_future));
    const auto status = answer.get().result_int();
    constexpr unsigned first_bad_status = 400;
    return status < first_bad_status ? "" : "HTTP status " + std::to_string(status);
  }

  const ConnectionCheck& check_;
  net::io_context io_{1};
};

}  // namespace

std::string problem_of(const ConnectionCheck& check) {
  try {
    return Attempt(check).run();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace slipway::agent
