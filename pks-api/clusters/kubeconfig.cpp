#include "pks-api/clusters/kubeconfig.hpp"

#include "base/digest.hpp"

namespace slipway::pks {

namespace {

Json document(const KubernetesEndpoint& endpoint, const std::string& user, const Json& credentials) {
  Json cluster = {{"server", endpoint.server},
                  {"certificate-authority-data", base64_encode(endpoint.ca_pem)}};
  if (!endpoint.tls_server_name.empty()) cluster["tls-server-name"] = endpoint.tls_server_name;
  return {{"apiVersion", "v1"},
          {"kind", "Config"},
          {"preferences", Json::object()},
          {"clusters", Json::array({{{"name", endpoint.cluster}, {"cluster", cluster}}})},
          {"contexts", Json::array({{{"name", endpoint.cluster},
                                     {"context", {{"cluster", endpoint.cluster}, {"user", user}}}}})},
          {"current-context", endpoint.cluster},
          {"users", Json::array({{{"name", user}, {"user", credentials}}})}};
}

}  // namespace

Json admin_kubeconfig(const KubernetesEndpoint& endpoint, const std::string& user,
                      const std::string& certificate_pem, const Secret& private_key_pem) {
  return document(endpoint, user,
                  {{"client-certificate-data", base64_encode(certificate_pem)},
                   {"client-key-data", base64_encode(private_key_pem.reveal())}});
}

Json oidc_kubeconfig(const KubernetesEndpoint& endpoint, const std::string& user,
                     const std::string& issuer_url, const std::string& client,
                     const std::string& idp_ca_pem) {
  Json config = {{"client-id", client}, {"client-secret", ""}, {"idp-issuer-url", issuer_url}};
  if (!idp_ca_pem.empty()) config["idp-certificate-authority-data"] = base64_encode(idp_ca_pem);
  return document(endpoint, user, {{"auth-provider", {{"name", "oidc"}, {"config", config}}}});
}

Json exec_kubeconfig(const KubernetesEndpoint& endpoint, const std::string& user, const std::string& issuer_url,
                     const std::string& client) {
  return document(endpoint, user,
                  {{"exec",
                    {{"apiVersion", "client.authentication.k8s.io/v1"},
                     {"command", "pks"},
                     {"args", {"cluster-token", "--issuer", issuer_url, "--client-id", client, "--user", user}},
                     {"interactiveMode", "Never"},
                     {"provideClusterInfo", false},
                     {"installHint", "pks is the command line of the API that made this cluster"}}}});
}

}  // namespace slipway::pks
