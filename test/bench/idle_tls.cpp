#include <openssl/ssl.h>
#include <unistd.h>

// The baseline of goal 7: nothing but the TLS library, set up as a client needs it.
int main() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return 1;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL* session = SSL_new(context);
  if (session == nullptr) return 1;
  pause();
  SSL_free(session);
  SSL_CTX_free(context);
  return 0;
}
