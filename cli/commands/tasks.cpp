#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual ListTasks::manual() {
  return {"tasks", {"list-tasks"}, "", "List upgrade tasks", {"pks tasks", "pks tasks --json"}};
}

int ListTasks::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto tasks = Api(file).get("/v1/tasks");
  if (json) {
    terminal.out << tasks.dump(2) << "\n";
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& task : tasks) rows.push_back({field(task, "uuid"), field(task, "type"), field(task, "status")});
  terminal.out << "\n" << table({"Task ID", "Type", "Status"}, rows) << "\n";
  return exit_ok;
}

Manual ShowTask::manual() { return {"task", {}, "TASK-ID", "Show one upgrade task", {"pks task TASK-ID"}}; }

int ShowTask::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto task = Api(file).get("/v1/tasks/" + http::url_encode(line.argument()));
  terminal.out << (json ? task.dump(2) + "\n"
                        : block({{"Task ID", field(task, "uuid")},
                                 {"Type", field(task, "type")},
                                 {"Status", field(task, "status")}}));
  return exit_ok;
}

}  // namespace slipway::cli
