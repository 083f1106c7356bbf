#include "base/http/tls_context.hpp"

#include <openssl/ssl.h>

namespace slipway::http {
namespace {

namespace ssl = boost::asio::ssl;

void check(const boost::system::error_code& error, const std::string& what, const std::string& file) {
  if (error) throw Error(Fault::invalid, what + " " + file + ": " + error.message());
}

}  // namespace

std::unique_ptr<ssl::context> make_tls_context(const ServerConfig& config) {
  if (config.certificate_file.empty()) return nullptr;
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::no_compression);
  auto* native = context->native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  // Clients that close without a farewell are the rule; framing tells whether a message is whole.
  ::SSL_CTX_set_options(
      native, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);

  boost::system::error_code error;
  context->use_certificate_chain_file(config.certificate_file, error);
  check(error, "certificate file", config.certificate_file);
  context->use_private_key_file(config.private_key_file, ssl::context::pem, error);
  check(error, "private key file", config.private_key_file);
  if (::SSL_CTX_check_private_key(native) != 1)
    throw Error(Fault::invalid, "private key file " + config.private_key_file + ": not the key of " +
                                    config.certificate_file);
  if (config.client_ca_file.empty()) {
    if (config.client_certificate_required)
      throw Error(Fault::invalid, "client certificates are required, but client_ca_file is empty");
    return context;
  }

  context->load_verify_file(config.client_ca_file, error);
  check(error, "client CA file", config.client_ca_file);
  ::SSL_CTX_set_client_CA_list(native, ::SSL_load_client_CA_file(config.client_ca_file.c_str()));
  auto mode = ssl::verify_peer;
  if (config.client_certificate_required) mode |= ssl::verify_fail_if_no_peer_cert;
  context->set_verify_mode(mode);
  // Without it OpenSSL refuses to resume sessions of verified clients.
  static constexpr unsigned char session_context[] = "slipway";
  ::SSL_CTX_set_session_id_context(native, session_context, sizeof(session_context) - 1);
  return context;
}

}  // namespace slipway::http
