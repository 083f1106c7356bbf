#include <iostream>
#include <regex>

#include <unistd.h>

#include "base/command_line.hpp"
#include "base/stop_signals.hpp"
#include "base/tls.hpp"
#include "pks-api/audit/audit_log.hpp"
#include "pks-api/daemon.hpp"
#include "pks-api/identity/identity.hpp"
#include "pks-api/store/store.hpp"

namespace options = boost::program_options;
using namespace slipway;
using namespace slipway::pks;

namespace {

constexpr const char* usage =
    R"(slipway-pks-api: offers clusters by plan and carries each order through the director

  slipway-pks-api --config FILE                   run
  slipway-pks-api --config FILE --check-config    say what is wrong with the file and stop
  slipway-pks-api init --folder DIR --address IP --director-url URL --director-ca FILE
                       --director-password-file FILE --plans-folder DIR
                       [--director-user NAME] [--ca-cert FILE --ca-key FILE] [--name DNS-NAME…]
                       [--port N] [--identity-port N]
                                                  make a first configuration with all keys
  slipway-pks-api user add NAME [--scope SCOPE…] [--group GROUP…] --config FILE < PASSWORD
  slipway-pks-api user remove NAME --config FILE
  slipway-pks-api user list --config FILE
  slipway-pks-api client add|remove|list …        the same for clients of client_credentials
  slipway-pks-api audit verify [--from NUMBER] --config FILE
                                                  is the audit log as it was written? --from: the
                                                  first line there is, where older files lie elsewhere
  slipway-pks-api config-reference                every key of the configuration, as Markdown

Clusters are told of a user's groups; they give no right over clusters.
Scopes: pks.clusters.admin, pks.clusters.manage, pks.clusters.admin.read
Exit codes: 0 fine, 1 it failed, 2 wrong usage.
)";

PksConfig config_in(const std::string& file) {
  auto reader = Config::load(file);
  return read_pks_config(reader);
}

int serve(const Words& words) {
  std::string file;
  bool check_only = false;
  options::options_description known;
  known.add_options()("config", options::value(&file)->required())("check-config",
                                                                   options::bool_switch(&check_only));
  read_options(known, words);
  const auto config = config_in(file);
  check_files(config);
  if (check_only) {
    std::cout << file << " is fine\n";
    return 0;
  }
  const StopSignals stop;
  auto log = Log::to("pks-api", config.log_file, config.log_level);
  Daemon daemon(config, log);
  log.info("pks-api.stopping", {{"signal", std::to_string(stop.wait())}});
  return 0;
}

int init(const Words& words) {
  InitOptions init;
  options::options_description known;
  known.add_options()("folder", options::value(&init.folder)->required())(
      "address", options::value(&init.address)->required())("director-url",
                                                            options::value(&init.director_url)->required())(
      "director-ca", options::value(&init.director_ca_file)->required())("director-user",
                                                                         options::value(&init.director_user))(
      "director-password-file", options::value(&init.director_password_file)->required())(
      "plans-folder", options::value(&init.plans_folder)->required())(
      "ca-cert", options::value(&init.ca_certificate_file))("ca-key", options::value(&init.ca_key_file))(
      "name", options::value(&init.names)->composing())("port", options::value(&init.port))(
      "identity-port", options::value(&init.identity_port));
  read_options(known, words);
  for (const auto& line : init_pks_api(init)) std::cout << line << "\n";
  return 0;
}

// `kind` is "user" or "client".
int identities(const std::string& kind, const Words& words) {
  std::string verb, name, file;
  Words scopes, groups;
  options::options_description known;
  known.add_options()("verb", options::value(&verb)->required())("name", options::value(&name))(
      "config", options::value(&file)->required())("scope", options::value(&scopes)->composing())(
      "group", options::value(&groups)->composing());
  read_options(known, words, options::positional_options_description().add("verb", 1).add("name", 1));
  const auto config = config_in(file);
  sql::Database database(config.database_url);
  database.migrate(migrations());
  IdentityStore store(database);
  SystemClock clock;
  if (verb == "list") {
    for (const auto& user : store.users(kind)) {
      std::cout << user.name;
      for (const auto& scope : user.scopes) std::cout << "  " << scope;
      for (const auto& group : user.groups) std::cout << "  group:" << group;
      std::cout << "\n";
    }
    return 0;
  }
  if (!std::regex_match(name, std::regex("[A-Za-z0-9._@-]{1,128}"))) {
    throw UsageError("a name of 1 to 128 letters, digits, '.', '_', '@' and '-' is needed");
  }
  AuditLog audit(config.audit_file, database, clock, config.audit_rotate_bytes);
  const auto note = [&](const std::string& outcome) {
    audit.append({"local:" + std::to_string(::getuid()), "", kind + " " + verb, name, outcome, 0}, true);
  };
  if (verb == "remove") {
    note("begun");
    if (!store.remove_user(kind, name)) {
      note("refused");
      throw Error(Fault::not_found, "there is no " + kind + " '" + name + "'");
    }
    note("done");
    return 0;
  }
  if (verb != "add") throw UsageError("'" + verb + "' is not one of add, remove and list");
  if (kind == "client" && !groups.empty()) throw UsageError("a client has scopes only, no --group");
  // Who only uses clusters needs no right over them.
  if (kind == "client" || groups.empty() || !scopes.empty()) check_scopes(scopes);
  check_groups(groups);
  std::string password;
  std::getline(std::cin, password);
  if (password.size() < 8)
    throw Error(Fault::invalid, "the password on standard input has less than 8 characters");
  note("begun");
  store.put_user(kind, {name, tls::hash_password(Secret(password)), scopes, 0, groups});
  note("done");
  return 0;
}

int audit(const Words& words) {
  std::string verb, file;
  std::uint64_t from = 1;
  options::options_description known;
  known.add_options()("verb", options::value(&verb)->required())("config", options::value(&file)->required())(
      "from", options::value(&from));
  read_options(known, words, options::positional_options_description().add("verb", 1));
  if (verb != "verify") throw UsageError("'" + verb + "' is not verify");
  const auto config = config_in(file);
  sql::Database database(config.database_url);
  database.migrate(migrations());
  const auto verdict = AuditLog::verify(config.audit_file, database, from);
  if (!verdict.problem.empty()) {
    throw Error(Fault::invalid, "the audit log " + config.audit_file + " was changed: " + verdict.problem);
  }
  std::cout << config.audit_file << ": " << verdict.entries << " lines, each as it was written";
  if (verdict.entries > 0) std::cout << ", from " << verdict.first_at << " to " << verdict.last_at;
  std::cout << "\n";
  return 0;
}

int dispatch(const Words& words) {
  const auto word = words.empty() ? "" : words.front();
  if (word.empty() || word == "--help" || word == "-h" || word == "help") {
    std::cout << usage;
    return word.empty() ? 2 : 0;
  }
  const Words rest(words.begin() + 1, words.end());
  if (word == "init") return init(rest);
  if (word == "audit") return audit(rest);
  if (word == "user" || word == "client") return identities(word, rest);
  if (word == "config-reference") {
    auto config = Config::describing();
    read_pks_config(config);
    std::cout << config.reference_markdown("slipway-pks-api configuration");
    return 0;
  }
  return serve(words);
}

}  // namespace

int main(int argc, char** argv) { return run_program("slipway-pks-api", argc, argv, dispatch); }
