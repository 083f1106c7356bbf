#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace slipway::http {

using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

// A socket, with TLS or without. Operations are started on its executor (a strand), one at a
// time; each ends with an error when `limit` has passed, and the socket is closed then.
class Transport {
 public:
  using Done = std::function<void(boost::system::error_code, std::size_t)>;
  using Limit = std::chrono::milliseconds;
  static constexpr Limit no_limit = Limit::max();  // for write(): the caller has a timer of its own

  virtual ~Transport() = default;
  virtual boost::asio::any_io_executor executor() = 0;
  virtual void handshake(Limit limit, Done done) = 0;
  virtual void read_some(boost::beast::flat_buffer& into, std::size_t max, Limit limit, Done done) = 0;
  virtual void read_header(boost::beast::flat_buffer& buffer, Parser& parser, Limit limit, Done done) = 0;
  virtual void read_body(boost::beast::flat_buffer& buffer, Parser& parser, Limit limit, Done done) = 0;
  virtual void write(boost::asio::const_buffer bytes, Limit limit, Done done) = 0;
  // Tells the peer that nothing more will be sent.
  virtual void end_output(Limit limit, Done done) = 0;
  // Throws away what still arrives, below TLS.
  virtual void discard_some(Limit limit, Done done) = 0;
  virtual void close() = 0;
  virtual std::string remote_address() = 0;
  virtual std::string peer_common_name() = 0;  // verified by the handshake; empty when there is none
};

// `tls` null: plain. The context must outlive the transport.
std::unique_ptr<Transport> make_transport(boost::asio::ip::tcp::socket socket,
                                          boost::asio::ssl::context* tls);

}  // namespace slipway::http
