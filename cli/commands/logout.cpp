#include "cli/commands/commands.hpp"

namespace slipway::cli {

Manual Logout::manual() { return {"logout", {}, "", "Log out: the session ends and creds.yml goes", {"pks logout"}}; }

int Logout::run(const Words& words) {
  CommandLine(manual()).parse(words);
  const CredentialsFile file(terminal);
  if (const auto credentials = file.load()) log_out(*credentials);
  file.remove();
  terminal.out << "Logged out.\n";
  return exit_ok;
}

}  // namespace slipway::cli
