#include "cli/cluster_view.hpp"
#include "cli/commands/commands.hpp"

namespace slipway::cli {

namespace po = boost::program_options;

namespace {

std::string time_text(const Json& object, const char* key) {
  const auto seconds = object.value(key, std::int64_t{0});
  return seconds == 0 ? "" : to_rfc3339(from_epoch_seconds(seconds));
}

std::string task_text(const Json& task) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& member : task.value("clusters", Json::array())) {
    rows.push_back({field(member, "cluster_name"), field(member, "last_action_state"),
                    time_text(member, "start_time"), time_text(member, "end_time"),
                    field(member, "is_canary"), field(member, "last_action_description")});
  }
  return "\n" +
         block({{"Task ID", field(task, "uuid")},
                {"Type", field(task, "type")},
                {"Status", field(task, "status")},
                {"Start", time_text(task, "start_time")},
                {"End", time_text(task, "end_time")}}) +
         "\n" + table({"Name", "Status", "Start", "End", "isCanary", "Remark"}, rows) + "\n";
}

}  // namespace

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

}  // namespace slipway::cli
