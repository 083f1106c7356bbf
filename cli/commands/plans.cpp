#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual Plans::manual() {
  return {"plans", {"list-plans"}, "", "List the plans that clusters can be created by", {"pks plans", "pks plans --json"}};
}

int Plans::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer, with node counts");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto plans = Api(file).get("/v1/plans");
  if (json) {
    terminal.out << plans.dump(2) << "\n";
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& plan : plans) rows.push_back({field(plan, "name"), field(plan, "id"), field(plan, "description")});
  terminal.out << "\n" << table({"Name", "ID", "Description"}, rows) << "\n";
  return exit_ok;
}

}  // namespace slipway::cli
