#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "director/store/schema.hpp"
#include "director/store/stores.hpp"
#include "director/tasks/director_lease.hpp"
#include "director/tasks/task_queue.hpp"

// Goal 10: a director is killed with TASKS tasks in flight, each STEPS steps into its journal and in
// the middle of the next.
//
//   slipway-bench-recovery TASKS STEPS REPEATS
//
// Prints a line for each repeat, in milliseconds from the start of a process: until every task's body runs again and has
// read its journal (lease, schema and queue as the director has them), and its floor, reading every
// task and every step once in order. Fails when a task is lost, doubled or forgot a step.
namespace {

using namespace slipway;
using namespace slipway::director;
namespace fs = std::filesystem;

constexpr const char* type = "create_deployment";
const auto started = std::chrono::steady_clock::now();

double elapsed_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
}

std::string url(const fs::path& folder) { return "sqlite://" + (folder / "director.db").string(); }

Json intent_of(int task, int step) {
  return {{"agent", "agent-" + std::to_string(task) + "-" + std::to_string(step)},
          {"instance", "server/" + std::to_string(step)},
          {"cpi", ""}};
}

// Writes what a director had written by the moment it is killed, and waits for that.
int leave(const fs::path& folder, int tasks_wanted, int steps) {
  SystemClock clock;
  sql::Database database(url(folder));
  database.migrate(migrations());
  Tasks tasks(database, (folder / "tasks").string());
  Journal journal(database);
  for (int i = 0; i < tasks_wanted; ++i) {
    TaskRecord task;
    task.type = type;
    task.user = "admin";
    task.arguments = {{"manifest", "name: dep-" + std::to_string(i) + "\n"}};
    tasks.insert(task, clock.now());
    const auto claimed = tasks.claim("killed", {type}, clock.now()).value();
    for (int step = 0; step <= steps; ++step) {
      const auto begun = journal.begin(claimed.id, "create_vm", "agent-" + std::to_string(step), intent_of(i, step),
                                       clock.now());
      if (step < steps) journal.finish(begun.id, {{"vm_cid", "vm-" + std::to_string(step)}}, clock.now());
    }
  }
  std::cout << "!" << std::flush;
  for (;;) std::this_thread::sleep_for(std::chrono::hours{1});
}

int read_all(const fs::path& folder) {
  sql::Database database(url(folder), 1);
  std::size_t bytes = 0;
  for (const auto& row : database.run("SELECT * FROM tasks ORDER BY id").rows)
    bytes += parse_json(row.text("arguments"), "arguments").size();
  for (const auto& row : database.run("SELECT * FROM steps ORDER BY id").rows)
    bytes += parse_json(row.text("intent"), "intent").size();
  if (bytes == 0) return 1;
  std::cout << elapsed_ms();
  return 0;
}

int resume(const fs::path& folder, int tasks_wanted, int steps) {
  SystemClock clock;
  sql::Database database(url(folder));
  const auto lock_file = (folder / "director.db.lock").string();
  DirectorLease lease(database, clock,
                      {.id = "next", .lock_file = lock_file, .migrate = [&] { database.migrate(migrations()); }},
                      [] { std::abort(); });
  Tasks tasks(database, (folder / "tasks").string());
  Journal journal(database);
  TaskQueue queue(tasks, clock, Log::discard(),
                  {.director_id = "next", .workers = static_cast<std::size_t>(tasks_wanted), .urgent_workers = 0});
  std::latch all_run(tasks_wanted);
  std::mutex mutex;
  std::map<TaskId, int> runs;
  std::atomic<int> wrong = 0;
  double all_resumed = 0;
  queue.register_type(type, [&](TaskContext& context) {
    const auto found = journal.of_task(context.task().id);
    const auto open = journal.unfinished(context.task().id);
    if (found.size() != static_cast<std::size_t>(steps) + 1 || open.size() != 1) ++wrong;
    {
      const std::lock_guard lock(mutex);
      ++runs[context.task().id];
    }
    all_run.arrive_and_wait();
    return std::string("resumed");
  });
  queue.start();
  all_run.wait();
  all_resumed = elapsed_ms();
  queue.stop();
  for (const auto& [id, count] : runs) wrong += count == 1 ? 0 : 1;
  if (runs.size() != static_cast<std::size_t>(tasks_wanted) || wrong != 0) {
    std::cerr << runs.size() << " tasks resumed, " << wrong << " of them wrongly\n";
    return 1;
  }
  std::cout << all_resumed;
  return 0;
}

int measure(const char* self, const std::string& tasks, const std::string& steps, int repeats) {
  const TempDir left("recovery", fs::current_path() / "build");
  {
    ChildProcess director({.argv = {self, "leave", left.path().string(), tasks, steps}});
    director.read_exactly(1, std::chrono::minutes{10});
    director.send_signal(SIGKILL);
  }
  for (int i = 0; i < repeats; ++i) {
    const TempDir folder("recovery", fs::current_path() / "build");
    fs::copy(left.path(), folder.path(), fs::copy_options::recursive);
    const auto child = [&](const char* mode) {
      return std::stod(run_checked({.argv = {self, mode, folder.path().string(), tasks, steps}}));
    };
    // The floor first and last, and the better of the two: all three find the file in memory.
    const auto before = child("read"), resumed = child("resume"), after = child("read");
    std::cout << resumed << " " << std::min(before, after) << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (argc == 4) return measure("/proc/self/exe", argv[1], argv[2], std::stoi(argv[3]));
    if (argc != 5) {
      std::cerr << "usage: slipway-bench-recovery TASKS STEPS REPEATS\n";
      return 2;
    }
    const fs::path folder = argv[2];
    const int tasks = std::stoi(argv[3]), steps = std::stoi(argv[4]);
    if (mode == "leave") return leave(folder, tasks, steps);
    if (mode == "read") return read_all(folder);
    return resume(folder, tasks, steps);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
