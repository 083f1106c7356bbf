#include "base/http/transport.hpp"

#include <openssl/x509.h>
#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace slipway::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;

std::string common_name_of(X509* certificate) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) return {};
  std::string result(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  // A NUL would let "admin\0.example" pass for "admin" further on.
  return result.find('\0') == std::string::npos ? result : std::string();
}

template <class Stream>
class StreamTransport : public Transport {
 public:
  template <class... Arguments>
  explicit StreamTransport(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {}

  asio::any_io_executor executor() override { return stream_.get_executor(); }

  void read_some(beast::flat_buffer& into, std::size_t max, Limit limit, Done done) override {
    lowest().expires_after(limit);
    stream_.async_read_some(into.prepare(max), [&into, done = std::move(done)](auto error, std::size_t size) {
      into.commit(size);
      done(error, size);
    });
  }
  void read_header(beast::flat_buffer& buffer, Parser& parser, Limit limit, Done done) override {
    lowest().expires_after(limit);
    beast::http::async_read_header(stream_, buffer, parser, std::move(done));
  }
  void read_body(beast::flat_buffer& buffer, Parser& parser, Limit limit, Done done) override {
    lowest().expires_after(limit);
    beast::http::async_read_some(stream_, buffer, parser, std::move(done));
  }
  void write(asio::const_buffer bytes, Limit limit, Done done) override {
    // A timer that is set and cancelled costs as much as a short write.
    if (limit == no_limit)
      lowest().expires_never();
    else
      lowest().expires_after(limit);
    asio::async_write(stream_, bytes, std::move(done));
  }
  void discard_some(Limit limit, Done done) override {
    lowest().expires_after(limit);
    lowest().async_read_some(asio::buffer(waste_), std::move(done));
  }
  void close() override { lowest().close(); }
  std::string remote_address() override {
    boost::system::error_code error;
    const auto peer = lowest().socket().remote_endpoint(error);
    return error ? std::string() : peer.address().to_string();
  }

 protected:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  void end_socket_output() {
    boost::system::error_code ignored;
    lowest().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }

  Stream stream_;
  std::array<char, 4096> waste_;
};

class PlainTransport final : public StreamTransport<beast::tcp_stream> {
 public:
  using StreamTransport::StreamTransport;
  void handshake(Limit, Done done) override { done({}, 0); }
  void end_output(Limit, Done done) override {
    end_socket_output();
    done({}, 0);
  }
  std::string peer_common_name() override { return {}; }
};

class TlsTransport final : public StreamTransport<beast::ssl_stream<beast::tcp_stream>> {
 public:
  using StreamTransport::StreamTransport;
  void handshake(Limit limit, Done done) override {
    lowest().expires_after(limit);
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [done = std::move(done)](auto error) { done(error, 0); });
  }
  void end_output(Limit limit, Done done) override {
    lowest().expires_after(limit);
    stream_.async_shutdown([this, done = std::move(done)](auto error) {
      end_socket_output();
      done(error, 0);
    });
  }
  std::string peer_common_name() override {
    auto* tls = stream_.native_handle();
    X509* certificate = ::SSL_get1_peer_certificate(tls);
    if (!certificate) return {};
    std::string name =
        ::SSL_get_verify_result(tls) == X509_V_OK ? common_name_of(certificate) : std::string();
    ::X509_free(certificate);
    return name;
  }
};

}  // namespace

std::unique_ptr<Transport> make_transport(asio::ip::tcp::socket socket, asio::ssl::context* tls) {
  if (tls) return std::make_unique<TlsTransport>(std::move(socket), *tls);
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace slipway::http
