#include "base/tls.hpp"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <ctime>

#include "base/tls_openssl.hpp"

namespace slipway::tls {

namespace {

void free_shallow(STACK_OF(X509)* stack) { sk_X509_free(stack); }
void free_names(GENERAL_NAMES* names) { GENERAL_NAMES_free(names); }

using CertificatePtr = Owned<X509, X509_free>;

// Nodes boot with clocks that are a little late.
constexpr std::chrono::minutes backdating{5};

std::vector<CertificatePtr> read_certificates(const std::string& pem, const char* what) {
  std::vector<CertificatePtr> found;
  const auto bio = reading(pem);
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) found.emplace_back(next);
  ERR_clear_error();  // the end of the text counts as an error
  if (found.empty()) throw Error(Fault::invalid, std::string(what) + " is not a PEM certificate");
  return found;
}

// Entries with a string type of their own: OpenSSL's length limits (two letters for C, 64
// for CN) apply to its MBSTRING types only, and BOSH's names exceed both.
void add_entry(X509_NAME* name, int nid, int type, const std::string& value) {
  require(X509_NAME_add_entry_by_NID(name, nid, type, reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1,
          "a certificate's name");
}

void set_subject(X509* certificate, const Subject& subject) {
  auto* name = X509_get_subject_name(certificate);
  if (subject.bosh_style) add_entry(name, NID_countryName, V_ASN1_PRINTABLESTRING, "USA");
  const auto organization =
      subject.organization.empty() && subject.bosh_style ? "Cloud Foundry" : subject.organization;
  if (!organization.empty()) add_entry(name, NID_organizationName, V_ASN1_UTF8STRING, organization);
  if (!subject.common_name.empty()) add_entry(name, NID_commonName, V_ASN1_UTF8STRING, subject.common_name);
}

void set_serial(X509* certificate) {
  const Owned<BIGNUM, BN_free> number(BN_new());
  // 127 bits keep the number positive and within RFC 5280's twenty bytes.
  require(number && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
          "a serial number");
}

void set_validity(X509* certificate, Timestamp now, std::chrono::hours lifetime) {
  const auto from = static_cast<time_t>(to_epoch_seconds(now - backdating));
  const auto to = static_cast<time_t>(to_epoch_seconds(now + lifetime));
  require(ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
              ASN1_TIME_set(X509_getm_notAfter(certificate), to) != nullptr,
          "a certificate's lifetime");
}

// `text` is one of this file's own constants: names from outside never pass here.
void add_extension(X509* certificate, X509* issuer, int nid, const char* text) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, text));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "a certificate's extension");
}

bool is_dns_name(const std::string& name) {
  if (name.empty() || name.size() > 253) return false;
  for (const char c : name) {
    const bool letter_or_digit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter_or_digit && c != '.' && c != '-' && c != '_' && c != '*') return false;
  }
  return true;
}

void add_alternative_names(X509* certificate, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const Owned<GENERAL_NAMES, free_names> list(GENERAL_NAMES_new());
  require(list != nullptr, "alternative names");
  for (const auto& name : names) {
    Owned<GENERAL_NAME, GENERAL_NAME_free> entry(GENERAL_NAME_new());
    require(entry != nullptr, "an alternative name");
    if (auto* address = a2i_IPADDRESS(name.c_str())) {
      GENERAL_NAME_set0_value(entry.get(), GEN_IPADD, address);
    } else {
      ERR_clear_error();
      if (!is_dns_name(name)) throw Error(Fault::invalid, "\"" + name + "\" is neither a DNS name nor an IP address");
      Owned<ASN1_IA5STRING, ASN1_IA5STRING_free> text(ASN1_IA5STRING_new());
      require(text && ASN1_STRING_set(text.get(), name.data(), static_cast<int>(name.size())) == 1, "a DNS name");
      GENERAL_NAME_set0_value(entry.get(), GEN_DNS, text.release());
    }
    require(sk_GENERAL_NAME_push(list.get(), entry.get()) > 0, "an alternative name");
    entry.release();
  }
  require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) == 1,
          "alternative names");
}

const char* extended_usage(Usage usage) {
  switch (usage) {
    case Usage::server: return "serverAuth";
    case Usage::client: return "clientAuth";
    case Usage::server_and_client: return "serverAuth,clientAuth";
  }
  return "serverAuth";
}

struct Signer {
  CertificatePtr certificate;
  KeyPtr key;
};

Signer read_signer(const KeyPair& ca) {
  Signer issuer{std::move(read_certificates(ca.certificate_pem, "the CA").front()),
                read_private_key(ca.private_key_pem)};
  if (X509_check_ca(issuer.certificate.get()) == 0) throw Error(Fault::invalid, "the issuer is not a CA");
  if (X509_check_private_key(issuer.certificate.get(), issuer.key.get()) != 1) {
    ERR_clear_error();
    throw Error(Fault::invalid, "the CA's private key does not belong to its certificate");
  }
  return issuer;
}

CertificatePtr begin_certificate(const Subject& subject, EVP_PKEY* key, Timestamp now, std::chrono::hours lifetime) {
  CertificatePtr certificate(X509_new());
  require(certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "a certificate");
  set_serial(certificate.get());
  set_validity(certificate.get(), now, lifetime);
  set_subject(certificate.get(), subject);
  require(X509_set_pubkey(certificate.get(), key) == 1, "a certificate's key");
  return certificate;
}

// Adds what depends on the issuer (nullptr: self-signed), signs, and writes both as PEM.
KeyPair finish_certificate(const CertificatePtr& certificate, const KeyPtr& key, const Signer* issuer) {
  auto* signer = issuer == nullptr ? certificate.get() : issuer->certificate.get();
  require(X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer)) == 1, "an issuer's name");
  add_extension(certificate.get(), signer, NID_subject_key_identifier, "hash");
  // A CA made elsewhere may lack the identifier that this one would point to.
  if (issuer == nullptr || X509_get0_subject_key_id(signer) != nullptr) {
    add_extension(certificate.get(), signer, NID_authority_key_identifier, "keyid:always");
  }
  auto* signing_key = issuer == nullptr ? key.get() : issuer->key.get();
  require(X509_sign(certificate.get(), signing_key, EVP_sha256()) > 0, "signing a certificate");
  const Owned<BIO, BIO_free_all> out(BIO_new(BIO_s_mem()));
  require(out && PEM_write_bio_X509(out.get(), certificate.get()) == 1, "writing a certificate");
  return {written(out.get()), private_key_pem(key.get())};
}

KeyPair make_leaf(const CertificateRequest& request, Timestamp now, const Signer* issuer) {
  const bool elliptic = request.key == KeyType::ec_p256;
  const auto key =
      request.private_key_pem ? read_private_key(*request.private_key_pem) : generate_key(request.key, request.rsa_bits);
  const auto certificate = begin_certificate(request.subject, key.get(), now, request.lifetime);
  auto* x509 = certificate.get();
  add_extension(x509, x509, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(x509, x509, NID_key_usage,
                elliptic ? "critical,digitalSignature" : "critical,digitalSignature,keyEncipherment");
  add_extension(x509, x509, NID_ext_key_usage, extended_usage(request.usage));
  add_alternative_names(x509, request.alternative_names);
  return finish_certificate(certificate, key, issuer);
}

}  // namespace

KeyPair create_ca(const Subject& subject, std::chrono::hours lifetime, Timestamp now, int rsa_bits,
                  const KeyPair* issuer, KeyType key_type, const std::optional<Secret>& private_key_pem) {
  std::optional<Signer> parent;
  if (issuer != nullptr) parent = read_signer(*issuer);
  const auto key = private_key_pem ? read_private_key(*private_key_pem) : generate_key(key_type, rsa_bits);
  const auto certificate = begin_certificate(subject, key.get(), now, lifetime);
  auto* x509 = certificate.get();
  // An intermediate CA signs leaves only.
  add_extension(x509, x509, NID_basic_constraints, parent ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE");
  add_extension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign");
  return finish_certificate(certificate, key, parent ? &*parent : nullptr);
}

struct Issuer::Parts {
  Signer signer;
};

Issuer::Issuer(const KeyPair& ca) : parts_(std::make_unique<const Parts>(Parts{read_signer(ca)})) {}
Issuer::~Issuer() = default;

KeyPair Issuer::issue(const CertificateRequest& request, Timestamp now) const {
  return make_leaf(request, now, &parts_->signer);
}

KeyPair issue(const KeyPair& ca, const CertificateRequest& request, Timestamp now) {
  return Issuer(ca).issue(request, now);
}

KeyPair self_signed(const CertificateRequest& request, Timestamp now) { return make_leaf(request, now, nullptr); }

namespace {

Timestamp to_timestamp(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) throw Error(Fault::invalid, "the certificate has a malformed time");
  return from_epoch_seconds(::timegm(&parts));
}

std::string subject_text(const X509_NAME* name) {
  const Owned<BIO, BIO_free_all> out(BIO_new(BIO_s_mem()));
  require(out && X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) >= 0, "a subject");
  return written(out.get());
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return {};
  std::string text(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

std::vector<std::string> alternative_names(const X509* certificate) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES, free_names> list(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; list && i < sk_GENERAL_NAME_num(list.get()); ++i) {
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list.get(), i), &type));
    if (type == GEN_DNS) {
      names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                         static_cast<std::size_t>(ASN1_STRING_length(value)));
    } else if (type == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN];
      const int family = ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6;
      const bool whole = family == AF_INET || ASN1_STRING_length(value) == 16;
      if (whole && ::inet_ntop(family, ASN1_STRING_get0_data(value), text, sizeof text) != nullptr) {
        names.emplace_back(text);
      }
    }
  }
  return names;
}

}  // namespace

CertificateInfo inspect(const std::string& certificate_pem) {
  const auto certificate = std::move(read_certificates(certificate_pem, "the text").front());
  const auto* name = X509_get_subject_name(certificate.get());
  CertificateInfo info;
  info.subject = subject_text(name);
  info.common_name = common_name(name);
  info.alternative_names = alternative_names(certificate.get());
  info.not_before = to_timestamp(X509_get0_notBefore(certificate.get()));
  info.not_after = to_timestamp(X509_get0_notAfter(certificate.get()));
  info.is_ca = X509_check_ca(certificate.get()) != 0;
  return info;
}

void verify(const std::string& certificate_pem, const std::string& ca_pem, Timestamp now) {
  // Further certificates behind the first are intermediates, as a TLS server sends them.
  auto chain = read_certificates(certificate_pem, "the text");
  const Owned<X509_STORE, X509_STORE_free> trusted(X509_STORE_new());
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  const Owned<STACK_OF(X509), free_shallow> untrusted(sk_X509_new_null());
  require(trusted && context && untrusted, "a certificate store");
  for (const auto& ca : read_certificates(ca_pem, "the CA")) {
    require(X509_STORE_add_cert(trusted.get(), ca.get()) == 1, "a certificate store");
  }
  for (std::size_t i = 1; i < chain.size(); ++i) require(sk_X509_push(untrusted.get(), chain[i].get()) > 0, "a chain");
  require(X509_STORE_CTX_init(context.get(), trusted.get(), chain.front().get(), untrusted.get()) == 1, "a check");
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(to_epoch_seconds(now)));
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);  // an intermediate CA may be trusted alone
  if (X509_verify_cert(context.get()) == 1) return;
  const std::string why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  ERR_clear_error();
  throw Error(Fault::invalid, "certificate " + subject_text(X509_get_subject_name(chain.front().get())) + ": " + why);
}

}  // namespace slipway::tls
