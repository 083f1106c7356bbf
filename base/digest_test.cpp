#include "base/digest.hpp"

#include <doctest/doctest.h>

#include "base/file.hpp"

using namespace slipway;

namespace digest_test {

namespace {
constexpr auto sha1_abc = "a9993e364706816aba3e25717850c26c9cd0d89d";
constexpr auto sha256_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
}  // namespace

TEST_CASE("digests agree with the published vectors") {
  CHECK(sha1_hex("abc") == sha1_abc);
  CHECK(sha256_hex("abc") == sha256_abc);
  Hasher hasher(DigestKind::sha512);
  hasher.update("a");
  hasher.update("bc");
  CHECK(hasher.hex().substr(0, 32) == "ddaf35a193617abacc417349ae204131");
}

TEST_CASE("HMAC agrees with RFC 4231") {
  CHECK(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac_sha256("", "").size() == 32);
}

TEST_CASE("base64 agrees with RFC 4648 in both alphabets") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},  {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(base64_encode(plain) == encoded);
    CHECK(base64_decode(encoded) == plain);
  }
  CHECK(base64url_encode("\xff\xfe\xfd\xfc") == "__79_A");
  CHECK(base64url_decode("__79_A") == "\xff\xfe\xfd\xfc");
  CHECK(base64_decode("Zm9v\r\nYmFy\n") == "foobar");
}

TEST_CASE("base64 that is not canonical is refused") {
  for (const auto* text : {"Z", "Zg", "Zg=", "Zm9v=", "Zg==Zg==", "Zh==", "Zm 9v", "====", "Zm9-"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(base64_decode(text), Error);
  }
  for (const auto* text : {"Z", "Zg==", "Zh", "Zm9+"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(base64url_decode(text), Error);
  }
}

TEST_CASE("a bare digest is SHA-1 and of several only the strongest counts") {
  CHECK(MultiDigest::parse(sha1_abc).kind() == DigestKind::sha1);
  const auto both = MultiDigest::parse(std::string(sha1_abc) + ";sha256:" + sha256_abc);
  CHECK(both.kind() == DigestKind::sha256);
  CHECK(both.hex() == sha256_abc);
  CHECK(both.matches(DigestKind::sha256, sha256_abc));
  CHECK_FALSE(both.matches(DigestKind::sha1, sha1_abc));
}

TEST_CASE("digests of an unknown kind are skipped unless they stand alone") {
  CHECK(MultiDigest::parse(std::string("blake9:00;sha1:") + sha1_abc).hex() == sha1_abc);
  CHECK_THROWS_AS(MultiDigest::parse("blake9:00"), Error);
  CHECK_THROWS_AS(MultiDigest::parse(""), Error);
  CHECK_THROWS_AS(MultiDigest::parse(";"), Error);
}

TEST_CASE("a malformed digest of a known kind is refused") {
  CHECK_THROWS_AS(MultiDigest::parse("sha256:abc"), Error);
  CHECK_THROWS_AS(MultiDigest::parse(std::string(40, 'g')), Error);
  CHECK(MultiDigest::parse(std::string(40, 'A')).hex() == std::string(40, 'a'));
}

TEST_CASE("a file that differs from its digest is refused with both digests") {
  const TempDir folder;
  const auto path = (folder.path() / "blob").string();
  write_file_atomically(path, "abc");
  CHECK(sha256_of_file(path) == std::string("sha256:") + sha256_abc);
  CHECK_NOTHROW(verify_file(path, MultiDigest::parse(sha1_abc)));
  try {
    verify_file(path, MultiDigest::parse(std::string(40, '0')));
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::invalid);
    CHECK(std::string(error.what()).find(sha1_abc) != std::string::npos);
    CHECK(std::string(error.what()).find(std::string(40, '0')) != std::string::npos);
  }
  CHECK_THROWS_AS(sha256_of_file(path + ".missing"), Error);
}

}  // namespace digest_test
