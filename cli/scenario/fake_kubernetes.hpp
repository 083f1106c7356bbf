#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/http/server.hpp"
#include "base/tls.hpp"
#include "cli/scenario/pks_lab.hpp"

namespace slipway::cli {

// An API server that knows one thing: who asks. It takes client certificates of its CA, and identity tokens
// as kube-apiserver does: found by discovery from the issuer's URL, verified by a key of its JWKS, for one
// client, in time, with a prefix before the names.
class FakeKubernetes {
 public:
  FakeKubernetes(const tls::KeyPair& ca, std::string issuer_url, std::string issuer_ca_pem);
  ~FakeKubernetes();
  // As the job kube-apiserver takes its property oidc.external.
  void believe(const Json& external);
  std::string url() const;  // GET /whoami: {"user": …, "groups": […]}, or 401

 private:
  struct Issuer {
    std::string url, ca_pem, client;
    std::string user_claim, user_prefix, groups_claim, groups_prefix;
  };
  http::Response whoami(const http::Request& request) const;
  Issuer issuer_of(const Json& claims) const;  // Fault::unauthenticated
  static void verify(const std::string& token, const Json& claims, const Issuer& issuer);

  TempDir folder_{"fake-kubernetes"};
  mutable std::mutex mutex_;
  std::vector<Issuer> issuers_;
  std::unique_ptr<http::Server> server_;
};

// `kubectl get --raw /whoami` by the user's kubeconfig.
inline constexpr const char* kubectl = "/usr/bin/kubectl";
ProcessResult run_kubectl(const User& user, const FakeKubernetes& kubernetes);

}  // namespace slipway::cli
