#pragma once

#include <memory>
#include <string>

#include "base/file.hpp"
#include "base/http/server.hpp"
#include "base/tls.hpp"

namespace slipway::cli {

// An API server that knows one thing: who asks. It takes client certificates of its CA, and identity tokens
// as kube-apiserver does: found by discovery from the issuer's URL, verified by a key of its JWKS, for one
// client, in time.
class FakeKubernetes {
 public:
  FakeKubernetes(const tls::KeyPair& ca, std::string issuer_url, std::string issuer_ca_pem);
  ~FakeKubernetes();
  std::string url() const;  // GET /whoami: {"user": …, "groups": […]}, or 401

 private:
  http::Response whoami(const http::Request& request) const;
  Json claims_of(const std::string& token) const;  // Fault::unauthenticated

  TempDir folder_{"fake-kubernetes"};
  std::string issuer_url_, issuer_ca_pem_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace slipway::cli
