#include "pks-api/identity/directory.hpp"

#include <ldap.h>

#include <memory>
#include <regex>

#include "base/file.hpp"

namespace slipway::pks {

namespace {

constexpr std::size_t max_groups = 1000;

struct Unbind {
  void operator()(LDAP* connection) const { ldap_unbind_ext_s(connection, nullptr, nullptr); }
};
using Connection = std::unique_ptr<LDAP, Unbind>;
using Message = std::unique_ptr<LDAPMessage, decltype(&ldap_msgfree)>;

// The library's text tells no secret: it is of the code alone.
[[noreturn]] void fail(const std::string& doing, int code) {
  throw Error(Fault::retryable, "the LDAP directory: " + doing + ": " + ldap_err2string(code));
}

void require(int code, const std::string& doing) {
  if (code != LDAP_SUCCESS) fail(doing, code);
}

Connection connected(const DirectorySettings& settings) {
  LDAP* raw = nullptr;
  require(ldap_initialize(&raw, settings.url.c_str()), "reading its URL");
  Connection connection(raw);
  const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
  timeval patience{};
  patience.tv_sec = settings.timeout.count();
  const auto set = [raw](int option, const void* value) {
    require(ldap_set_option(raw, option, value), "setting option " + std::to_string(option));
  };
  set(LDAP_OPT_PROTOCOL_VERSION, &version);
  set(LDAP_OPT_NETWORK_TIMEOUT, &patience);
  set(LDAP_OPT_TIMEOUT, &patience);
  set(LDAP_OPT_REFERRALS, LDAP_OPT_OFF);  // a password goes to this server and no other
  set(LDAP_OPT_X_TLS_CACERTFILE, settings.ca_file.c_str());
  set(LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
  set(LDAP_OPT_X_TLS_NEWCTX, &client);  // last: it takes up the two above
  if (settings.url.starts_with("ldap://")) require(ldap_start_tls_s(raw, nullptr, nullptr), "StartTLS");
  return connection;
}

int bound(LDAP* connection, const std::string& dn, const Secret& password) {
  berval credentials{};
  credentials.bv_len = password.reveal().size();
  credentials.bv_val = const_cast<char*>(password.reveal().data());
  return ldap_sasl_bind_s(connection, dn.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, nullptr);
}

// RFC 4515: nothing of `value` is taken for a part of the filter.
std::string escaped(const std::string& value) {
  berval in{}, out{};
  in.bv_len = value.size();
  in.bv_val = const_cast<char*>(value.data());
  if (ldap_bv2escaped_filter_value(&in, &out) != 0) throw Error(Fault::internal, "no memory for an LDAP filter");
  std::string text(out.bv_val, out.bv_len);
  ldap_memfree(out.bv_val);
  return text;
}

std::string filled(std::string filter, const std::string& blank, const std::string& value) {
  const auto safe = escaped(value);
  for (auto at = filter.find(blank); at != std::string::npos; at = filter.find(blank, at + safe.size()))
    filter.replace(at, blank.size(), safe);
  return filter;
}

Message searched(LDAP* connection, const std::string& base, const std::string& filter, const char* attribute,
                 int most, const std::string& doing) {
  char* attributes[] = {const_cast<char*>(attribute), nullptr};
  LDAPMessage* found = nullptr;
  const auto code = ldap_search_ext_s(connection, base.c_str(), LDAP_SCOPE_SUBTREE, filter.c_str(), attributes, 0,
                                      nullptr, nullptr, nullptr, most, &found);
  Message message(found, ldap_msgfree);
  // Too many are as good as those that were asked for: the caller sees that they are more than it takes.
  if (code != LDAP_SIZELIMIT_EXCEEDED && code != LDAP_NO_SUCH_OBJECT) require(code, doing);
  return message;
}

std::optional<std::string> first_value(LDAP* connection, LDAPMessage* entry, const std::string& attribute) {
  const std::unique_ptr<berval*, decltype(&ldap_value_free_len)> values(
      ldap_get_values_len(connection, entry, attribute.c_str()), ldap_value_free_len);
  if (!values || !values.get()[0]) return std::nullopt;
  return std::string(values.get()[0]->bv_val, values.get()[0]->bv_len);
}

struct Entry {
  std::string dn, name;
};

Connection searcher(const DirectorySettings& settings, const Secret& password) {
  auto connection = connected(settings);
  require(bound(connection.get(), settings.bind_dn, password), "logging in as ldap.bind_dn");
  return connection;
}

std::optional<Entry> only_user(LDAP* connection, const DirectorySettings& settings, const std::string& name) {
  const auto found = searched(connection, settings.user_base, filled(settings.user_filter, "{username}", name),
                              settings.user_attribute.c_str(), 2, "looking for a user");
  if (!found || ldap_count_entries(connection, found.get()) != 1) return std::nullopt;
  auto* entry = ldap_first_entry(connection, found.get());
  const std::unique_ptr<char, decltype(&ldap_memfree)> dn(ldap_get_dn(connection, entry), ldap_memfree);
  const auto own_name = first_value(connection, entry, settings.user_attribute);
  if (!dn || !own_name) return std::nullopt;
  return Entry{dn.get(), *own_name};
}

DirectoryUser rights_of(LDAP* connection, const DirectorySettings& settings, const Entry& entry_of_user) {
  DirectoryUser user;
  user.name = entry_of_user.name;
  const auto found = searched(connection, settings.group_base, filled(settings.group_filter, "{dn}", entry_of_user.dn),
                              settings.group_attribute.c_str(), static_cast<int>(max_groups), "looking for groups");
  if (!found) return user;
  std::vector<std::string> groups;
  for (auto* entry = ldap_first_entry(connection, found.get()); entry; entry = ldap_next_entry(connection, entry)) {
    if (auto group = first_value(connection, entry, settings.group_attribute)) groups.push_back(std::move(*group));
  }
  user.scopes = scopes_of(settings.scopes, groups);
  user.groups = groups_for_clusters(groups);
  return user;
}

}  // namespace

DirectorySettings read_directory_settings(Config& in) {
  DirectorySettings s;
  s.url = in.string("ldap.url", "",
                    "ldaps://HOST:PORT, or ldap://HOST:PORT, which is left by StartTLS; empty: no LDAP directory");
  s.ca_file = in.path("ldap.ca_file", "", "PEM CA of the directory's certificate");
  s.bind_dn = in.string("ldap.bind_dn", "", "who searches the directory");
  s.bind_password_file = in.path("ldap.bind_password_file", "", "file with that one's password");
  s.user_base = in.string("ldap.user_base", "", "where users lie, such as ou=people,dc=example,dc=org");
  s.user_filter = in.string("ldap.user_filter", "(uid={username})", "finds exactly one user");
  s.user_attribute = in.string("ldap.user_attribute", "uid",
                               "the attribute that names a user; how it is written there is who he is here");
  s.group_base = in.string("ldap.group_base", "", "where groups lie");
  s.group_filter = in.string("ldap.group_filter", "(member={dn})", "finds the groups of a user");
  s.group_attribute = in.string("ldap.group_attribute", "cn", "the attribute that names a group");
  const auto scopes = in.value("ldap.scopes", Json::object(), "scopes by the name of a group: {GROUP: [SCOPE…]}");
  s.timeout = std::chrono::seconds(
      in.integer("ldap.timeout_seconds", 10, 1, 120, "for connecting, and for each answer of the directory"));
  if (s.url.empty()) return s;
  static const std::regex allowed("ldaps?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?");
  if (!std::regex_match(s.url, allowed)) {
    throw Error(Fault::invalid, "ldap.url is '" + s.url.substr(0, 200) + "', expected is ldaps://HOST:PORT");
  }
  for (const auto& [key, value] :
       {std::pair{"ca_file", s.ca_file}, {"bind_dn", s.bind_dn}, {"bind_password_file", s.bind_password_file},
        {"user_base", s.user_base}, {"group_base", s.group_base}}) {
    if (value.empty()) throw Error(Fault::invalid, std::string("ldap.") + key + " is missing, and ldap.url is set");
  }
  if (s.user_filter.find("{username}") == std::string::npos)
    throw Error(Fault::invalid, "ldap.user_filter has no {username}, so that every name would be the same user");
  if (s.group_filter.find("{dn}") == std::string::npos)
    throw Error(Fault::invalid, "ldap.group_filter has no {dn}, so that every user would be in every group");
  s.scopes = read_group_scopes(scopes, "ldap.scopes");
  return s;
}

Directory::Directory(DirectorySettings settings) : settings_(std::move(settings)) {
  const auto text = read_file(settings_.bind_password_file);
  bind_password_ = Secret(text.substr(0, text.find_first_of("\r\n")));
  if (bind_password_.empty())
    throw Error(Fault::invalid, "ldap.bind_password_file: " + settings_.bind_password_file + " has no password");
  read_file(settings_.ca_file);
}

std::optional<DirectoryUser> Directory::authenticate(const std::string& name, const Secret& password) const {
  // A bind with an empty password succeeds and proves nothing (RFC 4513, 5.1.2).
  if (name.empty() || password.empty()) return std::nullopt;
  const auto connection = searcher(settings_, bind_password_);
  const auto user = only_user(connection.get(), settings_, name);
  if (!user) return std::nullopt;
  const auto code = bound(connected(settings_).get(), user->dn, password);
  // What a server says of an account that is locked, or of a password policy, is a refusal as well.
  if (code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH || code == LDAP_UNWILLING_TO_PERFORM ||
      code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_CONSTRAINT_VIOLATION || code == LDAP_NO_SUCH_OBJECT)
    return std::nullopt;
  require(code, "logging in as a user");
  return rights_of(connection.get(), settings_, *user);
}

std::optional<DirectoryUser> Directory::find(const std::string& name) const {
  if (name.empty()) return std::nullopt;
  const auto connection = searcher(settings_, bind_password_);
  const auto user = only_user(connection.get(), settings_, name);
  if (!user) return std::nullopt;
  return rights_of(connection.get(), settings_, *user);
}

}  // namespace slipway::pks
