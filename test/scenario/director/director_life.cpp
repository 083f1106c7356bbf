#include "test/scenario/director/director_life.hpp"

#include <filesystem>
#include <map>

#include "director/executor/bodies.hpp"
#include "director/executor/instance_tasks.hpp"
#include "director/executor/problems/problem_tasks.hpp"
#include "test/scenario/director/mortal_wires.hpp"

namespace slipway::test {

using namespace director;

namespace {

// Not for two threads otherwise, and never the same in two lives.
class LifesRandom final : public Random {
 public:
  explicit LifesRandom(int life) : random_(1000 + static_cast<std::uint64_t>(life)) {}
  void fill(std::span<std::byte> out) override {
    const std::lock_guard lock(mutex_);
    random_.fill(out);
  }

 private:
  std::mutex mutex_;
  SeededRandom random_;
};

std::string url_of(DirectorWorld& world) {
  return "sqlite://" + (world.folder.path() / "director.db").string();
}

std::string name_of(int number) { return "director-life-" + std::to_string(number); }

constexpr const char* idle_type = "idle";
constexpr const char* output_kinds[] = {"event", "result", "debug", "cpi"};

}  // namespace

std::filesystem::path upload_of(const DirectorWorld& world) { return world.folder.path() / "upload"; }

Tasks tasks_of(DirectorWorld& world) { return {world.database, (world.folder.path() / "tasks").string()}; }

void submit_idle_task(DirectorWorld& world) { submit(world, idle_type, Json::object()); }

TaskRecord submit(DirectorWorld& world, const std::string& type, const Json& arguments) {
  TaskRecord task;
  task.type = type;
  task.user = "admin";
  task.arguments = arguments;
  return tasks_of(world).insert(task, world.clock.now());
}

struct DirectorLife::Parts {
  DirectorWorld& world;
  Mortality& fate;
  sql::Database database;
  Stores stores;
  Locks locks;
  LifesRandom random;
  MortalCpis cpis;
  MortalAgents agents;
  MortalAccess access;
  Services services;
  ArtifactServices artifacts;
  Tasks tasks;
  TaskQueue queue;

  std::mutex mutex;
  std::condition_variable something;  // a task's state was written, or the director died
  std::map<std::string, std::uintmax_t> outputs_at_death;
  bool idle = false;
  TaskId watched = 0;

  Parts(DirectorWorld& the_world, Mortality& the_fate, int number)
      : world(the_world),
        fate(the_fate),
        database(url_of(world)),
        stores(database, Secret(store_key)),
        locks(database, world.system_clock, name_of(number)),
        random(number),
        cpis(*world.cpis, fate),
        agents(world.agents, fate),
        access(world.access, fate),
        services{world.clock, random, Log::discard(),   stores, locks,
                 world.blobs, cpis,   agents,           access, world.renderer,
                 world.services.settings},
        artifacts{world.clock, random, stores, locks, world.blobs, cpis, world.services.settings.work_folder},
        tasks(database, (world.folder.path() / "tasks").string()),
        queue(tasks, world.clock, Log::discard(),
              {.director_id = name_of(number), .workers = 1, .urgent_workers = 1}) {
    database.interpose([this](std::string_view what, bool changes, const std::function<void()>& action) {
      if (what.starts_with("SELECT id FROM tasks WHERE id = :1 AND director")) {
        fate.act({"a look at the task", false, true}, action);
        return;
      }
      if (!changes) {
        fate.require_alive();
        action();
        return;
      }
      fate.act({"store " + std::string(what.substr(0, 60)), false}, action);
      if (what.starts_with("UPDATE tasks")) tell();
    });
    access.configure_anew(stores.vms);
    fate.on_death = [this] { note_death(); };
    register_deployment_tasks(queue, services, world.templates);
    register_artifact_tasks(queue, artifacts);
    register_instance_tasks(queue, services, world.templates);
    register_problem_tasks(queue, services);
    // With one worker, this runs when that has nothing else to do.
    queue.register_type(idle_type, [this](TaskContext&) {
      const std::lock_guard lock(mutex);
      idle = true;
      return std::string();
    });
  }

  void tell() {
    const std::lock_guard lock(mutex);
    something.notify_all();
  }

  std::uintmax_t size_of(const std::string& file) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    return error ? 0 : size;
  }

  // The queue tells its outputs of a failure, which a dead process cannot.
  void note_death() {
    const std::lock_guard lock(mutex);
    for (const auto* kind : output_kinds) {
      const auto file = tasks.output_path(watched, kind);
      outputs_at_death[file] = size_of(file);
    }
    // Unwinding removes what an upload brought; a kill does not.
    const auto upload = upload_of(world);
    using Copy = std::filesystem::copy_options;
    if (std::filesystem::exists(upload))
      std::filesystem::copy(upload, upload.string() + ".kept", Copy::recursive | Copy::create_hard_links);
    something.notify_all();
  }

  void forget_last_words() {
    for (const auto& [file, size] : outputs_at_death) {
      if (size_of(file) > size) std::filesystem::resize_file(file, size);
    }
    // Renaming one link of a file to another would leave both.
    const std::filesystem::path kept = upload_of(world).string() + ".kept";
    if (!std::filesystem::exists(kept)) return;
    std::filesystem::remove_all(upload_of(world));
    std::filesystem::rename(kept, upload_of(world));
  }
};

DirectorLife::DirectorLife(DirectorWorld& world, Mortality& fate, int number)
    : parts_(std::make_unique<Parts>(world, fate, number)) {}

DirectorLife::~DirectorLife() {
  parts_->queue.stop();
  parts_->fate.on_death = {};
  parts_->forget_last_words();
}

bool DirectorLife::live(TaskId task) {
  auto& parts = *parts_;
  parts.watched = task;
  const auto ended = [&] { return is_final(tasks_of(parts.world).find(task)->state); };
  const auto over = [&] { return parts.fate.slept() ? parts.idle : ended(); };
  try {
    parts.queue.start();
  } catch (const Error&) {
    if (!parts.fate.dead()) throw;
    return false;
  }
  std::unique_lock lock(parts.mutex);
  parts.something.wait(lock, [&] { return parts.fate.dead() || over(); });
  return ended();
}

}  // namespace slipway::test
