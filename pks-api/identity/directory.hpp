#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/secret.hpp"
#include "pks-api/identity/group_scopes.hpp"

namespace slipway::pks {

// How users are found in an LDAP directory, and what they may do.
struct DirectorySettings {
  std::string url;      // ldaps://HOST:PORT, or ldap://HOST:PORT, which is left by StartTLS; empty: no directory
  std::string ca_file;  // PEM
  std::string bind_dn;  // who searches
  std::string bind_password_file;
  std::string user_base, user_filter;    // {username} is put in, escaped
  std::string user_attribute;            // names a user
  std::string group_base, group_filter;  // {dn} is put in, escaped
  std::string group_attribute;           // names a group
  GroupScopes scopes;
  std::chrono::seconds timeout{};        // of connecting and of each question
};

// The keys ldap.…; what is wrong becomes a problem of the file, or Fault::invalid for what only a second look
// shows.
DirectorySettings read_directory_settings(Config& file);

struct DirectoryUser {
  std::string name;                 // as the directory writes it: it takes ALANA for alana
  std::vector<std::string> scopes;  // of all groups; none: the user may only log in to clusters
  std::vector<std::string> groups;
};

// Users of an LDAP directory (RFC 4511), over TLS only. A connection a question: a directory that was away is there
// again at once. Fault::retryable when it does not answer, is not who its certificate should say, or does not
// take the searcher's password. Thread-safe.
class Directory {
 public:
  // Fault::not_found or invalid: the password file.
  explicit Directory(DirectorySettings settings);

  // Nothing when the password is wrong, empty, or there is not exactly one such user.
  std::optional<DirectoryUser> authenticate(const std::string& name, const Secret& password) const;
  // The user as he is now; nothing when he is gone.
  std::optional<DirectoryUser> find(const std::string& name) const;

 private:
  DirectorySettings settings_;
  Secret bind_password_;
};

}  // namespace slipway::pks
