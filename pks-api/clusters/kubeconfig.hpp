#pragma once

#include <string>

#include "base/json.hpp"
#include "base/secret.hpp"

namespace slipway::pks {

// How a cluster's API is reached.
struct KubernetesEndpoint {
  std::string cluster;  // name of the entry and of the context
  std::string server;   // https://HOST:PORT
  std::string ca_pem;
  std::string tls_server_name;  // that the certificate is to have; empty: the server's
};

// Documents of kind Config, as kubectl reads them. Source: the fields of client-go's clientcmd/api/v1.
Json admin_kubeconfig(const KubernetesEndpoint& endpoint, const std::string& user,
                      const std::string& certificate_pem, const Secret& private_key_pem);

// For a user of the identity: the tokens are still missing, the user's own program puts them in. `idp_ca_pem`
// may be empty.
Json oidc_kubeconfig(const KubernetesEndpoint& endpoint, const std::string& user,
                     const std::string& issuer_url, const std::string& client, const std::string& idp_ca_pem);

// For a user of an issuer that is not ours: kubectl asks `pks` for a token whenever it needs one.
Json exec_kubeconfig(const KubernetesEndpoint& endpoint, const std::string& user, const std::string& issuer_url,
                     const std::string& client);

}  // namespace slipway::pks
