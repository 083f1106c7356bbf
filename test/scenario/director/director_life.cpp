#include "test/scenario/director/director_life.hpp"

#include <filesystem>
#include <map>

#include "director/executor/bodies.hpp"
#include "director/executor/instance_tasks.hpp"
#include "director/executor/problems/problem_tasks.hpp"

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

class MortalCpi final : public cpi::Cpi {
  template <class Action>
  auto look(Action&& action) {
    fate_.require_alive();
    return action();
  }
  template <class Action>
  auto change(const char* method, Action&& action) {
    const Mortality::Effect effect{std::string("CPI ") + method, true};
    if constexpr (std::is_void_v<decltype(action())>) {
      fate_.act(effect, action);
    } else {
      std::optional<decltype(action())> result;
      fate_.act(effect, [&] { result.emplace(action()); });
      return std::move(*result);
    }
  }

 public:
  MortalCpi(cpi::Cpi& cpi, Mortality& fate) : cpi_(cpi), fate_(fate) {}

  cpi::Info info() override { return look([&] { return cpi_.info(); }); }
  StemcellCid create_stemcell(const std::string& image_path, const Json& cloud_properties,
                              const Json& tags) override {
    return change("create_stemcell", [&] { return cpi_.create_stemcell(image_path, cloud_properties, tags); });
  }
  void delete_stemcell(const StemcellCid& stemcell) override {
    change("delete_stemcell", [&] { cpi_.delete_stemcell(stemcell); });
  }
  cpi::CreatedVm create_vm(const cpi::CreateVm& request) override {
    return change("create_vm", [&] { return cpi_.create_vm(request); });
  }
  void delete_vm(const VmCid& vm) override {
    change("delete_vm", [&] { cpi_.delete_vm(vm); });
  }
  void reboot_vm(const VmCid& vm) override {
    change("reboot_vm", [&] { cpi_.reboot_vm(vm); });
  }
  bool has_vm(const VmCid& vm) override {
    return look([&] { return cpi_.has_vm(vm); });
  }
  void set_vm_metadata(const VmCid& vm, const Json& metadata) override {
    change("set_vm_metadata", [&] { cpi_.set_vm_metadata(vm, metadata); });
  }
  Json calculate_vm_cloud_properties(const cpi::VmRequirements& requirements) override {
    return look([&] { return cpi_.calculate_vm_cloud_properties(requirements); });
  }
  DiskCid create_disk(std::int64_t size_mib, const Json& cloud_properties, const std::optional<VmCid>& near_vm,
                      const std::string& idempotency_key) override {
    return change("create_disk",
                  [&] { return cpi_.create_disk(size_mib, cloud_properties, near_vm, idempotency_key); });
  }
  void delete_disk(const DiskCid& disk) override {
    change("delete_disk", [&] { cpi_.delete_disk(disk); });
  }
  bool has_disk(const DiskCid& disk) override {
    return look([&] { return cpi_.has_disk(disk); });
  }
  Json attach_disk(const VmCid& vm, const DiskCid& disk) override {
    return change("attach_disk", [&] { return cpi_.attach_disk(vm, disk); });
  }
  void detach_disk(const VmCid& vm, const DiskCid& disk) override {
    change("detach_disk", [&] { cpi_.detach_disk(vm, disk); });
  }
  std::vector<DiskCid> get_disks(const VmCid& vm) override {
    return look([&] { return cpi_.get_disks(vm); });
  }
  void set_disk_metadata(const DiskCid& disk, const Json& metadata) override {
    change("set_disk_metadata", [&] { cpi_.set_disk_metadata(disk, metadata); });
  }
  void resize_disk(const DiskCid& disk, std::int64_t new_size_mib) override {
    change("resize_disk", [&] { cpi_.resize_disk(disk, new_size_mib); });
  }
  std::optional<DiskCid> update_disk(const DiskCid& disk, std::int64_t new_size_mib,
                                     const Json& cloud_properties) override {
    return change("update_disk", [&] { return cpi_.update_disk(disk, new_size_mib, cloud_properties); });
  }
  cpi::SnapshotCid snapshot_disk(const DiskCid& disk, const Json& metadata) override {
    return change("snapshot_disk", [&] { return cpi_.snapshot_disk(disk, metadata); });
  }
  void delete_snapshot(const cpi::SnapshotCid& snapshot) override {
    change("delete_snapshot", [&] { cpi_.delete_snapshot(snapshot); });
  }
  Json create_network(const Json& subnet_definition) override {
    return change("create_network", [&] { return cpi_.create_network(subnet_definition); });
  }
  void delete_network(const cpi::NetworkCid& network) override {
    change("delete_network", [&] { cpi_.delete_network(network); });
  }

 private:
  cpi::Cpi& cpi_;
  Mortality& fate_;
};

class MortalCpis final : public Cpis {
 public:
  MortalCpis(Cpis& cpis, Mortality& fate) : cpis_(cpis), fate_(fate) {}
  std::shared_ptr<cpi::Cpi> open(const std::string& name, cpi::CallObserver observer) override {
    const auto real = cpis_.open(name, std::move(observer));
    return {new MortalCpi(*real, fate_), [real](cpi::Cpi* mortal) { delete mortal; }};
  }
  std::vector<std::string> names() const override { return cpis_.names(); }

 private:
  Cpis& cpis_;
  Mortality& fate_;
};

class MortalAgents final : public AgentClient {
 public:
  MortalAgents(AgentClient& agents, Mortality& fate) : agents_(agents), fate_(fate) {}

  Json request(const AgentId& agent, const std::string& method, const Json& arguments,
               std::chrono::milliseconds timeout) override {
    Json answer;
    const auto ask = [&] { answer = agents_.request(agent, method, arguments, timeout); };
    if (only_asks(method)) {
      fate_.require_alive();
      ask();
    } else {
      fate_.act({"message " + method, true}, ask);
    }
    return answer;
  }
  void post(const AgentId& agent, const std::string& method, const Json& arguments) override {
    fate_.act({"message " + method, false}, [&] { agents_.post(agent, method, arguments); });
  }
  bool wait_for_life(const AgentId& agent, std::chrono::milliseconds timeout) override {
    fate_.require_alive();
    return agents_.wait_for_life(agent, timeout);
  }

 private:
  static bool only_asks(const std::string& method) {
    return method == "ping" || method == "get_state" || method == "get_task" || method == "list_disk";
  }
  AgentClient& agents_;
  Mortality& fate_;
};

// The bus lets in whom the store knows when the director starts, as its server is configured anew.
class MortalAccess final : public AgentAccess {
 public:
  MortalAccess(SimulatedAccess& access, Mortality& fate, Vms& vms) : access_(access), fate_(fate) {
    for (const auto& agent : access_.allowed()) access_.forbid(agent);
    for (const auto& vm : vms.all()) access_.allow(vm.agent);
  }
  void allow(const AgentId& agent) override {
    fate_.act({"allow on the bus", false}, [&] { access_.allow(agent); });
  }
  void forbid(const AgentId& agent) override {
    fate_.act({"forbid on the bus", false}, [&] { access_.forbid(agent); });
  }
  Json issue_bootstrap(const AgentId& agent) override { return access_.issue_bootstrap(agent); }
  Json issue_permanent(const AgentId& agent) override { return access_.issue_permanent(agent); }

 private:
  SimulatedAccess& access_;
  Mortality& fate_;
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
        stores(database, Secret(std::string(32, 'k'))),
        locks(database, world.system_clock, name_of(number)),
        random(number),
        cpis(*world.cpis, fate),
        agents(world.agents, fate),
        access(world.access, fate, stores.vms),
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
