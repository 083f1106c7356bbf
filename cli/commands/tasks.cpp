#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/task_watch.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

Manual ListTasks::manual() {
  return {"tasks",
          {"list-tasks"},
          "",
          "List upgrade tasks, the newest first",
          {"pks tasks", "pks tasks --limit 50 --json"}};
}

int ListTasks::run(const Words& words) {
  bool json = false;
  int limit = 0;
  CommandLine line(manual());
  line.flags()("limit,l", po::value(&limit)->default_value(10), "how many at most")(
      "json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto tasks = Api(file).get("/v1/tasks?limit=" + std::to_string(limit));
  if (json) {
    terminal.out << tasks.dump(2) << "\n";
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& task : tasks) {
    rows.push_back({field(task, "uuid"), field(task, "type"), field(task, "status"),
                    time_text(task, "start_time"), time_text(task, "end_time")});
  }
  terminal.out << "\n" << table({"Task ID", "Type", "Status", "Start", "End"}, rows) << "\n";
  return exit_ok;
}

Manual ShowTask::manual() {
  return {"task", {}, "TASK-ID", "Show one upgrade task with its clusters", {"pks task TASK-ID"}};
}

int ShowTask::run(const Words& words) {
  bool json = false;
  CommandLine line(manual());
  line.flags()("json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  const auto task = Api(file).get("/v1/tasks/" + http::url_encode(line.argument()));
  terminal.out << (json ? task.dump(2) + "\n" : task_text(task));
  return exit_ok;
}

Manual CancelTask::manual() {
  return {"cancel-task",
          {},
          "TASK-ID",
          "Begin nothing more of an upgrade task; what runs goes on to its end",
          {"pks cancel-task TASK-ID"}};
}

int CancelTask::run(const Words& words) {
  CommandLine line(manual());
  line.parse(words);
  CredentialsFile file(terminal);
  const auto task = Api(file).call("PUT", "/v1/tasks/" + http::url_encode(line.argument()), "");
  terminal.out << task_text(task);
  return exit_ok;
}

Manual SteerTask::manual() const {
  const std::string verb = order.verb;
  return {verb + "-task", {}, "TASK-ID", order.summary, {"pks " + verb + "-task TASK-ID --wait"}};
}

int SteerTask::run(const Words& words) {
  bool wait = false, json = false;
  long timeout = 0;
  CommandLine line(manual());
  line.flags()("wait", po::bool_switch(&wait), order.waits)(
      "timeout", po::value(&timeout)->default_value(86400), "seconds that --wait waits at most")(
      "json", po::bool_switch(&json), "the API's answer");
  line.parse(words);
  CredentialsFile file(terminal);
  Api api(file);
  auto task = api.call("POST", "/v1/tasks/" + http::url_encode(line.argument()) + "/" + order.verb, "");
  if (wait) {
    std::set<std::string> phases;
    if (order.pauses) phases.insert("paused");
    task = TaskWatch(terminal, api, clock, json).wait(line.argument(), phases, std::chrono::seconds(timeout));
  }
  terminal.out << (json ? task.dump(2) + "\n" : task_text(task));
  if (wait && order.upgrades) require_all_upgraded(task);
  return exit_ok;
}

}  // namespace slipway::cli
