#include "cli/credentials.hpp"

#include "base/file.hpp"
#include "base/yaml.hpp"

namespace slipway::cli {

namespace fs = std::filesystem;

CredentialsFile::CredentialsFile(const Terminal& terminal) {
  const auto own = terminal.environment("PKS_HOME");
  const auto home = terminal.environment("HOME");
  if (own && !own->empty()) {
    folder_ = *own;
  } else if (home && !home->empty()) {
    folder_ = fs::path(*home) / ".pks";
  } else {
    throw UsageError("neither PKS_HOME nor HOME is set: there is no place for creds.yml");
  }
}

std::optional<Credentials> CredentialsFile::load() const {
  const auto file = folder_ / "creds.yml";
  if (!fs::exists(file)) return std::nullopt;
  const auto yaml = parse_yaml(read_file(file), file.string());
  Problems problems;
  JsonReader in(yaml, "", problems);
  Credentials c;
  c.api = in.string("api");
  c.identity = in.string_or("identity", "");
  c.username = in.string_or("username", "");
  c.client = in.string_or("client", "pks_cli");
  c.access_token = in.string("access_token");
  c.refresh_token = in.string_or("refresh_token", "");
  c.ca = in.string_or("ca", "");
  c.skip_ssl_validation = in.boolean_or("skip_ssl_validation", false);
  c.issuer = in.string_or("issuer", "");
  c.issuer_ca = in.string_or("issuer_ca", "");
  problems.throw_if_any(file.string());
  return c;
}

void CredentialsFile::save(const Credentials& c) const {
  if (!fs::exists(folder_)) {
    fs::create_directories(folder_);
    fs::permissions(folder_, fs::perms::owner_all);
  }
  Json kept = {{"api", c.api},
               {"identity", c.identity},
               {"username", c.username},
               {"client", c.client},
               {"access_token", c.access_token},
               {"refresh_token", c.refresh_token},
               {"ca", c.ca},
               {"skip_ssl_validation", c.skip_ssl_validation}};
  if (!c.issuer.empty()) kept.update({{"issuer", c.issuer}, {"issuer_ca", c.issuer_ca}});
  write_file_atomically(folder_ / "creds.yml", to_yaml(kept), 0600);
}

void CredentialsFile::remove() const { fs::remove(folder_ / "creds.yml"); }

}  // namespace slipway::cli
