#include "cli/cluster_session.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/digest.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/yaml.hpp"
#include "cli/credentials.hpp"

namespace slipway::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds least_left{30};  // for the request that the token is wanted for

// Held until the end of the scope, or of the process.
Fd locked(const fs::path& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.open()) throw Error(Fault::forbidden, path.string() + " cannot be made");
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw Error(Fault::internal, path.string() + " cannot be locked");
  }
  return file;
}

ClusterSession::Token token_of(const std::string& id_token) {
  const auto claims = claims_of_own(id_token);
  const auto expires = claims.is_object() ? claims.find("exp") : claims.end();
  if (!claims.is_object() || expires == claims.end() || !expires->is_number())
    throw Error(Fault::invalid, "the issuer's token does not say when it expires");
  return {id_token, from_epoch_seconds(static_cast<std::int64_t>(expires->get<double>()))};
}

}  // namespace

ClusterSession::ClusterSession(const Terminal& terminal, const std::string& issuer_url, const std::string& client,
                               std::string user)
    : folder_(CredentialsFile(terminal).folder() / "issuers"), user_(std::move(user)) {
  file_ = folder_ / (sha256_hex(dump(Json{issuer_url, client, user_})).substr(0, 24) + ".yml");
}

void ClusterSession::save(const IssuerClient& issuer, const IssuerTokens& tokens) const {
  fs::create_directories(folder_);
  fs::permissions(folder_.parent_path(), fs::perms::owner_all);
  fs::permissions(folder_, fs::perms::owner_all);
  write_file_atomically(file_,
                        to_yaml({{"issuer", issuer.url},
                                 {"ca", issuer.ca},
                                 {"client", issuer.client},
                                 {"user", user_},
                                 {"id_token", tokens.id_token},
                                 {"refresh_token", tokens.refresh_token}}),
                        0600);
}

std::optional<ClusterSession::Token> ClusterSession::token(Clock& clock) const {
  if (!fs::exists(file_)) return std::nullopt;
  const auto lock = locked(file_.string() + ".lock");
  const auto yaml = parse_yaml(read_file(file_), file_.string());
  Problems problems;
  JsonReader in(yaml, "", problems);
  const IssuerClient issuer{in.string("issuer"), in.string_or("ca", ""), in.string("client")};
  const IssuerTokens kept{in.string("id_token"), in.string_or("refresh_token", "")};
  problems.throw_if_any(file_.string());
  const auto token = token_of(kept.id_token);
  if (token.expires > clock.now() + least_left) return token;
  const auto fresh = refreshed_at(issuer, kept.refresh_token);
  if (!fresh) return std::nullopt;
  save(issuer, *fresh);
  return token_of(fresh->id_token);
}

}  // namespace slipway::cli
