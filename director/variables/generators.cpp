#include "director/variables/generators.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "base/tls.hpp"
#include "director/domain/error_codes.hpp"
#include "director/domain/names.hpp"
#include "director/domain/reader.hpp"

namespace slipway::director {

namespace {

constexpr int default_password_length = 20;
constexpr int default_days = 365;

std::optional<Json> password(HashReader& in) {
  const auto length = in.integer_or("length", default_password_length, 1, 1024);
  std::string alphabet;
  if (!in.boolean_or("exclude_lower", false)) alphabet += "abcdefghijklmnopqrstuvwxyz";
  if (!in.boolean_or("exclude_upper", false)) alphabet += "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (!in.boolean_or("exclude_number", false)) alphabet += "0123456789";
  if (alphabet.empty()) {
    in.complain("exclude_lower", "and the other exclusions leave no character to choose from", code::variable_generation);
    return std::nullopt;
  }
  return Json(SystemRandom().text(static_cast<std::size_t>(length), alphabet));
}

int key_length(HashReader& in) {
  const auto bits = in.integer_or("key_length", default_key_length, 2048, 8192);
  if (bits % 1024 == 0) return static_cast<int>(bits);
  in.complain("key_length", "is " + std::to_string(bits) + "; allowed are multiples of 1024 from 2048 on",
              code::variable_generation);
  return default_key_length;
}

tls::Usage usage_of(HashReader& in) {
  bool server = false, client = false;
  for (const auto& usage : in.texts_or_empty("extended_key_usage")) {
    if (usage == "server_auth") server = true;
    else if (usage == "client_auth") client = true;
    else {
      in.complain("extended_key_usage", "names '" + usage + "'; allowed are 'client_auth' and 'server_auth'",
                  code::variable_generation);
    }
  }
  return client && server ? tls::Usage::server_and_client : client ? tls::Usage::client : tls::Usage::server;
}

// The CA a certificate names, as a key pair; a problem when it is not there or is no CA.
std::optional<tls::KeyPair> signer(HashReader& in, const std::string& ca, const FindCa& find_ca) {
  const auto value = find_ca(ca);
  if (!value) {
    in.complain("ca", "is '" + ca + "', which is neither stored nor defined among the variables", code::variable_generation);
    return std::nullopt;
  }
  const bool complete = value->is_object() && value->contains("certificate") && value->contains("private_key");
  if (!complete || !tls::inspect(value->at("certificate").get<std::string>()).is_ca) {
    in.complain("ca", "is '" + ca + "', which is no CA certificate with its key (is 'is_ca: true' missing there?)",
                code::variable_generation);
    return std::nullopt;
  }
  return tls::KeyPair{value->at("certificate").get<std::string>(), Secret(value->at("private_key").get<std::string>())};
}

std::optional<Json> certificate(HashReader& in, const FindCa& find_ca, const TakeKey& take_key, Timestamp now) {
  const auto problems_before = in.problems().items().size();
  const bool is_ca = in.boolean_or("is_ca", false);
  const auto ca = in.text_or("ca", "");
  const auto bits = key_length(in);
  tls::CertificateRequest request;
  request.subject = {in.text_or("common_name", ""), in.text_or("organization", ""), false};
  request.alternative_names = in.texts_or_empty("alternative_names");
  request.usage = usage_of(in);
  request.lifetime = std::chrono::hours(24 * in.integer_or("duration", default_days, 1, 100 * 366));
  request.rsa_bits = bits;
  if (request.subject.common_name.empty() && request.alternative_names.empty()) {
    in.complain("common_name", "is required where there are no alternative_names", code::variable_generation);
  }
  std::optional<tls::KeyPair> issuer;
  if (!ca.empty()) issuer = signer(in, ca, find_ca);
  if (in.problems().items().size() != problems_before) return std::nullopt;

  request.private_key_pem = take_key(bits);
  const auto made = is_ca    ? tls::create_ca(request.subject, request.lifetime, now, bits, issuer ? &*issuer : nullptr,
                                              tls::KeyType::rsa, request.private_key_pem)
                    : issuer ? tls::issue(*issuer, request, now)
                             : tls::self_signed(request, now);
  return Json{{"ca", issuer ? issuer->certificate_pem : made.certificate_pem},
              {"certificate", made.certificate_pem},
              {"private_key", made.private_key_pem.reveal()}};
}

std::optional<Json> rsa(HashReader& in) {
  const auto key = tls::create_rsa_key(key_length(in));
  return Json{{"private_key", key.private_key_pem.reveal()}, {"public_key", key.public_key_pem}};
}

std::optional<Json> ssh(HashReader& in) {
  const auto key = tls::create_rsa_key(key_length(in));
  return Json{{"private_key", key.private_key_pem.reveal()},
              {"public_key", tls::ssh_public_key(key.public_key_pem)},
              {"public_key_fingerprint", tls::ssh_fingerprint(key.public_key_pem)}};
}

bool certificate_fits(HashReader& in, const Json& value, const FindCa& find_ca) {
  if (!value.is_object() || !value.contains("certificate")) return false;
  const auto info = tls::inspect(value.at("certificate").get<std::string>());
  auto wanted = in.texts_or_empty("alternative_names"), has = info.alternative_names;
  std::sort(wanted.begin(), wanted.end());
  std::sort(has.begin(), has.end());
  const bool is_ca = in.boolean_or("is_ca", false);
  // A CA carries no alternative names, whatever its options say.
  if (info.common_name != in.text_or("common_name", "") || info.is_ca != is_ca || (!is_ca && wanted != has)) return false;
  const auto ca = in.text_or("ca", "");
  if (ca.empty()) return value.value("ca", "") == value.value("certificate", "");
  const auto issuer = find_ca(ca);
  return issuer && issuer->is_object() && issuer->value("certificate", "") == value.value("ca", "");
}

}  // namespace

std::optional<Json> generate_value(const std::string& type, const Json& options, const std::string& place,
                                   const FindCa& find_ca, const TakeKey& take_key, Timestamp now, Problems& problems) {
  HashReader in(options, place + ".options", problems);
  if (type == "password") return password(in);
  if (type == "certificate") return certificate(in, find_ca, take_key, now);
  if (type == "rsa") return rsa(in);
  if (type == "ssh") return ssh(in);
  problems.add(place + ".type",
               "is '" + type + "'; values can be generated for 'certificate', 'password', 'rsa' and 'ssh'",
               code::variable_generation);
  return std::nullopt;
}

bool still_fits(const std::string& type, const Json& options, const Json& value, const FindCa& find_ca) {
  Problems ignored;  // wrong options are told where a value is generated from them
  HashReader in(options, "", ignored);
  if (type == "password") {
    const auto length = in.integer_or("length", default_password_length, 1, 1024);
    return value.is_string() && value.get_ref<const std::string&>().size() == static_cast<std::size_t>(length);
  }
  if (type == "certificate") return certificate_fits(in, value, find_ca);
  return true;
}

}  // namespace slipway::director
