#include "base/tls.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

using namespace slipway;
using namespace std::chrono_literals;

namespace tls_test {

namespace {

const Timestamp now = from_epoch_seconds(1'800'000'000);

const tls::KeyPair& ca() {
  static const auto pair = tls::create_ca({.common_name = "Test CA"}, 24h * 365, now);
  return pair;
}

template <class Action>
std::string failure_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    return error.what();
  }
  return "";
}

// What the openssl command, which did not write it, says about a text.
std::string openssl(std::vector<std::string> arguments, const std::string& input) {
  arguments.insert(arguments.begin(), "openssl");
  return run_checked({.argv = std::move(arguments), .standard_input = input});
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a BOSH client certificate carries the subject NATS expects") {
  const std::string name = "0f8d4c1e-5a3b-4a7f-9d2c-1b2a3c4d5e6f.bootstrap.agent.bosh-internal";  // 67 characters
  const auto pair = tls::issue(ca(), {.subject = {.common_name = name, .bosh_style = true}, .usage = tls::Usage::client}, now);
  const auto info = tls::inspect(pair.certificate_pem);
  CHECK(info.subject == "C=USA, O=Cloud Foundry, CN=" + name);
  CHECK(info.common_name == name);
  CHECK_FALSE(info.is_ca);
  const auto text = openssl({"x509", "-noout", "-text"}, pair.certificate_pem);
  CHECK(contains(text, "C = USA, O = Cloud Foundry, CN = " + name));
  CHECK(contains(text, "TLS Web Client Authentication"));
  CHECK_FALSE(contains(text, "TLS Web Server Authentication"));
  CHECK(contains(text, "Digital Signature, Key Encipherment"));
  CHECK(contains(openssl({"asn1parse"}, pair.certificate_pem), "PRINTABLESTRING   :USA"));
}

TEST_CASE("a server certificate names hosts and addresses and is trusted by its CA only") {
  const auto pair = tls::issue(
      ca(), {.subject = {.common_name = "d"}, .alternative_names = {"director.example", "*.bosh", "10.0.0.6", "fd00::1"}}, now);
  const auto info = tls::inspect(pair.certificate_pem);
  CHECK(info.alternative_names == std::vector<std::string>{"director.example", "*.bosh", "10.0.0.6", "fd00::1"});
  CHECK(info.not_before <= now);
  CHECK(info.not_after == now + 24h * 365);
  CHECK_NOTHROW(tls::verify(pair.certificate_pem, ca().certificate_pem, now));
  const auto stranger = tls::create_ca({.common_name = "Test CA"}, 24h, now);
  CHECK_FALSE(failure_of([&] { tls::verify(pair.certificate_pem, stranger.certificate_pem, now); }).empty());
  CHECK(contains(failure_of([&] { tls::verify(pair.certificate_pem, ca().certificate_pem, now + 24h * 366); }), "expired"));
  CHECK(contains(failure_of([&] { tls::verify(pair.certificate_pem, ca().certificate_pem, now - 1h); }), "not yet valid"));
}

TEST_CASE("a name cannot smuggle a second one in") {
  CHECK_FALSE(failure_of([] { tls::issue(ca(), {.alternative_names = {"a,DNS:b"}}, now); }).empty());
  CHECK_FALSE(failure_of([] { tls::issue(ca(), {.alternative_names = {std::string("a\0b", 3)}}, now); }).empty());
  const auto pair = tls::issue(ca(), {.subject = {.common_name = "x, CN=admin"}}, now);
  CHECK_FALSE(tls::inspect(pair.certificate_pem).subject == "CN=x, CN=admin");
}

TEST_CASE("an intermediate CA signs leaves but no further CA") {
  const auto middle = tls::create_ca({.common_name = "Middle"}, 24h, now, 2048, &ca());
  CHECK(tls::inspect(middle.certificate_pem).is_ca);
  const auto leaf = tls::issue(middle, {.subject = {.common_name = "leaf"}}, now);
  CHECK_NOTHROW(tls::verify(leaf.certificate_pem, middle.certificate_pem, now));
  CHECK_NOTHROW(tls::verify(leaf.certificate_pem + middle.certificate_pem, ca().certificate_pem, now));
  CHECK_FALSE(failure_of([&] { tls::verify(leaf.certificate_pem, ca().certificate_pem, now); }).empty());
  const auto below = tls::create_ca({.common_name = "Below"}, 24h, now, 2048, &middle);
  const auto bad = tls::issue(below, {.subject = {.common_name = "bad"}}, now);
  CHECK(contains(failure_of([&] {
          tls::verify(bad.certificate_pem + below.certificate_pem + middle.certificate_pem, ca().certificate_pem, now);
        }), "path length"));
}

TEST_CASE("a certificate that is no CA signs nothing") {
  const auto leaf = tls::issue(ca(), {.subject = {.common_name = "leaf"}}, now);
  CHECK(contains(failure_of([&] { tls::issue(leaf, {}, now); }), "not a CA"));
  const tls::KeyPair mixed{ca().certificate_pem, leaf.private_key_pem};
  CHECK(contains(failure_of([&] { tls::issue(mixed, {}, now); }), "does not belong"));
}

TEST_CASE("a self-signed certificate vouches for itself") {
  const auto pair = tls::self_signed({.subject = {.common_name = "s"}, .alternative_names = {"127.0.0.1"}}, now);
  CHECK_NOTHROW(tls::verify(pair.certificate_pem, pair.certificate_pem, now));
  const auto other = tls::self_signed({.subject = {.common_name = "s"}}, now);
  CHECK_FALSE(failure_of([&] { tls::verify(pair.certificate_pem, other.certificate_pem, now); }).empty());
}

TEST_CASE("serial numbers differ and are positive") {
  const auto a = openssl({"x509", "-noout", "-serial"}, tls::self_signed({}, now).certificate_pem);
  const auto b = openssl({"x509", "-noout", "-serial"}, tls::self_signed({}, now).certificate_pem);
  CHECK(a != b);
  CHECK_FALSE(contains(a, "-"));
}

TEST_CASE("garbage is refused") {
  CHECK_FALSE(failure_of([] { tls::inspect("garbage"); }).empty());
  CHECK_FALSE(failure_of([] { tls::inspect("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"); }).empty());
  CHECK_FALSE(failure_of([] { tls::ssh_public_key("garbage"); }).empty());
  CHECK_FALSE(failure_of([] { tls::create_rsa_key(512); }).empty());
}

TEST_CASE("SSH keys and fingerprints agree with ssh-keygen") {
  const auto key = tls::create_rsa_key();
  CHECK(key.private_key_pem.reveal().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
  CHECK(key.public_key_pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
  const TempDir folder;
  const auto path = (folder.path() / "key").string();
  write_file_atomically(path, key.private_key_pem.reveal(), 0600);
  ProcessResult keygen;
  try {
    keygen = run({.argv = {"ssh-keygen", "-y", "-f", path}});
  } catch (const Error&) {
    MESSAGE("ssh-keygen is not installed");
    return;
  }
  CHECK(tls::ssh_public_key(key.public_key_pem) + "\n" == keygen.standard_output);
  const auto fingerprint = run_checked({.argv = {"ssh-keygen", "-l", "-E", "md5", "-f", path}});
  CHECK(contains(fingerprint, "MD5:" + tls::ssh_fingerprint(key.public_key_pem) + " "));
}

TEST_CASE("an RS256 signature holds for its message and key only") {
  const auto key = tls::create_rsa_key(), other = tls::create_rsa_key();
  const auto signature = tls::rs256_sign(key.private_key_pem, "message");
  CHECK(tls::rs256_verify(key.public_key_pem, "message", signature));
  CHECK_FALSE(tls::rs256_verify(key.public_key_pem, "massage", signature));
  CHECK_FALSE(tls::rs256_verify(other.public_key_pem, "message", signature));
  CHECK_FALSE(tls::rs256_verify(key.public_key_pem, "message", ""));
  CHECK_FALSE(tls::rs256_verify(key.public_key_pem, "message", signature + "x"));
}

TEST_CASE("sealed text opens with its key and place only") {
  const Secret key(std::string(32, 'k')), other(std::string(32, 'o'));
  const auto sealed = tls::seal(key, "plain", "row-1");
  CHECK(sealed != tls::seal(key, "plain", "row-1"));
  CHECK(sealed.find("plain") == std::string::npos);
  CHECK(tls::open_sealed(key, sealed, "row-1").reveal() == "plain");
  CHECK(tls::open_sealed(key, tls::seal(key, "", ""), "").empty());
  CHECK_FALSE(failure_of([&] { tls::open_sealed(other, sealed, "row-1"); }).empty());
  CHECK_FALSE(failure_of([&] { tls::open_sealed(key, sealed, "row-2"); }).empty());
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(failure_of([&] { tls::open_sealed(key, changed, "row-1"); }).empty());
    CHECK_FALSE(failure_of([&] { tls::open_sealed(key, sealed.substr(0, i), "row-1"); }).empty());
  }
  CHECK_FALSE(failure_of([&] { tls::seal(Secret("short"), "x", ""); }).empty());
}

TEST_CASE("a password matches its own hash only") {
  const auto hash = tls::hash_password(Secret("hunter2"));
  CHECK(hash.starts_with("scrypt$32768$8$3$"));
  CHECK(std::count(hash.begin(), hash.end(), '$') == 5);
  CHECK(tls::check_password(Secret("hunter2"), hash));
  CHECK_FALSE(tls::check_password(Secret("hunter3"), hash));
  CHECK(hash != tls::hash_password(Secret("hunter2")));
}

TEST_CASE("a malformed or absurdly costly hash matches nothing") {
  for (const auto* hash : {"", "x", "scrypt$1$2$3", "scrypt$32768$8$3$!!$AAAA", "scrypt$99999999$8$1$AAAA$AAAA",
                           "scrypt$-1$8$1$AAAA$AAAA", "scrypt$3$8$1$AAAA$AAAA", "bcrypt$2$8$1$AAAA$AAAA"}) {
    CAPTURE(hash);
    CHECK_FALSE(tls::check_password(Secret("p"), hash));
  }
}

}  // namespace tls_test
