#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "base/http/server.hpp"

namespace slipway::http {

// TLS 1.2 and later as the configuration says; null for plain HTTP. Fault::invalid names the
// file that cannot be used.
std::unique_ptr<boost::asio::ssl::context> make_tls_context(const ServerConfig& config);

}  // namespace slipway::http
