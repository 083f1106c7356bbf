#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/tls.hpp"

// For tls*.cpp only: ownership of OpenSSL's objects and its errors as ours.
namespace slipway::tls {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};
template <class T, auto release>
using Owned = std::unique_ptr<T, Release<release>>;

using KeyPtr = Owned<EVP_PKEY, EVP_PKEY_free>;

// Throws Fault::internal with OpenSSL's reason unless `good`; clears its error queue.
void require(bool good, const char* what);

Owned<BIO, BIO_free_all> reading(const std::string& text);
std::string written(BIO* bio);

// Answers "no password": without it OpenSSL asks on the terminal.
int no_password(char*, int, int, void*);

KeyPtr generate_rsa(int bits);                      // Fault::invalid outside 1024…8192
KeyPtr generate_key(KeyType type, int rsa_bits);    // rsa_bits count for RSA only
KeyPtr read_private_key(const Secret& pem);         // Fault::invalid
KeyPtr read_public_key(const std::string& pem);     // Fault::invalid
Secret private_key_pem(EVP_PKEY* key);              // "BEGIN RSA PRIVATE KEY" or "BEGIN EC PRIVATE KEY", as BOSH writes them

}  // namespace slipway::tls
