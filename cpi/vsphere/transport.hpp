#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/http/client.hpp"

namespace slipway::cpi::vsphere {

// Where requests leave the program; replaced in tests that lose, delay or garble what goes through it.
class Transport {
 public:
  virtual ~Transport() = default;
  // `origin` is "https://host:port". A request that `may_repeat` may reach the server twice, for it shares
  // a connection; any other has one of its own. Thread-safe. Throws as http::Client does.
  virtual http::ClientResponse send(const std::string& origin, const http::ClientRequest& request,
                                    bool may_repeat) = 0;
};

// HTTPS by base/http.
class HttpTransport final : public Transport {
 public:
  HttpTransport(std::string ca_pem, bool verify_tls) : ca_pem_(std::move(ca_pem)), verify_tls_(verify_tls) {}
  http::ClientResponse send(const std::string& origin, const http::ClientRequest& request,
                            bool may_repeat) override;

 private:
  const http::Client& client(const std::string& origin, bool may_repeat);
  const std::string ca_pem_;
  const bool verify_tls_;
  std::mutex mutex_;
  std::map<std::pair<std::string, bool>, std::unique_ptr<http::Client>> clients_;
};

}  // namespace slipway::cpi::vsphere
