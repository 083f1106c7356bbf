#pragma once

#include <filesystem>
#include <string>

#include "cli/issuer.hpp"

namespace slipway::cli {

// By what a user of an issuer logs in to clusters: the tokens that kubectl asks `pks` for again and again. They lie in
// $PKS_HOME/issuers or ~/.pks/issuers, one file for an issuer, its client and a user, so that no name ever sends the
// tokens of another one.
class ClusterSession {
 public:
  // `user`: as clusters call him. UsageError as CredentialsFile throws.
  ClusterSession(const Terminal& terminal, const std::string& issuer_url, const std::string& client, std::string user);

  void save(const IssuerClient& issuer, const IssuerTokens& tokens) const;  // 0600

  struct Token {
    std::string text;
    Timestamp expires;
  };
  // One that holds for a while yet, of the file or of the issuer: of several programs that ask at once one gets a new
  // one for all. Nothing when there is no session, or it is over. Fault::invalid for a broken file; what refreshed_at
  // throws.
  std::optional<Token> token(Clock& clock) const;

 private:
  std::filesystem::path folder_, file_;
  std::string user_;
};

}  // namespace slipway::cli
