#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/digest.hpp"
#include "base/rs256_key.hpp"
#include "base/tls_openssl.hpp"

namespace slipway::tls {

void require(bool good, const char* what) {
  if (good) return;
  char reason[256] = "unknown";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, reason, sizeof reason);
  ERR_clear_error();
  throw Error(Fault::internal, std::string("OpenSSL: ") + what + ": " + reason);
}

Owned<BIO, BIO_free_all> reading(const std::string& text) {
  Owned<BIO, BIO_free_all> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  require(bio != nullptr, "reading memory");
  return bio;
}

std::string written(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

int no_password(char*, int, int, void*) { return -1; }

KeyPtr generate_rsa(int bits) {
  if (bits < 1024 || bits > 8192) throw Error(Fault::invalid, "an RSA key has 1024 to 8192 bits");
  KeyPtr key(EVP_RSA_gen(static_cast<unsigned>(bits)));
  require(key != nullptr, "making an RSA key");
  return key;
}

KeyPtr generate_key(KeyType type, int rsa_bits) {
  if (type == KeyType::rsa) return generate_rsa(rsa_bits);
  KeyPtr key(EVP_EC_gen("P-256"));
  require(key != nullptr, "making an elliptic key");
  return key;
}

KeyPtr read_private_key(const Secret& pem) {
  KeyPtr key(PEM_read_bio_PrivateKey(reading(pem.reveal()).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) throw Error(Fault::invalid, "the text is not a PEM private key");
  return key;
}

KeyPtr read_public_key(const std::string& pem) {
  KeyPtr key(PEM_read_bio_PUBKEY(reading(pem).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) throw Error(Fault::invalid, "the text is not a PEM public key");
  return key;
}

Secret private_key_pem(EVP_PKEY* key) {
  const Owned<BIO, BIO_free_all> out(BIO_new(BIO_s_secmem()));  // zeroed when freed
  require(out && PEM_write_bio_PrivateKey_traditional(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "writing a private key");
  return Secret(written(out.get()));
}

RsaKey create_rsa_key(int bits) {
  const auto key = generate_rsa(bits);
  const Owned<BIO, BIO_free_all> out(BIO_new(BIO_s_mem()));
  require(out && PEM_write_bio_PUBKEY(out.get(), key.get()) == 1, "writing a public key");
  return {private_key_pem(key.get()), written(out.get())};
}

namespace {

void append_length(std::string& out, std::size_t length) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(length >> shift & 0xff);
}

void append_string(std::string& out, std::string_view bytes) {
  append_length(out, bytes.size());
  out += bytes;
}

// RFC 4251: big-endian, a zero byte in front when the top bit is set.
void append_mpint(std::string& out, EVP_PKEY* key, const char* parameter) {
  BIGNUM* raw = nullptr;
  require(EVP_PKEY_get_bn_param(key, parameter, &raw) == 1, "reading a public key");
  const Owned<BIGNUM, BN_free> number(raw);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
  BN_bn2bin(raw, reinterpret_cast<unsigned char*>(bytes.data()));
  if (!bytes.empty() && static_cast<unsigned char>(bytes[0]) >= 0x80) bytes.insert(bytes.begin(), '\0');
  append_string(out, bytes);
}

struct SshKey {
  std::string_view type;
  std::string blob;
};

SshKey to_ssh(const std::string& public_key_pem) {
  const auto key = read_public_key(public_key_pem);
  SshKey ssh;
  if (EVP_PKEY_is_a(key.get(), "RSA")) {
    ssh.type = "ssh-rsa";
    append_string(ssh.blob, ssh.type);
    append_mpint(ssh.blob, key.get(), OSSL_PKEY_PARAM_RSA_E);
    append_mpint(ssh.blob, key.get(), OSSL_PKEY_PARAM_RSA_N);
  } else if (EVP_PKEY_is_a(key.get(), "ED25519")) {
    std::array<unsigned char, 32> raw{};
    std::size_t size = raw.size();
    require(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1, "reading a public key");
    ssh.type = "ssh-ed25519";
    append_string(ssh.blob, ssh.type);
    append_string(ssh.blob, {reinterpret_cast<const char*>(raw.data()), size});
  } else {
    throw Error(Fault::invalid, "an SSH key is RSA or Ed25519");
  }
  return ssh;
}

}  // namespace

std::string ssh_public_key(const std::string& public_key_pem) {
  const auto key = to_ssh(public_key_pem);
  return std::string(key.type) + " " + base64_encode(key.blob);
}

std::string ssh_fingerprint(const std::string& public_key_pem) {
  const auto key = to_ssh(public_key_pem);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  require(EVP_Digest(key.blob.data(), key.blob.size(), digest.data(), &size, EVP_md5(), nullptr) == 1, "MD5");
  const auto hex = hex_encode({reinterpret_cast<const char*>(digest.data()), size});
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) out += (i == 0 ? "" : ":") + hex.substr(i, 2);
  return out;
}

namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

void require_rsa(const KeyPtr& key) {
  if (!EVP_PKEY_is_a(key.get(), "RSA")) throw Error(Fault::invalid, "RS256 needs an RSA key");
}

}  // namespace

std::string rs256_sign(const Secret& private_key_pem, std::string_view message) {
  const auto key = read_private_key(private_key_pem);
  require_rsa(key);
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  require(context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, bytes_of(message), message.size()) == 1,
          "signing");
  std::string signature(size, '\0');
  require(EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(message), message.size()) == 1, "signing");
  signature.resize(size);
  return signature;
}

struct Rs256Key::Parts {
  KeyPtr key;
};

Rs256Key::Rs256Key(const std::string& public_key_pem)
    : parts_(std::make_unique<Parts>(Parts{read_public_key(public_key_pem)})) {
  require_rsa(parts_->key);
}

Rs256Key::~Rs256Key() = default;

bool Rs256Key::verifies(std::string_view message, std::string_view signature) const {
  const DigestContext context(EVP_MD_CTX_new());
  require(context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, parts_->key.get()) == 1,
          "verifying");
  const bool good = EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                                     message.size()) == 1;
  ERR_clear_error();
  return good;
}

bool rs256_verify(const std::string& public_key_pem, std::string_view message, std::string_view signature) {
  return Rs256Key(public_key_pem).verifies(message, signature);
}

namespace {

// seal() writes: version, nonce, ciphertext, tag.
constexpr char seal_version = 1;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;

using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

void require_key(const Secret& key) {
  if (key.reveal().size() != 32) throw Error(Fault::invalid, "an encryption key has 32 bytes");
}

}  // namespace

std::string seal(const Secret& key, std::string_view plain, std::string_view aad) {
  require_key(key);
  std::string sealed(1 + nonce_size + plain.size() + tag_size, '\0');
  sealed[0] = seal_version;
  auto* nonce = bytes_of(sealed) + 1;
  auto* text = nonce + nonce_size;
  require(RAND_bytes(nonce, static_cast<int>(nonce_size)) == 1, "random bytes");
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  require(context &&
              EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key.reveal()), nonce) == 1 &&
              EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(aad), static_cast<int>(aad.size())) == 1 &&
              EVP_EncryptUpdate(context.get(), text, &size, bytes_of(plain), static_cast<int>(plain.size())) == 1 &&
              EVP_EncryptFinal_ex(context.get(), text + size, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, text + plain.size()) == 1,
          "encrypting");
  return sealed;
}

Secret open_sealed(const Secret& key, std::string_view sealed, std::string_view aad) {
  require_key(key);
  if (sealed.size() < 1 + nonce_size + tag_size || sealed[0] != seal_version) {
    throw Error(Fault::invalid, "the sealed text is malformed");
  }
  const auto nonce = sealed.substr(1, nonce_size);
  const auto cipher = sealed.substr(1 + nonce_size, sealed.size() - 1 - nonce_size - tag_size);
  std::string tag(sealed.substr(sealed.size() - tag_size));
  std::string plain(cipher.size(), '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  require(context &&
              EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key.reveal()),
                                 bytes_of(nonce)) == 1 &&
              EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(aad), static_cast<int>(aad.size())) == 1 &&
              EVP_DecryptUpdate(context.get(), bytes_of(plain), &size, bytes_of(cipher),
                                static_cast<int>(cipher.size())) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1,
          "decrypting");
  Secret result(std::move(plain));
  unsigned char rest[16];
  if (EVP_DecryptFinal_ex(context.get(), rest, &size) != 1) {
    ERR_clear_error();
    throw Error(Fault::invalid, "the sealed text was changed, or belongs to another key or place");
  }
  return result;
}

namespace {

struct ScryptCost {
  std::uint64_t n = 1u << 15;  // 32 MiB
  std::uint64_t r = 8;
  std::uint64_t p = 3;
  bool sane() const { return n >= 2 && n <= 1u << 20 && r >= 1 && r <= 32 && p >= 1 && p <= 16; }
};

std::optional<Secret> scrypt(const Secret& password, const std::string& salt, const ScryptCost& cost) {
  const auto memory = 128 * cost.r * (cost.n + cost.p + 2) + (1u << 20);
  std::string out(32, '\0');
  const auto& text = password.reveal();
  const bool good = EVP_PBE_scrypt(text.data(), text.size(), bytes_of(salt), salt.size(), cost.n, cost.r, cost.p,
                                   memory, bytes_of(out), out.size()) == 1;
  ERR_clear_error();
  if (!good) return std::nullopt;
  return Secret(std::move(out));
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool read_number(const std::string& text, std::uint64_t& value) {
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stopped == end;
}

}  // namespace

std::string hash_password(const Secret& password) {
  std::string salt(16, '\0');
  require(RAND_bytes(bytes_of(salt), static_cast<int>(salt.size())) == 1, "random bytes");
  const ScryptCost cost;
  const auto hash = scrypt(password, salt, cost);
  require(hash.has_value(), "scrypt");
  return "scrypt$" + std::to_string(cost.n) + "$" + std::to_string(cost.r) + "$" + std::to_string(cost.p) + "$" +
         base64_encode(salt) + "$" + base64_encode(hash->reveal());
}

bool check_password(const Secret& password, const std::string& hash) {
  const auto parts = split(hash, '$');
  ScryptCost cost;
  if (parts.size() != 6 || parts[0] != "scrypt" || !read_number(parts[1], cost.n) || !read_number(parts[2], cost.r) ||
      !read_number(parts[3], cost.p) || !cost.sane()) {
    return false;
  }
  try {
    const Secret expected(base64_decode(parts[5]));
    const auto actual = scrypt(password, base64_decode(parts[4]), cost);
    return actual && actual->equals(expected);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace slipway::tls
