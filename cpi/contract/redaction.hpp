#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace slipway::cpi {

// Keeps the secrets of one CPI request out of the task's log: certificates and keys of
// env.bosh.mbus, blobstore credentials, and every value whose key names a password, secret,
// token or private key, also when the CPI repeats it in a log line or an error message.
class Redactor {
 public:
  static constexpr std::string_view mark = "<redacted>";

  // `more` are secrets whose keys do not say so.
  explicit Redactor(const Json& request, const std::vector<std::string>& more = {});

  // A copy of `value` with secret members replaced by `mark`; everything else is unchanged.
  Json json(const Json& value) const;

  // `text` without any secret of the request. Secrets shorter than 6 characters are left
  // alone: replacing them would make any text unreadable.
  std::string text(std::string_view text) const;

 private:
  std::vector<std::string> secrets_;  // longest first
};

}  // namespace slipway::cpi
