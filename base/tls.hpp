#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"

namespace slipway::tls {

struct KeyPair {
  std::string certificate_pem;
  Secret private_key_pem;
};

enum class Usage { server, client, server_and_client };

// RSA is what every client understands; an elliptic key is made a thousand times faster.
enum class KeyType { rsa, ec_p256 };

struct Subject {
  // With `bosh_style` the name is "C=USA, O=Cloud Foundry, CN=…" exactly as BOSH's NATS
  // certificates carry it ("USA" breaks the two-letter limit on purpose).
  std::string common_name;
  std::string organization;
  bool bosh_style = false;
};

struct CertificateRequest {
  Subject subject;
  std::vector<std::string> alternative_names;  // DNS names and IP addresses, told apart by form
  Usage usage = Usage::server;
  std::chrono::hours lifetime{24 * 365};
  int rsa_bits = 2048;
  KeyType key = KeyType::rsa;
  std::optional<Secret> private_key_pem;  // one that is made already
};

// A self-signed CA, or with `issuer` an intermediate one; `private_key_pem` is one that is made already.
KeyPair create_ca(const Subject& subject, std::chrono::hours lifetime, Timestamp now, int rsa_bits = 2048,
                  const KeyPair* issuer = nullptr, KeyType key_type = KeyType::rsa,
                  const std::optional<Secret>& private_key_pem = std::nullopt);

// A CA that is read once and signs often. Thread-safe.
class Issuer {
 public:
  explicit Issuer(const KeyPair& ca);  // Fault::invalid
  ~Issuer();
  KeyPair issue(const CertificateRequest& request, Timestamp now) const;

 private:
  struct Parts;
  std::unique_ptr<const Parts> parts_;
};
KeyPair issue(const KeyPair& ca, const CertificateRequest& request, Timestamp now);
KeyPair self_signed(const CertificateRequest& request, Timestamp now);

struct CertificateInfo {
  std::string subject;      // RFC 2253 order reversed, e.g. "C=USA, O=Cloud Foundry, CN=x"
  std::string common_name;
  std::vector<std::string> alternative_names;
  Timestamp not_before;
  Timestamp not_after;
  bool is_ca = false;
};
CertificateInfo inspect(const std::string& certificate_pem);  // Fault::invalid

// Throws Fault::invalid saying why (unknown issuer, expired, …).
void verify(const std::string& certificate_pem, const std::string& ca_pem, Timestamp now);

// RSA or Ed25519 key material for variables of type rsa and ssh.
struct RsaKey {
  Secret private_key_pem;
  std::string public_key_pem;
};
RsaKey create_rsa_key(int bits = 2048);
// "ssh-rsa AAAA…" and its MD5-style fingerprint (aa:bb:…) of a PEM public key.
std::string ssh_public_key(const std::string& public_key_pem);
std::string ssh_fingerprint(const std::string& public_key_pem);

// RS256 over bytes, for tokens. The signature is raw bytes.
std::string rs256_sign(const Secret& private_key_pem, std::string_view message);
bool rs256_verify(const std::string& public_key_pem, std::string_view message, std::string_view signature);

// Envelope encryption at rest: AES-256-GCM with a random nonce; `aad` binds the
// ciphertext to its place. The key is 32 bytes.
std::string seal(const Secret& key, std::string_view plain, std::string_view aad);
Secret open_sealed(const Secret& key, std::string_view sealed, std::string_view aad);  // Fault::invalid

// scrypt password hash, self-describing text "scrypt$N$r$p$salt$hash", and its check.
std::string hash_password(const Secret& password);
bool check_password(const Secret& password, const std::string& hash);

}  // namespace slipway::tls
